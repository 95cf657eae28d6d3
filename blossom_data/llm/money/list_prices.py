"""The list price of a hosted model, out of genai-prices: a dated table of providers and models, read offline.

    list_price("gpt-4o-mini", "https://api.openai.com/v1")   ->   Price(in_usd=0.15, out_usd=0.6, ...)
    list_price("gpt-4o-mini", "http://127.0.0.1:8000/v1")    ->   None

The base URL tells the provider, never the model's name alone: an engine of one's own may serve a model of the same name
for nothing, a gateway for another price. Whatever the table cannot tell is None.
"""

from __future__ import annotations

import ipaddress
import re
from datetime import UTC, datetime
from functools import cache
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from blossom_data.llm.money.prices import Price

if TYPE_CHECKING:
    from genai_prices.types import ModelPrice

_BATCH = {"processing": "batch"}


@cache
def list_price(model: str, base_url: str, *, is_batch: bool = False) -> Price | None:
    """What `model` costs today at `base_url`; of a price that differs over the day, the dearest.

    Args:
        is_batch: the provider's own price for batches; None where the table names none.
    """
    parts = urlsplit(base_url)
    if not _may_be_hosted(host := parts.hostname or ""):
        return None
    from genai_prices import __version__
    from genai_prices.data_snapshot import get_snapshot

    address = f"https://{host}{parts.path}"
    try:
        provider, found = get_snapshot().find_provider_model(model, None, None, address)
    except LookupError:
        return None
    named = re.match(provider.api_pattern, address)
    if named is None or named.end() < len("https://") + len(host):
        # The table knows how addresses begin: api.openai.com.example.com is somebody else's.
        return None
    if is_batch and not any(variant.when == _BATCH for variant in found.price_variants or ()):
        return None
    now = datetime.now(UTC)
    origin = f"{provider.id} on {now.date()}, by genai-prices {__version__}"
    hours = (found.get_prices(now.replace(hour=hour), _BATCH if is_batch else None) for hour in range(24))
    prices = [price for each in hours if (price := _per_tokens(each, origin)) is not None]
    return max(prices, key=lambda price: price.in_usd + price.out_usd, default=None)


def _per_tokens(price: ModelPrice, origin: str) -> Price | None:
    """A price that tokens alone make up; None where a request costs something besides, or a part is not named."""
    from genai_prices.types import TieredPrices

    def usd(name: str) -> float | None:
        value = getattr(price, name)
        # Tiers begin at prompts of 32,000 tokens and more, which no question of a stage comes near.
        value = value.base if isinstance(value, TieredPrices) else value
        return None if value is None else float(value)

    in_usd, out_usd, cached_in_usd = usd("input_mtok"), usd("output_mtok"), usd("cache_read_mtok")
    if in_usd is None or out_usd is None or price.requests_kcount is not None:
        return None
    return Price(in_usd, out_usd, in_usd if cached_in_usd is None else cached_in_usd, origin)


def _may_be_hosted(host: str) -> bool:
    """Whether the host may be a provider's: a name with a dot, not a machine of one's own."""
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return "." in host
    return False

"""What tokens cost: by the user's flags, else the user's own file, else the list price of the provider.

    as_of = "2026-04-30"
    [models]
    "gpt-4o-mini" = { in = 0.15, cached_in = 0.075, out = 0.60 }        # USD per million tokens

In a file a model is found by its name, without a provider before the last slash and without a date behind it
(`openai/gpt-4o-mini-2024-07-18`). An unknown price is None and stays unknown; it never becomes 0.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from blossom_data.asks import Usage
from blossom_data.config import Endpoint
from blossom_data.errors import ConfigError
from blossom_data.toml_file import read_toml

_DATE = re.compile(r"-\d{4}-?\d{2}-?\d{2}$")
_KEYS = ("in", "out", "cached_in")
_LAYOUT = 'as_of = "2026-04-30", then [models] with lines such as "m" = { in = 0.15, out = 0.60 }'


@dataclass(frozen=True, slots=True)
class Price:
    """USD per million tokens; tokens that the endpoint read from its prefix cache cost `cached_in_usd`."""

    in_usd: float
    out_usd: float
    cached_in_usd: float
    origin: str = ""
    """Who says so, with the date: shown beside a cost."""

    def cost_usd(self, tokens_in: int, tokens_out: int, tokens_cached: int = 0) -> float:
        """What so many tokens cost; `tokens_cached` is a part of `tokens_in`."""
        fresh = tokens_in - tokens_cached
        return (fresh * self.in_usd + tokens_cached * self.cached_in_usd + tokens_out * self.out_usd) / 1e6

    def of(self, usage: Usage) -> float:
        """What one reply cost; reasoning tokens are output tokens."""
        return self.cost_usd(usage.tokens_in, usage.tokens_out, usage.tokens_cached)

    def scaled(self, factor: float) -> Price:
        """The price at a discount (a batch endpoint)."""
        return Price(self.in_usd * factor, self.out_usd * factor, self.cached_in_usd * factor, self.origin)


@dataclass(frozen=True, slots=True, kw_only=True)
class Spending:
    """What tokens cost, and how much may be spent over all runs of a job; None is unknown, or no limit."""

    prices: Mapping[str, Price] = field(default_factory=dict)
    """Of the user's own file."""
    flat: Price | None = None
    """The user's own price, of any model."""
    endpoints: tuple[Endpoint, ...] = ()
    """Where the tokens are bought: at whose list prices, where the user names none."""
    factor: float = 1.0
    """Share of the price that is paid: 0.5 through batches, where the provider lists no price of its own for them."""
    budget_usd: float | None = None
    budget_tokens: int | None = None

    def price_of(self, model: str) -> Price | None:
        """The price of `model`, None when it is not known."""
        bare = model.rsplit("/", 1)[-1]
        prices = self.prices
        price = self.flat or prices.get(model) or prices.get(bare) or prices.get(_DATE.sub("", bare))
        return price.scaled(self.factor) if price else self._list_price(model)

    def _list_price(self, model: str) -> Price | None:
        """The dearest one among the endpoints with that model; of a model that is none's today, among all of them."""
        urls = [endpoint.base_url for endpoint in self.endpoints if endpoint.model == model]
        found = [self._listed(model, url) for url in urls or [endpoint.base_url for endpoint in self.endpoints]]
        known = [price for price in found if price is not None]
        return max(known, key=lambda price: price.in_usd + price.out_usd, default=None)

    def _listed(self, model: str, base_url: str) -> Price | None:
        # The table takes a while to load, and needs these classes.
        from blossom_data.llm.list_prices import list_price

        if self.factor != 1.0 and (price := list_price(model, base_url, is_batch=True)):
            return price
        price = list_price(model, base_url)
        return price.scaled(self.factor) if price else None


def load_prices(file: Path) -> dict[str, Price]:
    """Prices by model, from the user's own `file`.

    Raises:
        ConfigError: the file cannot be read, or a price is not a number from 0.
    """
    raw = read_toml(file, "prices")
    models = raw.get("models")
    if not isinstance(models, dict) or not isinstance(raw.get("as_of"), str):
        raise ConfigError(f"prices {file} need `as_of` (a date) and [models]", hint=f"the layout: {_LAYOUT}")
    return {name: _price(name, entry, file, raw["as_of"]) for name, entry in models.items()}


def _price(name: str, entry: Any, file: Path, as_of: str) -> Price:
    is_sound = isinstance(entry, dict) and set(entry) <= set(_KEYS) and {"in", "out"} <= set(entry)
    if not is_sound or not all(type(value) in (int, float) and value >= 0 for value in entry.values()):
        raise ConfigError(f"prices {file}: {name!r} needs in and out (and cached_in), in USD per million tokens")
    cached_in = entry.get("cached_in", entry["in"])
    return Price(float(entry["in"]), float(entry["out"]), float(cached_in), f"{file.name} of {as_of}")

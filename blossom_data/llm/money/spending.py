"""What tokens cost and how much may be spent: the user's flags, else the user's file, else the provider's list price.

    Spending(flat=Price(0.15, 0.6, 0.15), budget_usd=10.0).price_of("m")   ->   Price(0.15, 0.6, 0.15)
    Spending(endpoints=(Endpoint(base_url="https://api.openai.com/v1", ...),)).price_of("gpt-4o-mini")

In a file a model is found by its name, without a provider before the last slash and without a date behind it
(`openai/gpt-4o-mini-2024-07-18`). An unknown price is None and stays unknown; it never becomes 0.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from blossom_data.config import Endpoint
from blossom_data.ledger.store import StageTotals
from blossom_data.llm.money.list_prices import list_price
from blossom_data.llm.money.prices import Price

_DATE = re.compile(r"-\d{4}-?\d{2}-?\d{2}$")


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

    def spent(self, totals: Iterable[StageTotals]) -> tuple[float, int]:
        """USD, as far as prices are known, and tokens of what a ledger holds."""
        usd, tokens = 0.0, 0
        for row in totals:
            tokens += row.tokens_in + row.tokens_out
            if price := self.price_of(row.model):
                usd += price.cost_usd(row.tokens_in, row.tokens_out, row.tokens_cached)
        return usd, tokens

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
        if self.factor != 1.0 and (price := list_price(model, base_url, is_batch=True)):
            return price
        price = list_price(model, base_url)
        return price.scaled(self.factor) if price else None

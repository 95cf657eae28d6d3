"""The flags about money: prices and budgets, and what they are turned into."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, ClassVar

import typer

from blossom_data.errors import ConfigError

if TYPE_CHECKING:
    from blossom_data.llm.money.spending import Spending


@dataclass(frozen=True, slots=True, kw_only=True)
class Prices:
    """--prices, --price-in, --price-out."""

    panel: ClassVar[str] = "Money"

    prices: Annotated[
        Path | None,
        typer.Option(
            "--prices",
            exists=True,
            dir_okay=False,
            metavar="FILE",
            envvar="BLOSSOM_PRICES",
            help="Price file of your own; without it the provider's list price.",
        ),
    ] = None
    price_in: Annotated[
        float | None, typer.Option("--price-in", min=0, metavar="USD", help="USD per million input tokens.")
    ] = None
    price_out: Annotated[
        float | None, typer.Option("--price-out", min=0, metavar="USD", help="USD per million output tokens.")
    ] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Money(Prices):
    """The same, with --budget-usd and --budget-tokens."""

    budget_usd: Annotated[
        float | None,
        typer.Option("--budget-usd", min=0, metavar="USD", help="Most money, over all runs into this output."),
    ] = None
    budget_tokens: Annotated[
        int | None,
        typer.Option("--budget-tokens", min=1, metavar="N", help="Most tokens, over all runs into this output."),
    ] = None

    def within(self, *, budget_usd: float | None, budget_tokens: int | None) -> Money:
        """The same with these budgets where no flag gives one."""
        return replace(
            self,
            budget_usd=budget_usd if self.budget_usd is None else self.budget_usd,
            budget_tokens=budget_tokens if self.budget_tokens is None else self.budget_tokens,
        )


def build_spending(money: Money, *, factor: float = 1.0) -> Spending:
    """The Spending that the flags describe.

    Raises:
        ConfigError: one price without the other, or a price file that cannot be used.
    """
    budget_usd, budget_tokens = money.budget_usd, money.budget_tokens
    return replace(build_prices(money), factor=factor, budget_usd=budget_usd, budget_tokens=budget_tokens)


def build_prices(prices: Prices) -> Spending:
    """The Spending of who only wants to know what tokens cost; raises as build_spending."""
    from blossom_data.llm.money.prices import Price, load_prices
    from blossom_data.llm.money.spending import Spending

    price_in, price_out = prices.price_in, prices.price_out
    if (price_in is None) != (price_out is None):
        raise ConfigError("--price-in and --price-out belong together", hint="give both, in USD per million tokens")
    flat = None
    if price_in is not None and price_out is not None:
        flat = Price(price_in, price_out, price_in, "--price-in and --price-out")
    return Spending(prices=load_prices(prices.prices) if prices.prices else {}, flat=flat)

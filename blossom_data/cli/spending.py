"""The flags about money: prices and budgets, and what they are turned into."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from blossom_data.errors import ConfigError

if TYPE_CHECKING:
    from blossom_data.llm.spending import Spending

Function = TypeVar("Function", bound=Callable[..., Any])


def spending_options(function: Function) -> Function:
    """--budget-usd, --budget-tokens, --prices, --price-in, --price-out."""
    for option in (
        click.option("--price-out", type=click.FloatRange(min=0), help="USD per million output tokens."),
        click.option("--price-in", type=click.FloatRange(min=0), help="USD per million input tokens."),
        click.option(
            "--prices",
            type=click.Path(exists=True, dir_okay=False, path_type=Path),
            envvar="BLOSSOM_PRICES",
            help="Price file of your own; without it the provider's list price. [env: BLOSSOM_PRICES]",
        ),
        click.option(
            "--budget-tokens", type=click.IntRange(min=1), help="Most tokens, over all runs into this output."
        ),
        click.option("--budget-usd", type=click.FloatRange(min=0), help="Most money, over all runs into this output."),
    ):
        function = option(function)
    return function


def build_spending(flags: Mapping[str, Any], *, factor: float = 1.0) -> Spending:
    """The Spending that the flags describe.

    Raises:
        ConfigError: one price without the other, or a price file that cannot be used.
    """
    from blossom_data.llm.prices import Price, load_prices
    from blossom_data.llm.spending import Spending

    price_in, price_out = flags.get("price_in"), flags.get("price_out")
    if (price_in is None) != (price_out is None):
        raise ConfigError("--price-in and --price-out belong together", hint="give both, in USD per million tokens")
    flat = None
    if price_in is not None and price_out is not None:
        flat = Price(price_in, price_out, price_in, "--price-in and --price-out")
    file = flags.get("prices")
    return Spending(
        prices=load_prices(file) if file else {},
        flat=flat,
        factor=factor,
        budget_usd=flags.get("budget_usd"),
        budget_tokens=flags.get("budget_tokens"),
    )

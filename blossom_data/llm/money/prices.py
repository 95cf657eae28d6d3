"""The price of tokens, and a file of the user's own that names some.

as_of = "2026-04-30"
[models]
"gpt-4o-mini" = { in = 0.15, cached_in = 0.075, out = 0.60 }        # USD per million tokens
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from pydantic import Field, with_config

from blossom_data.asks import Usage
from blossom_data.settings_file import read_table
from blossom_data.settings_types import STRICT, Amount, Text
from blossom_data.toml_file import read_toml


@with_config(STRICT)
@dataclass(frozen=True, slots=True, kw_only=True)
class ModelPrice:
    """USD per million tokens of one model."""

    in_usd: Annotated[Amount, Field(alias="in")]
    """Tokens that are sent."""
    out: Amount
    """Tokens that are answered."""
    cached_in: Amount | None = None
    """Tokens that are sent and read from the prefix cache; as `in` without it."""


@with_config(STRICT)
@dataclass(frozen=True, slots=True, kw_only=True)
class PricesTable:
    """A price file."""

    as_of: Annotated[Text, Field(examples=['as_of = "2026-04-30"'])]
    """The date of the prices."""
    models: Annotated[Mapping[str, ModelPrice], Field(examples=['[models] "gpt-4o-mini" = { in = 0.15, out = 0.60 }'])]
    """By the model's name."""


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


def load_prices(file: Path) -> dict[str, Price]:
    """Prices by model, from the user's own `file`.

    Raises:
        ConfigError: the file cannot be read, or a price is not a number from 0.
    """
    table = read_table(read_toml(file, "prices"), PricesTable)
    origin = f"{file.name} of {table.as_of}"
    return {name: _price(entry, origin) for name, entry in table.models.items()}


def _price(entry: ModelPrice, origin: str) -> Price:
    cached_in = entry.in_usd if entry.cached_in is None else entry.cached_in
    return Price(entry.in_usd, entry.out, cached_in, origin)

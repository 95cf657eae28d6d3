"""The price of tokens, and a file of the user's own that names some.

as_of = "2026-04-30"
[models]
"gpt-4o-mini" = { in = 0.15, cached_in = 0.075, out = 0.60 }        # USD per million tokens
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from blossom_data.asks import Usage
from blossom_data.errors import ConfigError
from blossom_data.toml_file import read_toml

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

"""A sign that an output is no translation: what weights.toml calls it, how strong it is, and what was seen.

Sign("not_asked", 1.0, "not asked any more")       weighs 1.0 times the weight of `not_asked` for the two languages
"""

from __future__ import annotations

import tomllib
from functools import cache
from importlib import resources
from typing import Any, NamedTuple

THRESHOLD, THRESHOLD_OF_A_LINE = 1.0, 1.25
"""The sum at which a text is doubted, and one line of a longer text, which has less context and more ways to be put."""


class Sign(NamedTuple):
    """One sign; `strength` is 1 where it is simply there."""

    name: str
    strength: float
    detail: str


@cache
def _table() -> dict[str, Any]:
    return tomllib.loads((resources.files(__package__) / "weights.toml").read_text(encoding="utf-8"))


class Words(NamedTuple):
    """The signs that only a dictionary tells, and what they count for."""

    signs: frozenset[str]
    share: float
    """Of their weight, where all of them weigh less than `many`."""
    many: float


@cache
def word_signs() -> Words:
    row = _table()["words"]
    return Words(frozenset(row["signs"]), float(row["share"]), float(row["many"]))


@cache
def weights(source_lang: str) -> dict[str, float]:
    """Sign -> weight, of a source in English or Chinese and its translation into the other."""
    key = "en_zh" if source_lang == "en" else "zh_en"
    return {name: float(row[key]) for name, row in _table()["signs"].items() if key in row}

r"""Parse a gold label into an exact number.

    GSM8K     "72", "1,234", or a whole solution "... #### 1,234"
    Math23K   "20", "39.76", "25%", "37.5%", "((11)/(28))", "1((1)/(2))" (a mixed number is a sum)
    others    "3/4", "2 1/3", "\frac{3}{4}", "$18.00", "42元"

A label that holds no number, or more than one, is None: it is reported before anything is paid for it.
"""

from __future__ import annotations

from fractions import Fraction
from functools import lru_cache
from typing import NamedTuple

from blossom_data.answers.numerals.arabic import scan
from blossom_data.answers.numerals.normal import normalise
from blossom_data.answers.numerals.worded import scan_chinese
from blossom_data.answers.patterns import pattern
from blossom_data.answers.quantity import Quantity

MAX_GOLD = 200
"""A label is short; of a whole solution only the part after the last #### is the label."""


_TIME = pattern(r"(?<![0-9.])[0-9]{1,2}:[0-5][0-9]")
"""A time of day is no ratio; a label of one cannot tell the halves of the day apart."""


class Gold(NamedTuple):
    """A gold label: its exact value and how it is written."""

    value: Fraction
    shape: str
    """integer, decimal, fraction, mixed, percent, ratio or word."""
    text: str
    """The label itself, without the solution in front of it."""


def parse_gold(text: str) -> Gold | None:
    """Return the label as an exact number, or None when it is not exactly one number."""
    if len(text) > MAX_GOLD or "####" in text:
        _, marker, text = text.rpartition("####")
        if not marker or len(text) > MAX_GOLD:
            return None
    return _parse(text.strip())


@lru_cache(maxsize=16384)
def _parse(text: str) -> Gold | None:
    plain = normalise(text).strip().rstrip(".。")
    found = scan(plain)
    quantities = found.quantities
    if not found.is_clean:
        return None
    if not quantities:
        quantities, is_clean = scan_chinese(plain)
        if not is_clean:
            return None
    if len(quantities) != 1 or _TIME.search(plain):
        return None
    quantity = quantities[0]
    if plain[: quantity.start].strip(" ($¥€£[") or not _is_unit(plain[quantity.end :]):
        return None
    return Gold(quantity.value, _shape(quantity), text)


def _is_unit(rest: str) -> bool:
    """Tell whether what follows the number is at most a unit such as 元, km/h or dollars."""
    rest = rest.strip(" )]$")
    return len(rest) <= 24 and all(c.isalpha() or c in " ./°²³^2-'" for c in rest) and not rest.startswith(("-", "^"))


def _shape(quantity: Quantity) -> str:
    if quantity.shape == "decimal" and quantity.factor != 1:
        return "integer" if quantity.value.denominator == 1 else "decimal"
    return quantity.shape

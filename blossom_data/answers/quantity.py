"""One exact number as a model or a gold label writes it.

    "25%"   -> value 1/4,    factor 1/100, written 25
    "3万"   -> value 30000,  factor 10000, written 3
    "2 1/3" -> value 7/3,    shape "mixed"

Holds the value and the way it was written, because some policies (percent, 万, rounding) depend on the
writing. Does not read text: see `arabic.py`, `chinese.py`, `words.py`.
"""

from __future__ import annotations

from fractions import Fraction
from typing import NamedTuple

MAX_DIGITS = 60
"""Longer runs of digits are not read: no gold label is near it, and big integers are an attack."""

ONE = Fraction(1)
PERCENT = Fraction(1, 100)


class Quantity(NamedTuple):
    """A number found at `start:end` of a text (sign and currency included, unit left out).

    A named tuple, like the other results of this package: a check makes several of them, a frozen dataclass takes
    four times as long to make, and importing `dataclasses` takes longer than importing the rest.
    """

    value: Fraction
    start: int
    end: int
    shape: str
    """integer, decimal, fraction, mixed, ratio, percent or word."""
    factor: Fraction = ONE
    """value = written number x factor; 1/100 for a percent, 10000 for 万."""
    places: int = 0
    """Digits written after the decimal point."""
    digits: int = 0
    """Significant digits written; 0 for anything but a plain decimal or integer."""
    is_bounded: bool = False
    """True after <, >, "more than", 超过: a bound and not a value."""


def is_last_digit_match(quantity: Quantity, target: Fraction) -> bool:
    """Tell whether the written decimal is `target` rounded or cut at the last digit that was written."""
    unit = Fraction(1, 10**quantity.places)
    exact = target / quantity.factor
    written = quantity.value / quantity.factor
    if exact * written <= 0:
        return False
    gap = abs(exact) - abs(written)
    return -unit / 2 <= gap < unit

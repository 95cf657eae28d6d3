"""What a reader takes of the rows it asks for: what it does not name need be neither decoded nor whole.

    Wanted(fields=frozenset({"instruction", "input", "id"}), is_row=lambda row: "instruction" in row)

Columns of other names are not decoded, a NUL in a text that is dropped costs nothing (who names fields checks what is
kept), and `is_row` tells a wrapper, such as {"version": "1.0", "data": [...]}, from a row.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Wanted:
    """The fields that are read, and by what a row is known."""

    fields: frozenset[str]
    is_row: Callable[[Mapping[str, Any]], bool]
    list_field: str = ""
    """The field that a row which is a bare list of objects stands for, such as `messages`; "" where that is unknown."""
    split: str = "train"
    """Which of the lists of a wrapper is read, where it has one for each split."""

"""Preference pairs as records to be read: the conversation with its chosen reply, and the rejected one.

with_messages({"prompt": [...], "chosen": [...], "rejected": [...]})      the row, with prompt and chosen as `messages`
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_PARTS = ("prompt", "chosen", "rejected")


def is_pair(row: Mapping[str, Any]) -> bool:
    """Whether a row is one of those that `judge --pairs` writes."""
    return all(type(row.get(part)) is list for part in _PARTS)


def with_messages(row: Mapping[str, Any]) -> dict[str, Any]:
    """The row with `messages`; one that is no pair as it is."""
    return {**row, "messages": [*row["prompt"], *row["chosen"]]} if is_pair(row) else dict(row)

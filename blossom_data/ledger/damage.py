"""Finds the replies of a ledger that cannot be read back, and drops them: who asks for one again buys it again.

    drop_damaged(Path("ledger.sqlite"), is_dry_run=True)     ->   Damage(checked=81_200, keys=("8c1f...", ))

What was spent on them stays in the totals. A file that SQLite itself cannot read is beyond this.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import zstandard

from blossom_data.ledger.address import LedgerAddress
from blossom_data.ledger.cleaning import open_to_clean
from blossom_data.ledger.stored_reply import read_body


@dataclass(frozen=True, slots=True)
class Damage:
    """How many replies were looked at, and the ledger keys (hex) of those that are damaged."""

    checked: int
    keys: tuple[str, ...]


def drop_damaged(ledger: LedgerAddress, *, is_dry_run: bool) -> Damage:
    """Reads every stored reply, and deletes those that are damaged unless `is_dry_run`; raises as open_to_clean."""
    unpack, checked = zstandard.ZstdDecompressor(), 0
    damaged: dict[Any, str] = {}
    with open_to_clean(ledger, is_dry_run=is_dry_run) as tables:
        for row, key, body in tables.stream(f"SELECT {tables.row}, key, body FROM {tables.replies}"):
            checked += 1
            try:
                read_body(key, body, unpack)
            except ValueError:
                damaged[row] = key.hex() if isinstance(key, bytes) else repr(key)
        if damaged and not is_dry_run:
            tables.delete(damaged)
    return Damage(checked, tuple(damaged.values()))

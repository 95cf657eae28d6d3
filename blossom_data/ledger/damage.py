"""Finds the replies of a ledger that cannot be read back, and drops them: who asks for one again buys it again.

    drop_damaged(Path("ledger.sqlite"), is_dry_run=True)     ->   Damage(checked=81_200, keys=("8c1f...", ))

What was spent on them stays in the totals. A file that SQLite itself cannot read is beyond this.
"""

from __future__ import annotations

import sqlite3
from contextlib import closing, nullcontext
from dataclasses import dataclass
from pathlib import Path

import zstandard

from blossom_data.errors import ConfigError, LedgerError
from blossom_data.ledger.connections import connect_read_only, connect_to_change
from blossom_data.ledger.lock import lock_of, take_lock
from blossom_data.ledger.stored_reply import read_body


@dataclass(frozen=True, slots=True)
class Damage:
    """How many replies were looked at, and the ledger keys (hex) of those that are damaged."""

    checked: int
    keys: tuple[str, ...]


def drop_damaged(ledger: Path, *, is_dry_run: bool) -> Damage:
    """Reads every stored reply, and deletes those that are damaged unless `is_dry_run`.

    Raises:
        ConfigError: there is no ledger.
        Locked: a run uses it.
        LedgerError: it cannot be read or changed.
    """
    if not ledger.is_file():
        raise ConfigError(f"there is no ledger {ledger}", hint="check the path")
    with nullcontext() if is_dry_run else take_lock(lock_of(ledger)):
        try:
            connect = connect_read_only if is_dry_run else connect_to_change
            with closing(connect(ledger)) as database:
                return _drop(database, is_dry_run)
        except sqlite3.Error as why:
            raise LedgerError(
                f"cannot check the ledger {ledger}: {why}",
                hint=f"keep a copy of it; sqlite3 {ledger} .recover | sqlite3 NEW saves what can be read",
            ) from why


def _drop(database: sqlite3.Connection, is_dry_run: bool) -> Damage:
    unpack, checked = zstandard.ZstdDecompressor(), 0
    damaged: dict[int, str] = {}
    for row, key, body in database.execute("SELECT rowid, key, body FROM replies"):
        checked += 1
        try:
            read_body(key, body, unpack)
        except ValueError:
            damaged[row] = key.hex() if isinstance(key, bytes) else repr(key)
    if damaged and not is_dry_run:
        database.execute("PRAGMA synchronous=FULL")
        database.execute("BEGIN IMMEDIATE")
        database.executemany("DELETE FROM replies WHERE rowid = ?", ((row,) for row in damaged))
        database.execute("COMMIT")
    return Damage(checked, tuple(damaged.values()))

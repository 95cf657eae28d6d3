"""How a ledger's file is opened from outside a run: to be looked into, which leaves nothing behind, or to be changed.

with closing(connect_read_only(Path("ledger.sqlite"))) as database: ...     no lock, no journal, no -wal, no -shm
"""

from __future__ import annotations

import sqlite3
from pathlib import Path


def connect_to_change(path: Path) -> sqlite3.Connection:
    """The database at `path`, of which the caller holds the lock."""
    return sqlite3.connect(path.absolute(), isolation_level=None)


def connect_read_only(path: Path) -> sqlite3.Connection:
    """The database at `path`, which is there, for reading; raises sqlite3.Error where it cannot be opened."""
    wal = path.with_name(f"{path.name}-wal")
    # Without a WAL nobody has it open, and all of it is in the one file; SQLite would make a WAL to read it by.
    how = "mode=ro" if wal.exists() else "immutable=1"
    return sqlite3.connect(f"{path.absolute().as_uri()}?{how}", uri=True, isolation_level=None, timeout=5)

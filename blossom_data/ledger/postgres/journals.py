"""The journals of processes that buy for a ledger in PostgreSQL: files on the machine where they run.

    ~/.local/state/blossom-data/ledgers/3f1c9a2b/0.lock, 0.journal-0, 0.journal-1     the first process
                                                 1.lock, ...                          a second one beside it

What a killed process could not store is stored by the next one that opens the same ledger on the same machine.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path
from typing import IO, Any

from blossom_data.errors import LedgerError, Locked, system_hint
from blossom_data.ledger.journal import Journal
from blossom_data.ledger.lock import take_lock

_MOST_PROCESSES = 1_000


def journals_in(database: str) -> Path:
    """The folder of the journals of the ledger in `database`, a text that tells it from all others."""
    home = os.environ.get("XDG_STATE_HOME") or "~/.local/state"
    name = hashlib.blake2b(database.encode(), digest_size=8).hexdigest()
    return Path(home).expanduser() / "blossom-data" / "ledgers" / name


def take_journal(folder: Path, store: Callable[[Iterable[tuple[Any, ...]]], None]) -> tuple[Journal, IO[str]]:
    """A journal that is nobody else's, with its lock; what dead processes left goes to `store` before.

    Raises:
        LedgerError: what they left cannot be read, or `store` raises it.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        left = sorted(int(path.stem) for path in folder.glob("*.lock") if path.stem.isdigit())
    except OSError as why:
        raise LedgerError(f"cannot make the folder of journals {folder}: {why.strerror}", hint=_HINT) from why
    mine: tuple[Journal, IO[str]] | None = None
    for slot in left:
        with suppress(Locked):
            lock = take_lock(folder / f"{slot}.lock")
            journal = Journal(folder / str(slot))
            try:
                _store_rest(journal, folder, store)
            except BaseException:
                lock.close()
                raise
            if mine is None:
                mine = journal, lock
            else:
                lock.close()
    for slot in (slot for slot in range(_MOST_PROCESSES) if mine is None and slot not in left):
        with suppress(Locked):
            mine = Journal(folder / str(slot)), take_lock(folder / f"{slot}.lock")
            break
    if mine is None:
        raise LedgerError(f"{_MOST_PROCESSES:,} processes use the journals in {folder}", hint="end some of them")
    mine[0].begin()
    return mine


def _store_rest(journal: Journal, folder: Path, store: Callable[[Iterable[tuple[Any, ...]]], None]) -> None:
    try:
        store(journal.rows())
        for path in journal.files_left():
            path.unlink()
    except OSError as why:
        raise LedgerError(
            f"cannot read {why.filename or folder}: {why.strerror}",
            hint=f"it holds replies that were paid for: {system_hint(why)}",
        ) from why


_HINT = "set XDG_STATE_HOME to a folder on a local disk that can be written"

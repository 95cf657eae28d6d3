"""Remembers ids exactly without keeping them in memory.

    with SeenIds() as seen:
        seen.add("a")   # True: new
        seen.add("a")   # False

A bitmap (bitmap.py) answers for almost every new id; a private SQLite file in the temporary folder, gone with the
process, holds them all and is asked where the bitmap is not sure. Ids count as equal when their 128-bit hashes are.
"""

from __future__ import annotations

import sqlite3
from hashlib import blake2b
from types import TracebackType
from typing import Self

from blossom_data.bitmap import Bitmap
from blossom_data.errors import BlossomError

_PENDING_MAX = 20_000
_CACHE_KB = 2048


class SeenIds:
    """A set of ids of any number, in about 15 MB."""

    def __init__(self) -> None:
        self._bitmap = Bitmap()
        self._pending: set[bytes] = set()
        self._database = sqlite3.connect("", isolation_level=None, check_same_thread=False)
        for pragma in ("journal_mode = OFF", "synchronous = OFF", f"cache_size = -{_CACHE_KB}"):
            self._database.execute(f"PRAGMA {pragma}")
        self._database.execute("CREATE TABLE seen (hash BLOB PRIMARY KEY) WITHOUT ROWID")
        self._database.execute("BEGIN")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, why: BaseException | None, at: TracebackType | None) -> None:
        self._database.close()

    def add(self, text: str) -> bool:
        """Whether `text` is new; it no longer is afterwards.

        Raises:
            BlossomError: the temporary folder is full.
        """
        digest = blake2b(text.encode(errors="surrogatepass"), digest_size=16).digest()
        if self._bitmap.add(digest) and (digest in self._pending or self._is_stored(digest)):
            return False
        self._pending.add(digest)
        if len(self._pending) >= _PENDING_MAX:
            self._store()
        return True

    def _is_stored(self, digest: bytes) -> bool:
        return self._database.execute("SELECT 1 FROM seen WHERE hash = ?", (digest,)).fetchone() is not None

    def _store(self) -> None:
        try:
            # In order, so that neighbours in the tree are written together.
            self._database.executemany("INSERT INTO seen VALUES (?)", ((digest,) for digest in sorted(self._pending)))
        except sqlite3.OperationalError as why:
            raise BlossomError(
                f"cannot remember the ids read so far ({why})", hint="free some space in the temporary folder (TMPDIR)"
            ) from why
        self._pending.clear()

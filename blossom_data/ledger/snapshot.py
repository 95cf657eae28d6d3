"""A look into a ledger that another process may be using: read-only, without its lock, and nothing is left behind.

glance(Path("ledger.sqlite"))   ->   Glance(replies=93, totals=[StageTotals("annotate", "m", 60, ...)], pace=41.2, ...)
LedgerSnapshot(Path("ledger.sqlite"))     a Ledger that serves what is stored and takes nothing
"""

from __future__ import annotations

import itertools
import sqlite3
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import zstandard

from blossom_data.asks import Ask, Reply
from blossom_data.errors import LedgerError
from blossom_data.ledger.connections import connect_read_only
from blossom_data.ledger.journal import Journal
from blossom_data.ledger.lock import real_ledger
from blossom_data.ledger.store import NothingIsBought, StageTotals
from blossom_data.ledger.stored_reply import damaged_reply, read_body, read_stored

_LAST_REPLIES = 2_000
_PAUSE_S = 30.0
"""A longer gap between two replies is a pause between runs."""
_FEW = 20


@dataclass(frozen=True, slots=True)
class Glance:
    """What a ledger holds."""

    replies: int = 0
    bytes: int = 0
    totals: list[StageTotals] = field(default_factory=list)
    failures: int = 0
    pace: float | None = None
    """Replies a second, of the last ones that were bought; None where there are too few."""
    reply_bytes: float | None = None
    """Mean size of a stored reply."""


def glance(path: Path) -> Glance | None:
    """What the ledger at `path` holds, None where there is none.

    Raises:
        LedgerError: it is no ledger, or damaged.
    """
    if not path.is_file():
        return None
    try:
        with closing(connect_read_only(path)) as database:
            if database.execute("SELECT count(*) FROM sqlite_master").fetchone()[0] == 0:
                return Glance()
            sums = "stage, model, sum(replies), sum(tokens_in), sum(tokens_out), sum(tokens_cached)"
            totals = database.execute(f"SELECT {sums} FROM totals GROUP BY 1, 2 ORDER BY 1, 2").fetchall()
            failures = database.execute("SELECT count(*) FROM failures").fetchone()[0]
            last = database.execute(
                "SELECT created, length(body) FROM replies ORDER BY rowid DESC LIMIT ?", (_LAST_REPLIES,)
            ).fetchall()
    except sqlite3.Error as why:
        raise _unreadable(path, why) from why
    rows = [StageTotals(*row) for row in totals]
    return Glance(
        replies=sum(row.replies for row in rows),
        bytes=path.stat().st_size,
        totals=rows,
        failures=failures,
        pace=_pace(sorted(created for created, _ in last)),
        reply_bytes=sum(size for _, size in last) / len(last) if last else None,
    )


def totals_by_job(path: Path) -> list[tuple[str, StageTotals]]:
    """What was bought for each output (job), by stage and model; raises as glance."""
    try:
        with closing(connect_read_only(path)) as database:
            if not database.execute("SELECT 1 FROM sqlite_master WHERE name = 'totals'").fetchone():
                return []
            names = "job, stage, model, replies, tokens_in, tokens_out, tokens_cached"
            rows = database.execute(f"SELECT {names} FROM totals ORDER BY 1, 2, 3").fetchall()
    except sqlite3.Error as why:
        raise _unreadable(path, why) from why
    return [(job, StageTotals(*row)) for job, *row in rows]


def _unreadable(path: Path, why: Exception) -> LedgerError:
    return LedgerError(f"cannot read the ledger {path}: {why}", hint="keep a copy of it before anything else")


def _pace(times: list[float]) -> float | None:
    gaps = [later - earlier for earlier, later in itertools.pairwise(times)]
    worked = [gap for gap in gaps if gap < _PAUSE_S]
    return len(worked) / sum(worked) if len(worked) >= _FEW and sum(worked) > 0 else None


class LedgerSnapshot(NothingIsBought):
    """A Ledger (store.py) for a dry run: what the file holds, and the journal of a run that was killed.

    Raises:
        ConfigError: `path` can be no file.
        LedgerError: it is no ledger, or damaged.
    """

    def __init__(self, path: Path) -> None:
        self.path = path = real_ledger(path)
        self._unpack = zstandard.ZstdDecompressor()
        self._database: sqlite3.Connection | None = None
        try:
            self._left = {row[0]: row[-1] for row in Journal(path).rows()}
            if path.is_file():
                database = connect_read_only(path)
                if database.execute("SELECT 1 FROM sqlite_master WHERE name = 'replies'").fetchone():
                    self._database = database
                else:
                    database.close()
        except (sqlite3.Error, OSError) as why:
            raise _unreadable(self.path, why) from why

    def get(self, key: bytes) -> Reply | None:
        """The stored reply of `key`, or None."""
        rows = self._read("SELECT body FROM replies WHERE key = ?", key)
        try:
            if rows:
                return read_body(key, rows[0][0], self._unpack)
            return read_stored(key, self._left[key]) if key in self._left else None
        except ValueError as why:
            raise damaged_reply(self.path, key, why) from why

    def model_of(self, key: bytes) -> str:
        """The model that was asked for the stored reply of `key`, "" where that is not known."""
        rows = self._read("SELECT model FROM replies WHERE key = ?", key)
        return str(rows[0][0]) if rows else ""

    def failures_of(self, keys: Sequence[bytes]) -> list[tuple[float, int, str, str]]:
        """(time, HTTP status, cause, detail) of the calls for `keys` that brought no reply, in order."""
        marks = ",".join("?" * len(keys))
        return self._read(f"SELECT at, status, cause, detail FROM failures WHERE key IN ({marks}) ORDER BY at", *keys)

    async def put(self, key: bytes, ask: Ask, reply: Reply) -> None:
        raise LedgerError("a dry run buys nothing", hint="this is a bug; please report it")

    def totals(self, job: str | None = None) -> list[StageTotals]:
        """What was bought so far, by stage and model; of one job alone where one is named."""
        sums = "sum(replies), sum(tokens_in), sum(tokens_out), sum(tokens_cached)"
        where, named = ("", ()) if job is None else ("WHERE job = ?", (job,))
        rows = self._read(f"SELECT stage, model, {sums} FROM totals {where} GROUP BY 1, 2 ORDER BY 1, 2", *named)
        return [StageTotals(*row) for row in rows]

    def close(self) -> None:
        if self._database is not None:
            self._database.close()

    def _read(self, query: str, *values: str | bytes) -> list[tuple[Any, ...]]:
        if self._database is None:
            return []
        try:
            return self._database.execute(query, values).fetchall()
        except sqlite3.Error as why:
            raise _unreadable(self.path, why) from why

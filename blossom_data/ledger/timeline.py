"""When a job bought its replies, and when calls failed: counts over its time, read without the ledger's lock.

timeline(Path("ledger.sqlite"), job)
->  Timeline(start=1796125019.1, step_s=60.0, replies={"translate": {0: 57}}, failures={})
"""

from __future__ import annotations

import sqlite3
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

from blossom_data.errors import LedgerError
from blossom_data.ledger.connections import connect_read_only

_BINS = 48
_LEAST_STEP_S = 1.0


@dataclass(frozen=True, slots=True)
class Timeline:
    """Counts by bin: bin n begins `n * step_s` seconds after `start`, in seconds since 1970."""

    start: float = 0.0
    step_s: float = _LEAST_STEP_S
    replies: dict[str, dict[int, int]] = field(default_factory=dict)
    """Of each stage."""
    failures: dict[str, dict[int, int]] = field(default_factory=dict)
    """Calls that brought no reply, by cause; of all jobs that the ledger served in this time."""


def timeline(path: Path, job: str) -> Timeline:
    """The timeline of `job`; an empty one where it bought nothing.

    Raises:
        LedgerError: it is no ledger, or damaged.
    """
    try:
        with closing(connect_read_only(path)) as database:
            if not database.execute("SELECT 1 FROM sqlite_master WHERE name = 'replies'").fetchone():
                return Timeline()
            span = "SELECT min(created), max(created) FROM replies WHERE job = ?"
            start, end = database.execute(span, (job,)).fetchone()
            if start is None:
                return Timeline()
            step_s = max(_LEAST_STEP_S, (end - start) / _BINS)
            found = Timeline(start, step_s)
            bought = (
                "SELECT stage, CAST((created - ?) / ? AS INTEGER), count(*) FROM replies WHERE job = ? GROUP BY 1, 2"
            )
            for stage, place, count in database.execute(bought, (start, step_s, job)):
                found.replies.setdefault(stage, {})[place] = count
            lost = (
                "SELECT cause, CAST((at - ?) / ? AS INTEGER), count(*) FROM failures WHERE at BETWEEN ? AND ? "
                "GROUP BY 1, 2 ORDER BY 3 DESC LIMIT 2000"
            )
            for cause, place, count in database.execute(lost, (start, step_s, start, end + step_s)):
                found.failures.setdefault(cause, {})[place] = count
    except sqlite3.Error as why:
        raise LedgerError(
            f"cannot read the ledger {path}: {why}", hint="keep a copy of it before anything else"
        ) from why
    return found

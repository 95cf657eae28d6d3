"""A look into a ledger that another process may be using: read-only, and without its lock.

glance(Path("ledger.sqlite"))   ->   Glance(replies=93, totals=[StageTotals("annotate", "m", 60, ...)], pace=41.2, ...)
"""

from __future__ import annotations

import itertools
import sqlite3
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

from blossom_data.errors import LedgerError
from blossom_data.ledger.store import StageTotals

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
        with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, timeout=5)) as database:
            if database.execute("SELECT count(*) FROM sqlite_master").fetchone()[0] == 0:
                return Glance()
            sums = "stage, model, sum(replies), sum(tokens_in), sum(tokens_out), sum(tokens_cached)"
            totals = database.execute(f"SELECT {sums} FROM totals GROUP BY 1, 2 ORDER BY 1, 2").fetchall()
            failures = database.execute("SELECT count(*) FROM failures").fetchone()[0]
            last = database.execute(
                "SELECT created, length(body) FROM replies ORDER BY rowid DESC LIMIT ?", (_LAST_REPLIES,)
            ).fetchall()
    except sqlite3.Error as why:
        raise LedgerError(
            f"cannot read the ledger {path}: {why}", hint="keep a copy of it before anything else"
        ) from why
    rows = [StageTotals(*row) for row in totals]
    return Glance(
        replies=sum(row.replies for row in rows),
        bytes=path.stat().st_size,
        totals=rows,
        failures=failures,
        pace=_pace(sorted(created for created, _ in last)),
        reply_bytes=sum(size for _, size in last) / len(last) if last else None,
    )


def _pace(times: list[float]) -> float | None:
    gaps = [later - earlier for earlier, later in itertools.pairwise(times)]
    worked = [gap for gap in gaps if gap < _PAUSE_S]
    return len(worked) / sum(worked) if len(worked) >= _FEW and sum(worked) > 0 else None

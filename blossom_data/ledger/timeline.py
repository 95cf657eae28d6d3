"""When a job bought its replies, how long calls took, which failed: counts over its time, read without a lock.

timeline(Path("ledger.sqlite"), job)
->  Timeline(start=1796125019.1, step_s=60.0, replies={"translate": {0: 57}}, times={"translate": {0: {41: 57}}})
"""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass, field

from blossom_data.ledger.address import LedgerAddress
from blossom_data.ledger.call_times import quantile_s
from blossom_data.ledger.cleaning import LedgerTables, open_to_clean

_LEAST_STEP_S = 1.0
_MOST_FAILURES = 2_000


@dataclass(frozen=True, slots=True)
class Timeline:
    """Counts by step: step n begins `n * step_s` seconds after `start`, in seconds since 1970."""

    start: float = 0.0
    step_s: float = _LEAST_STEP_S
    replies: dict[str, dict[int, int]] = field(default_factory=dict)
    """Of each stage."""
    failures: dict[str, dict[int, int]] = field(default_factory=dict)
    """Tries that brought no reply, by cause. Where no times were kept, only the last tries of what was given up are
    known, of all jobs that the ledger served meanwhile."""
    times: dict[str, dict[int, Counter[int]]] = field(default_factory=dict)
    """Of each stage, how long its answers took: calls by bin of call_times.py; empty where no times were kept."""

    @property
    def last(self) -> int:
        """The last step in which there was anything."""
        return max((step for counts in (*self.replies.values(), *self.failures.values()) for step in counts), default=0)

    def quantile_s(self, share: float, stage: str = "", step: int | None = None) -> float | None:
        """The seconds that `share` of the answers took at the most, of all of them or of a stage and step."""
        found: Counter[int] = Counter()
        for name, steps in self.times.items():
            for place, bins in steps.items():
                if stage in ("", name) and step in (None, place):
                    found.update(bins)
        return quantile_s(found.items(), share) if found else None


def timeline(ledger: LedgerAddress, job: str, *, steps: int = 48, multiple_s: float = 0.0) -> Timeline:
    """The timeline of `job`; an empty one where it bought nothing.

    Args:
        steps: how many there are at the most, none shorter than a second.
        multiple_s: what a step's length is a multiple of; 0: of nothing.

    Raises:
        ConfigError: there is no such file.
        LedgerError: it is no ledger, or damaged.
    """
    with open_to_clean(ledger, is_dry_run=True) as tables:
        if not tables.is_there("replies"):
            return Timeline()
        span = f"SELECT min(created), max(created) FROM {tables.name('replies')} WHERE job = ?"
        start, end = tables.execute(span, (job,)).fetchone()
        has_times = tables.is_there("calls")
        if has_times:
            tried = f"SELECT min(at), max(at) FROM {tables.name('calls')} WHERE job = ?"
            first, last = tables.execute(tried, (job,)).fetchone()
            # A step of ten seconds began before the reply that is in it; what failed before the first reply counts.
            start = min((at for at in (start, first) if at is not None), default=None)
            end = max((at for at in (end, last) if at is not None), default=None)
            has_times = first is not None
        if start is None or end is None:
            return Timeline()
        step_s = max(_LEAST_STEP_S, (end - start) / steps)
        found = Timeline(start, math.ceil(step_s / multiple_s) * multiple_s if multiple_s else step_s)
        _read_replies(tables, job, found)
        if has_times:
            _read_times(tables, job, found)
        else:
            _read_failures(tables, end, found)
    return found


def _read_replies(tables: LedgerTables, job: str, found: Timeline) -> None:
    step = tables.whole("(created - ?) / ?")
    query = f"SELECT stage, {step}, count(*) FROM {tables.name('replies')} WHERE job = ? GROUP BY 1, 2"
    for stage, place, count in tables.execute(query, (found.start, found.step_s, job)):
        found.replies.setdefault(stage, {})[place] = count


def _read_times(tables: LedgerTables, job: str, found: Timeline) -> None:
    step = tables.whole("(at - ?) / ?")
    query = (
        f"SELECT stage, outcome, {step}, bin, sum(tries) FROM {tables.name('calls')} WHERE job = ? GROUP BY 1, 2, 3, 4"
    )
    for stage, cause, place, time_bin, tries in tables.execute(query, (found.start, found.step_s, job)):
        if cause:
            counts = found.failures.setdefault(cause, {})
            counts[place] = counts.get(place, 0) + int(tries)
        else:
            found.times.setdefault(stage, {}).setdefault(place, Counter())[time_bin] = int(tries)


def _read_failures(tables: LedgerTables, end: float, found: Timeline) -> None:
    step = tables.whole("(at - ?) / ?")
    query = (
        f"SELECT cause, {step}, count(*) FROM {tables.name('failures')} WHERE at BETWEEN ? AND ? "
        f"GROUP BY 1, 2 ORDER BY 3 DESC LIMIT {_MOST_FAILURES}"
    )
    values = (found.start, found.step_s, found.start, end + found.step_s)
    for cause, place, count in tables.execute(query, values):
        found.failures.setdefault(cause, {})[place] = count

"""Progress: one snapshot of the counters, shown as a line on a terminal, as log lines elsewhere, or as JSON lines.

    translate 18,204/52,002 35% | 41.2/s | eta 13m | in 9.1M out 11.4M tok | kept 17,911 rejected 293 | retry 14
    stage=translate done=18204 total=52002 rate=41.2 eta_s=820 calls=18210 replayed=0 ... retries=429:14
    {"event":"progress","stage":"translate","done":18204,"total":52002,"rate":41.2,"eta_s":820,...}

Rate and ETA count paid records of the last minutes only: records that the ledger served are shown apart.
"""

from __future__ import annotations

import os
import sys
import threading
import time
from collections import deque
from types import TracebackType
from typing import Any, Self

from blossom_data.cli import output
from blossom_data.counters import Counters
from blossom_data.errors import BlossomError

TTY_EVERY_S = 0.2
LOG_EVERY_S = 60.0
FOLLOW_EVERY_S = 1.0
WINDOW_S = 300.0
_NOT_LOGGED = ("paid", "in_flight", "budget_usd", "projected_usd")


class Progress:
    """Shows `counters` until the block ends: on stderr, or with `is_followed` as JSON lines on stdout."""

    def __init__(self, label: str, counters: Counters, *, is_quiet: bool = False, is_followed: bool = False) -> None:
        self.label, self.counters, self.is_quiet, self.is_followed = label, counters, is_quiet, is_followed
        self._is_terminal = not is_followed and sys.stderr.isatty() and os.environ.get("TERM") != "dumb"
        self._samples: deque[tuple[float, int]] = deque([(time.monotonic(), 0)])
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._show, name="progress", daemon=True)

    def __enter__(self) -> Self:
        if self.is_followed or not self.is_quiet:
            self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, why: BaseException | None, at: TracebackType | None) -> None:
        self._over.set()
        if self._thread.is_alive():
            self._thread.join()
        if self._is_terminal and not self.is_quiet:
            output.draw("")

    def _show(self) -> None:
        if self.is_followed:
            self._follow()
            return
        while not self._over.wait(TTY_EVERY_S if self._is_terminal else LOG_EVERY_S):
            if self._is_terminal:
                output.draw(self.line())
            else:
                output.say(self.log_line())

    def _follow(self) -> None:
        """A JSON line at once and each second."""
        try:
            while True:
                output.json_result({"event": "progress", **self.snapshot()})
                if self._over.wait(FOLLOW_EVERY_S):
                    return
        except BlossomError as why:
            output.say(f"warning: {why}; the run goes on")

    def snapshot(self) -> dict[str, Any]:
        """What has been done so far, under the names that all displays share; None is what nobody can know."""
        counters = self.counters
        rejected, failed = counters.rejected.total(), counters.failed.total()
        done, total, paid = (
            counters.kept + rejected + failed + counters.skipped,
            counters.records_total,
            counters.paid_records,
        )
        rate = self._rate(paid)
        left = max(0, total - done) if total else None
        spent_usd, projected_usd = _spent(counters, left, paid)
        return {
            "stage": self.label,
            "done": done,
            "total": total or None,
            "rate": round(rate, 2),
            "eta_s": None if left is None or rate <= 0 else int(left / rate),
            "calls": counters.calls,
            "replayed": counters.replayed,
            "tokens_in": counters.tokens_in,
            "tokens_out": counters.tokens_out,
            "spent_usd": spent_usd,
            "kept": counters.kept,
            "rejected": rejected,
            "failed": failed,
            "retries": dict(sorted(dict(counters.retries).items(), key=lambda cause: -cause[1])),
            "paid": paid,
            "in_flight": counters.in_flight,
            "budget_usd": counters.budget_usd,
            "projected_usd": projected_usd,
        }

    def _rate(self, paid: int) -> float:
        """Paid records a second over the last WINDOW_S seconds, counted from the first one on."""
        now_s = time.monotonic()
        if paid == 0:
            self._samples.clear()
        self._samples.append((now_s, paid))
        while len(self._samples) > 2 and self._samples[0][0] < now_s - WINDOW_S:
            self._samples.popleft()
        (first_s, first), (last_s, last) = self._samples[0], self._samples[-1]
        return (last - first) / (last_s - first_s) if last_s > first_s else 0.0

    def line(self) -> str:
        """The line of a terminal."""
        now = self.snapshot()
        share = f"/{now['total']:,} {min(100, 100 * now['done'] // now['total'])}%" if now["total"] else ""
        parts = [f"{self.label} {now['done']:,}{share}", f"{now['rate']:.1f}/s"]
        if now["eta_s"] is not None:
            parts.append(f"eta {short_time(now['eta_s'])}")
        if (resumed := now["done"] - now["paid"]) > 0:
            parts.append(f"from ledger {resumed:,}" if now["replayed"] else f"no call {resumed:,}")
        parts.append(f"in {short(now['tokens_in'])} out {short(now['tokens_out'])} tok")
        if money := _money(now):
            parts.append(money)
        parts.append(f"kept {now['kept']:,} rejected {now['rejected']:,}")
        if now["failed"]:
            parts.append(f"failed {now['failed']:,}")
        if now["retries"]:
            parts.append("retry " + " ".join(f"{cause} {n:,}" for cause, n in list(now["retries"].items())[:3]))
        if self.counters.is_stopping:
            parts.insert(0, f"stopping, {now['in_flight']:,} calls in flight (again: leave now)")
        return " ".join(" | ".join(parts).split())

    def log_line(self) -> str:
        """The line of a log: key=value, the same names."""
        now = self.snapshot()
        pairs = {name: "unknown" if value is None else value for name, value in now.items() if name not in _NOT_LOGGED}
        pairs["retries"] = ",".join(f"{cause}:{n}" for cause, n in now["retries"].items()) or 0
        return " ".join(f"{name}={'_'.join(str(value).split())}" for name, value in pairs.items())


def _spent(counters: Counters, left: int | None, paid: int) -> tuple[float | None, float | None]:
    """USD spent over all runs of the job, and what that will come to; None while a price or the rest is unknown."""
    if counters.unpriced_calls:
        return None, None
    spent_usd = counters.spent_before_usd + counters.cost_usd
    if left is None or not paid:
        return round(spent_usd, 4), None
    return round(spent_usd, 4), round(spent_usd + left * counters.cost_usd / paid, 4)


def _money(now: dict[str, Any]) -> str:
    """`$3.18 of $10.00 -> ~$9.07`: spent over all runs, the budget, and what it will come to; "" without a call."""
    if now["spent_usd"] is None:
        return "price unknown"
    if not now["spent_usd"]:
        return ""
    limit = f" of ${now['budget_usd']:,.2f}" if now["budget_usd"] is not None else ""
    rest = f" -> ~${now['projected_usd']:,.2f}" if now["projected_usd"] is not None else ""
    return f"${now['spent_usd']:,.2f}{limit}{rest}"


def short(number: int) -> str:
    """1234567 -> 1.2M."""
    for size, unit in ((1_000_000_000, "G"), (1_000_000, "M"), (1_000, "k")):
        if number >= size:
            return f"{number / size:.1f}{unit}"
    return str(number)


def short_time(seconds: float) -> str:
    """3725 -> 1h02m."""
    if seconds < 60:
        return f"{seconds:.0f}s"
    minutes = int(seconds // 60)
    return f"{minutes}m" if minutes < 60 else f"{minutes // 60}h{minutes % 60:02d}m"

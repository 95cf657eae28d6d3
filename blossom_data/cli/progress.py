"""The progress line: sampled from the counters by a thread, a bar's place on a terminal, a log line elsewhere.

    translate 18,204/52,002 35% | 41.2/s | eta 13m | in 9.1M out 11.4M tok | kept 17,911 rejected 293 | retry 14

Rate and ETA count paid records of the last minutes only: records that the ledger served are shown apart.
"""

from __future__ import annotations

import os
import sys
import threading
import time
from collections import deque
from types import TracebackType
from typing import Self

from blossom_data.cli import output
from blossom_data.counters import Counters

TTY_EVERY_S = 0.2
LOG_EVERY_S = 60.0
WINDOW_S = 300.0


class Progress:
    """Shows `counters` on stderr until the block ends."""

    def __init__(self, label: str, counters: Counters, *, is_quiet: bool = False) -> None:
        self.label, self.counters, self.is_quiet = label, counters, is_quiet
        self._is_terminal = sys.stderr.isatty() and os.environ.get("TERM") != "dumb"
        self._began_s = time.monotonic()
        self._samples: deque[tuple[float, int]] = deque([(self._began_s, 0)])
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._show, name="progress", daemon=True)

    def __enter__(self) -> Self:
        if not self.is_quiet:
            self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, why: BaseException | None, at: TracebackType | None) -> None:
        self._over.set()
        if self._thread.is_alive():
            self._thread.join()
        if self._is_terminal and not self.is_quiet:
            sys.stderr.write("\r\x1b[2K")
            sys.stderr.flush()

    def _show(self) -> None:
        while not self._over.wait(TTY_EVERY_S if self._is_terminal else LOG_EVERY_S):
            if self._is_terminal:
                width = os.get_terminal_size(sys.stderr.fileno()).columns
                sys.stderr.write("\r\x1b[2K" + output.clean(self.line())[: max(20, width - 1)])
                sys.stderr.flush()
            else:
                output.say(self.log_line())

    def rate(self) -> float:
        """Paid records a second over the last WINDOW_S seconds."""
        now_s = time.monotonic()
        self._samples.append((now_s, self.counters.paid_records))
        while len(self._samples) > 2 and self._samples[0][0] < now_s - WINDOW_S:
            self._samples.popleft()
        (first_s, first), (last_s, last) = self._samples[0], self._samples[-1]
        return (last - first) / (last_s - first_s) if last_s > first_s else 0.0

    def eta_s(self, rate: float) -> float | None:
        """Seconds until the rest is done, None while nobody can know."""
        total = self.counters.records_total
        return max(0, total - self.done) / rate if total and rate > 0 else None

    @property
    def done(self) -> int:
        counters = self.counters
        return counters.kept + counters.rejected.total() + counters.failed.total() + counters.skipped

    def line(self) -> str:
        """The line of a terminal."""
        counters, rate = self.counters, self.rate()
        total = counters.records_total
        share = f"/{total:,} {100 * self.done // total}%" if total else ""
        parts = [f"{self.label} {self.done:,}{share}", f"{rate:.1f}/s"]
        if (eta_s := self.eta_s(rate)) is not None:
            parts.append(f"eta {short_time(eta_s)}")
        if resumed := self.done - counters.paid_records:
            parts.append(f"from ledger {resumed:,}" if counters.replayed else f"no call {resumed:,}")
        parts.append(f"in {short(counters.tokens_in)} out {short(counters.tokens_out)} tok")
        if money := self.money():
            parts.append(money)
        parts.append(f"kept {counters.kept:,} rejected {counters.rejected.total():,}")
        if counters.failed:
            parts.append(f"failed {counters.failed.total():,}")
        if counters.retries:
            parts.append("retry " + " ".join(f"{cause} {n:,}" for cause, n in counters.retries.most_common(3)))
        return " | ".join(parts)

    def money(self) -> str:
        """`$3.18 of $10.00 -> ~$9.07`: spent over all runs, the budget, and what it will come to; "" when unknown."""
        counters = self.counters
        if counters.unpriced_calls or not counters.cost_usd:
            return "price unknown" if counters.unpriced_calls else ""
        spent_usd = counters.spent_before_usd + counters.cost_usd
        limit = f" of ${counters.budget_usd:,.2f}" if counters.budget_usd is not None else ""
        left = (counters.records_total or 0) - self.done
        rest_usd = left * counters.cost_usd / counters.paid_records if left > 0 and counters.paid_records else 0.0
        return f"${spent_usd:,.2f}{limit} -> ~${spent_usd + rest_usd:,.2f}"

    def log_line(self) -> str:
        """The line of a log: key=value, the same names."""
        counters, rate = self.counters, self.rate()
        eta_s = self.eta_s(rate)
        pairs = {
            "stage": self.label,
            "done": self.done,
            "total": counters.records_total or "unknown",
            "rate": f"{rate:.1f}",
            "eta_s": "unknown" if eta_s is None else int(eta_s),
            "calls": counters.calls,
            "replayed": counters.replayed,
            "tokens_in": counters.tokens_in,
            "tokens_out": counters.tokens_out,
            "spent_usd": "unknown"
            if counters.unpriced_calls
            else f"{counters.spent_before_usd + counters.cost_usd:.4f}",
            "kept": counters.kept,
            "rejected": counters.rejected.total(),
            "failed": counters.failed.total(),
            "retries": ",".join(f"{cause}:{n}" for cause, n in counters.retries.most_common()) or 0,
        }
        return " ".join(f"{name}={value}" for name, value in pairs.items())


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

"""Progress: one snapshot of the counters, shown as a live view on a terminal, as log lines elsewhere, or as JSON lines.

    stage=translate done=18204 total=52002 rate=41.2 eta_s=820 calls=18210 replayed=0 ... retries=429:14
    {"event":"progress","stage":"translate","done":18204,"total":52002,"rate":41.2,"eta_s":820,...}
    stage=publish_math step=writing done=18204 total=52002 rate=31006.2 eta_s=1 ...

Rate and ETA count paid records of the last minutes only: records that the ledger served are shown apart. Work that asks
nobody is counted as it goes, step by step. What the view of a terminal shows beyond that (live_view.py) is in `view`.
"""

from __future__ import annotations

import os
import sys
import threading
import time
from collections import defaultdict, deque
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, TextIO

from blossom_data.cli import output
from blossom_data.counters import Counters
from blossom_data.errors import BlossomError

if TYPE_CHECKING:
    from blossom_data.cli.live_view import LiveView

FRAME_EVERY_S = 0.5
LOG_EVERY_S = 60.0
FOLLOW_EVERY_S = 1.0
WINDOW_S = 300.0
_NOT_LOGGED = ("paid", "in_flight", "budget_usd", "projected_usd")


class Progress:
    """Shows `counters` until the block ends: on stderr, or with `is_followed` as JSON lines on stdout."""

    def __init__(self, label: str, counters: Counters, *, is_quiet: bool = False, is_followed: bool = False) -> None:
        self.label, self.counters, self.is_quiet, self.is_followed = label, counters, is_quiet, is_followed
        self._is_terminal = not is_followed and is_steerable(sys.stderr)
        # What is first looked at now began after the last look: from there its rate counts.
        self._looked_s = time.monotonic()
        self._paces: defaultdict[str, Pace] = defaultdict(lambda: Pace(self._looked_s))
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

    def _show(self) -> None:
        if self.is_followed:
            self._follow()
        elif self._is_terminal:
            self._draw()
        else:
            while not self._over.wait(LOG_EVERY_S):
                output.say(self.log_line())

    def _draw(self) -> None:
        """The live view; a run that is over before its first frame loads none of it."""
        shown: LiveView | None = None
        try:
            while not self._over.wait(FRAME_EVERY_S):
                if shown is None:
                    from blossom_data.cli.live_view import LiveView

                    shown = LiveView()
                shown.draw(self.view())
        finally:
            if shown is not None:
                shown.close()

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
        paid = counters.paid_records
        step, done, total = "", counters.kept + rejected + failed + counters.skipped, counters.records_total
        if counters.readings and not counters.stages:
            step, total = list(counters.readings.items())[-1]
            done = counters.through[step]
        rate = self._paces[step].rate(paid if counters.is_asking else done)
        self._looked_s = time.monotonic()
        left = max(0, total - done) if total else None
        spent_usd, projected_usd = _spent(counters, left, paid)
        return {
            "stage": self.label,
            **({"step": step} if step else {}),
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

    def view(self) -> dict[str, Any]:
        """The snapshot, with all that the view of a terminal needs beyond it.

        {..., "bars": [{"name": "translate", "done": 18204, "total": 52002, "rate": 41.2, "eta_s": 820}],
         "codes": [("translate/quarantine", 120), ...], "failures": [], "resumed": 5000, ...}
        """
        counters, now = self.counters, self.snapshot()
        return {
            **now,
            "bars": self._bars(now["done"]),
            "codes": counters.rejected.most_common(),
            "failures": counters.failed.most_common(),
            "resumed": max(0, now["done"] - now["paid"]) if counters.is_asking else 0,
            "is_asking": counters.is_asking,
            "is_stopping": counters.is_stopping,
        }

    def _bars(self, done: int) -> list[dict[str, Any]]:
        """How far each stage or reading is; of work that has neither, how far the whole is."""
        counters = self.counters
        if not counters.stages:
            if not counters.readings:
                return [self._bar(self.label, done, counters.records_total, done)]
            readings = [(name, counters.through[name], total) for name, total in list(counters.readings.items())]
            return [self._bar(name, through, total, through) for name, through, total in readings]
        # Copied at once: the run goes on in another thread.
        ended = [*counters.rejected.items(), *counters.failed.items()]
        lost = counters.skipped + sum(number for code, number in ended if code.startswith("read/"))
        bars = []
        for name, total in counters.stages.items():
            through = counters.through[name]
            worked = counters.paid_through[name] if counters.is_asking else through
            bars.append(self._bar(name, through, None if total is None else total - lost, worked))
            lost += sum(number for code, number in ended if code.startswith(f"{name}/"))
        return bars

    def _bar(self, name: str, through: int, total: int | None, worked: int) -> dict[str, Any]:
        rate = self._paces[name].rate(worked)
        total = None if total is None else max(total, through)
        eta_s = None if total is None or rate <= 0 or through == total else int((total - through) / rate)
        return {"name": name, "done": through, "total": total, "rate": rate, "eta_s": eta_s}

    def log_line(self) -> str:
        """The line of a log: key=value, the same names."""
        now = self.snapshot()
        pairs = {name: "unknown" if value is None else value for name, value in now.items() if name not in _NOT_LOGGED}
        pairs["retries"] = ",".join(f"{cause}:{n}" for cause, n in now["retries"].items()) or 0
        return " ".join(f"{name}={'_'.join(str(value).split())}" for name, value in pairs.items())


class Pace:
    """How fast something goes: pieces a second over the last WINDOW_S seconds, counted from the first one on."""

    def __init__(self, began_s: float | None = None) -> None:
        self._samples: deque[tuple[float, int]] = deque([(time.monotonic() if began_s is None else began_s, 0)])

    def rate(self, pieces: int) -> float:
        """Takes note of how many there are now, and gives the rate."""
        now_s = time.monotonic()
        if pieces == 0:
            self._samples.clear()
        self._samples.append((now_s, pieces))
        while len(self._samples) > 2 and self._samples[0][0] < now_s - WINDOW_S:
            self._samples.popleft()
        (first_s, first), (last_s, last) = self._samples[0], self._samples[-1]
        return (last - first) / (last_s - first_s) if last_s > first_s else 0.0


def is_steerable(stream: TextIO) -> bool:
    """Whether what reads `stream` is a terminal that understands control sequences."""
    return stream.isatty() and os.environ.get("TERM") not in ("dumb", "unknown")


def _spent(counters: Counters, left: int | None, paid: int) -> tuple[float | None, float | None]:
    """USD spent over all runs of the job, and what that will come to; None while a price or the rest is unknown."""
    if counters.unpriced_calls:
        return None, None
    spent_usd = counters.spent_before_usd + counters.cost_usd
    if left is None or not paid:
        return round(spent_usd, 4), None
    return round(spent_usd, 4), round(spent_usd + left * counters.cost_usd / paid, 4)

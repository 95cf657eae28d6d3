"""What holds a run back: a deadline, stages that may buy nothing, and a share of bought records that has to be kept.

Deadline(3600).check()      raises StoppedEarly an hour after it was made
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence

from blossom_data.asks import Ask, Reply
from blossom_data.engine import Asker, Engine, Outcome
from blossom_data.errors import BlossomError, QualityGate, RecordRefused, StoppedEarly

ASKED_BY = {"judge": "translate", "judge-answer": "judge", "judge-pair": "judge"}
"""Names under which a stage asks beside its own."""


class Deadline:
    """The end of a run, `seconds` after the object was made, by a clock that nobody sets."""

    def __init__(self, seconds: float) -> None:
        self.seconds, self._end_s = seconds, time.monotonic() + seconds

    def check(self) -> None:
        """Raises StoppedEarly when it has passed."""
        if time.monotonic() >= self._end_s:
            raise self._reached()

    @contextlib.contextmanager
    def stopping(self, engine: Engine) -> Iterator[None]:
        """Stops `engine` at the deadline: calls in flight end and are stored."""
        left_s = max(0.0, self._end_s - time.monotonic())
        timer = asyncio.get_running_loop().call_later(left_s, lambda: engine.stop(self._reached()))
        try:
            yield
        finally:
            timer.cancel()

    def _reached(self) -> StoppedEarly:
        return StoppedEarly(
            f"the deadline of {self.seconds:g} s has passed; replies that were paid for are kept",
            hint="run the same command again: it goes on from there",
        )


class KeptGate:
    """Ends a run that buys and keeps next to nothing, after each 200 records that it bought.

    Args:
        least: smallest share that has to be kept, 0 to 1; None: 2 % where one of `stages` is translate or annotate,
            which keep most of what they are given, else none.
    """

    SAMPLE = 200
    _DEFAULT = 0.02
    _JUDGED = ("translate", "annotate")

    def __init__(self, stages: Sequence[str], least: float | None) -> None:
        judged = [stage for stage in stages if stage in self._JUDGED]
        if least is None:
            self._least = self._DEFAULT if judged else 0.0
        else:
            self._least = least
        self._last = (judged or list(stages) or [""])[-1]
        self._bought = self._kept = 0
        self._codes: Counter[str] = Counter()
        self._details: dict[str, str] = {}

    def __call__(self, outcome: Outcome) -> BlossomError | None:
        """Counts what became of a record; an error when the last 200 that were bought gave too little."""
        if self._least <= 0.0 or not outcome.is_paid or any(each.is_failure for each in outcome.rejected):
            return None
        self._bought += 1
        self._kept += bool(outcome.kept) or self._last in outcome.passed
        for rejected in outcome.rejected:
            self._codes[rejected.name] += 1
            self._details.setdefault(rejected.name, rejected.detail)
        if self._bought < self.SAMPLE:
            return None
        why = self._reached() if self._kept < self._least * self._bought else None
        self._bought = self._kept = 0
        self._codes.clear()
        return why

    def _reached(self) -> QualityGate:
        often = ", ".join(f"{count} {name}" for name, count in self._codes.most_common(3))
        first = self._details.get(next(iter(self._codes.most_common(1)), ("", 0))[0], "")
        return QualityGate(
            f"of {self._bought} records that were bought {self._kept} were kept, less than "
            f"--stop-when-kept-below {self._least:g}: {often}; such as: {' '.join(first.split())[:200]}",
            hint="look at model, prompt and thinking; --stop-when-kept-below 0 goes on, and nothing is bought twice",
        )


class Thrifty:
    """An Asker that buys for some stages alone; what others ask for must be in the ledger."""

    def __init__(self, asker: Asker, buys: frozenset[str]) -> None:
        self._asker, self._buys = asker, buys

    def model_for(self, stage: str) -> str:
        return self._asker.model_for(stage)

    def stop(self) -> None:
        self._asker.stop()

    async def complete(self, ask: Ask) -> Reply:
        """The reply to `ask`.

        Raises:
            RecordRefused: its stage may not buy.
        """
        if ASKED_BY.get(ask.stage, ask.stage) not in self._buys:
            raise RecordRefused(
                f"{ask.stage} has no reply for this record in the ledger, and this run buys for "
                f"{', '.join(sorted(self._buys))} alone",
                status=0,
            )
        return await self._asker.complete(ask)


class Announced:
    """An Asker that has something said before the first call."""

    def __init__(self, asker: Asker, say: Callable[[], None]) -> None:
        self._asker, self._say = asker, say
        self._is_said = False

    def model_for(self, stage: str) -> str:
        return self._asker.model_for(stage)

    def stop(self) -> None:
        self._asker.stop()

    async def complete(self, ask: Ask) -> Reply:
        """The reply to `ask`."""
        if not self._is_said:
            self._is_said = True
            self._say()
        return await self._asker.complete(ask)

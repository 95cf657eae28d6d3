"""What holds a run back: a deadline, and stages that may buy nothing.

Deadline(3600).check()      raises StoppedEarly an hour after it was made
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Iterator

from blossom_data.asks import Ask, Reply
from blossom_data.engine import Asker, Engine
from blossom_data.errors import RecordRefused, StoppedEarly

ASKED_BY = {"judge": "translate"}
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

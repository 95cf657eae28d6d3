"""Work in rounds: what is asked next depends on what came of all that was asked before.

    feed = RoundsFeed(rounds, books, counters)
    await engine.run(feed, feed.hear)

Outcomes are heard in the order in which work was handed out, and a round begins when all of the one before is heard:
so what is asked depends on the input and the replies alone, at any number of calls at once, and a killed run asks the
same again and finds it in the ledger.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from blossom_data.counters import Counters
from blossom_data.engine import Outcome, Work


@dataclass(frozen=True, slots=True, kw_only=True)
class Expected:
    """What the whole of some rounds is expected to ask under one name: calls, and their tokens."""

    stage: str
    calls: int
    tokens_in: int
    tokens_out: int
    model: str = ""
    """Of another model than the endpoint's."""


class Rounds(Protocol):
    """What there is to ask, round by round."""

    def begin(self) -> Iterator[Work] | None:
        """The work of the next round, None when there is none; read as it is worked on."""

    def hear(self, work: Work, outcome: Outcome) -> tuple[Outcome, Sequence[Work]]:
        """Takes note of what came of `work`; gives what is written of it, and what is to be done next, this round."""

    def describe(self) -> dict[str, Any]:
        """What the manifest says of the rounds, in order; asked for when they are over."""

    def expected(self) -> Sequence[Expected]:
        """An estimate of what the rounds ask, before any of it is asked."""


class RoundsFeed:
    """A Feed (engine.py) of rounds, and the sink that hears what came of them.

    Args:
        sink: gets (index, what is written) in order.
        counters: of them `read`: records that come out in any way, for a question that proposes several is none.
    """

    def __init__(self, rounds: Rounds, sink: Callable[[int, Outcome], None], counters: Counters) -> None:
        self._rounds, self._sink, self._counters = rounds, sink, counters
        self._round: Iterator[Work] = iter(())
        self._further: deque[Work] = deque()
        self._out: deque[Work] = deque()
        """Handed out, and not heard of yet."""
        self._taken = 0
        self._is_over = self._must_stop = False
        self._heard = asyncio.Event()

    async def take(self) -> tuple[int, Work] | None:
        """The next item and its number; waits while what it depends on is at work, None behind the last."""
        while not self._is_over:
            if (work := self._next()) is not None:
                self._out.append(work)
                self._taken += 1
                return self._taken - 1, work
            if self._out:
                self._heard.clear()
                await self._heard.wait()
                continue
            found = None if self._must_stop else self._rounds.begin()
            if found is None:
                self.stop()
            else:
                self._round = found
        return None

    def stop(self) -> None:
        """No more is wanted: who waits for an item gets None."""
        self._is_over = True
        self._heard.set()

    def hear(self, index: int, outcome: Outcome) -> None:
        """The engine's sink."""
        written, further = self._rounds.hear(self._out.popleft(), outcome)
        self._further.extend(further)
        # A round that lacks a reply decides nothing: the next run asks for it, and goes on from there.
        self._must_stop |= any(each.is_failure and not each.code.startswith("refused_4") for each in written.rejected)
        self._counters.read += len(written.kept) + len(written.rejected) - written.added
        self._sink(index, written)
        self._heard.set()

    def _next(self) -> Work | None:
        """What is ready: the round's own items first, then what came of them."""
        if (work := next(self._round, None)) is not None:
            return work
        return self._further.popleft() if self._further else None

"""What the calls of a run are billed, booked try by try: in the budget, the counters and the ledger's totals.

    hold = await account.reserve(ask, model)       before each try
    account.answered(hold, reply, ask, model)      an answer: the ledger books it when it is stored
    account.failed(hold, failure, ask, model)      a try that brought none, and may have been billed

A try that was billed and brought no answer that can be kept is booked in the totals at once, so that the next run
counts it too.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Protocol

from blossom_data.asks import Ask, Reply, Usage
from blossom_data.counters import Counters
from blossom_data.llm.money.budget import Budget, Hold, Room, no_room
from blossom_data.llm.policy import Failure

_CUT_CHARS = 2_000


class Book(Protocol):
    """What keeps the books from run to run (the ledger does)."""

    def book(self, stage: str, model: str, usage: Usage) -> None: ...

    def note_failure(self, key: bytes, stage: str, status: int, cause: str, detail: str) -> None: ...

    def note_try(self, stage: str, model: str, outcome: str, took_s: float) -> None: ...


class Account:
    """The money side of one run's calls."""

    def __init__(self, budget: Budget, counters: Counters, book: Book) -> None:
        self.budget, self._counters, self._book = budget, counters, book

    async def reserve(self, ask: Ask, model: str, *, cap: int = 0, room: Room = no_room) -> Hold:
        """As the budget's.

        Raises:
            StoppedEarly: it does not fit into what is left.
        """
        return await self.budget.reserve(ask, model, cap=cap, room=room)

    def believed(self, hold: Hold, reply: Reply, model: str) -> Reply:
        """`reply`, with the reservation as its usage where the endpoint's own is beyond belief."""
        usage = self._believed(hold, reply.usage, model)
        return reply if usage is reply.usage else replace(reply, usage=usage)

    def answered(self, hold: Hold, reply: Reply, ask: Ask, model: str) -> None:
        """Books an answer in the budget; the totals have it once it is stored, which a canary's never is."""
        self._settle(hold, reply.usage, model)
        if ask.stage == "canary":
            self._book.book(ask.stage, model, reply.usage)

    def cut(self, hold: Hold, reply: Reply, ask: Ask, model: str, key: bytes = b"") -> None:
        """Books an answer that a cap which the user did not set has cut: an attempt, and no answer.

        Args:
            key: the ledger key, where `ask` is not known any more.
        """
        self._settle(hold, reply.usage, model)
        self._book.book(ask.stage, model, reply.usage)
        why = f"cut by a cap of {hold.cap} tokens that nobody set"
        self._book.note_failure(key or ask.key(model), ask.stage, 200, why, reply.text[:_CUT_CHARS])

    def keep_cut(self, reply: Reply, ask: Ask, model: str) -> None:
        """No longer answer than one that was cut can be had: it is stored after all, and booked with that."""
        usage = reply.usage
        back = Usage(tokens_in=-usage.tokens_in, tokens_out=-usage.tokens_out, tokens_cached=-usage.tokens_cached)
        self._book.book(ask.stage, model, back)

    def failed(self, hold: Hold, failure: Failure, ask: Ask, model: str) -> None:
        """Books a try without an answer: what the endpoint says it billed; a call that timed out at its reservation."""
        usage = None if failure.usage is None else self._believed(hold, failure.usage, model)
        if failure.cause == "timeout" and self.budget.is_limited:
            usage = hold.usage
        self._settle(hold, usage, model)
        if usage is None:
            return
        self._book.book(ask.stage, model, usage)
        counters = self._counters
        counters.tokens_in += usage.tokens_in
        counters.tokens_out += usage.tokens_out
        if usage.is_estimated:
            counters.tokens_estimated += usage.tokens_in + usage.tokens_out

    def unreserved(self, usage: Usage, stage: str, model: str, *, is_kept: bool) -> None:
        """Books what was billed for a call that nothing is held for; the totals have an answer once it is kept."""
        self._counters.count_cost(self.budget.spend(usage, model))
        if not is_kept:
            self._book.book(stage, model, usage)

    def timed(self, ask: Ask, model: str, outcome: Reply | Failure, took_s: float) -> None:
        """Counts a try by the time from its sending to its end."""
        cause = outcome.cause if isinstance(outcome, Failure) else ""
        self._book.note_try(ask.stage, model, cause, took_s)

    def unsent(self, hold: Hold, model: str) -> None:
        """Lets go of what was never sent, or was cancelled."""
        self.budget.settle(hold, None, model)

    def _believed(self, hold: Hold, usage: Usage, model: str) -> Usage:
        believed = self.budget.believed(hold, usage)
        if believed is not usage:
            self._counters.notes[f"{model}: a usage beyond belief was booked as what had been reserved"] += 1
        return believed

    def _settle(self, hold: Hold, usage: Usage | None, model: str) -> None:
        self._counters.count_cost(self.budget.settle(hold, usage, model))

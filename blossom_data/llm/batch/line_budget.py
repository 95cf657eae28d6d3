"""What the lines of batches may take and what they are billed: held before a line goes out until its result is read.

    cap = await budget.take(key, ask, model)      what the line may answer at most, where a budget limits it; else 0
    budget.answered(key, reply, stored)           booked; False where that cap has cut it, and it goes out again
    budget.failed(key, failure, stored)           booked, where a line was billed that cannot be read

What a batch may take is stored with it (store.py), so that the next run holds it from its first moment: also for lines
that it does not ask for itself.
"""

from __future__ import annotations

import math
from dataclasses import replace

from blossom_data.asks import Ask, Reply
from blossom_data.llm.batch.store import StoredBatch
from blossom_data.llm.call import is_cut
from blossom_data.llm.money.account import Account
from blossom_data.llm.money.budget import LEAST_CAP_TOKENS, Hold
from blossom_data.llm.policy import Failure


class LineBudget:
    """The money side of a run through batches."""

    def __init__(self, account: Account) -> None:
        self._account = account
        self._holds: dict[bytes, tuple[Hold, Ask, str]] = {}
        self._shares: dict[bytes, tuple[Hold, str]] = {}
        """Of lines of earlier runs' batches that this run has not asked for yet."""
        self._wanted: dict[bytes, int] = {}
        """Caps of lines that another one was too small or too large for."""
        self._too_large: dict[bytes, int] = {}
        """Caps that the endpoint did not allow."""

    async def take(self, key: bytes, ask: Ask, model: str) -> int:
        """Holds what the line may take, once it fits; gives the cap for the wire, 0 for the ask's own.

        Raises:
            StoppedEarly: it does not fit into what is left.
        """
        budget = self._account.budget
        if (share := self._shares.pop(key, None)) is not None:
            # It is out: whatever it takes will be billed.
            self._account.unsent(*share)
            hold = budget.hold_anyway(ask, model, cap=share[0].cap)
            hold = replace(hold, is_ours=share[0].is_ours and ask.max_tokens is None)
        else:
            hold = await self._account.reserve(ask, model, cap=self._wanted.pop(key, 0))
        self._holds[key] = (hold, ask, model)
        return hold.cap if hold.is_ours else 0

    def is_held(self, key: bytes) -> bool:
        return key in self._holds

    def release(self, key: bytes) -> None:
        """Lets go of a line that has come to its end."""
        if (held := self._holds.pop(key, None)) is not None:
            self._account.unsent(held[0], held[2])

    def worst(self, stored: StoredBatch) -> None:
        """Writes into `stored` what its lines may take."""
        held = [self._holds[key][0] for key in stored.keys if key in self._holds]
        stored.held_usd, stored.held_tokens = sum(hold.usd for hold in held), sum(hold.tokens for hold in held)

    def adopt(self, stored: StoredBatch) -> None:
        """Holds what a batch of an earlier run may take, line by line."""
        lines = max(1, len(stored.keys))
        for key in stored.keys:
            share = self._account.budget.hold_unknown(stored.held_usd / lines, stored.held_tokens // lines, stored.cap)
            self._shares[key] = (share, stored.model)

    def ended(self, stored: StoredBatch) -> None:
        """Lets go of the lines of a batch that is over and that nobody asked for."""
        for key in stored.keys & self._shares.keys():
            self._account.unsent(*self._shares.pop(key))

    def answered(self, key: bytes, reply: Reply, stored: StoredBatch) -> bool:
        """Books an answer; False where a cap that nobody set has cut it: it is an attempt, and no answer."""
        hold, ask, model = self._let_go(key, stored)
        if hold is None:
            self._account.unreserved(reply.usage, stored.stage, model, is_kept=True)
            return True
        if not is_cut(hold, reply) or 2 * hold.cap >= self._too_large.get(key, math.inf):
            self._account.answered(hold, reply, ask, model)
            return True
        self._account.cut(hold, reply, ask, model, key)
        self._wanted[key] = 2 * hold.cap
        return False

    def failed(self, key: bytes, failure: Failure, stored: StoredBatch) -> None:
        """Books a line without a readable answer that was billed; nothing is held for it any more."""
        if failure.usage is None:
            return
        hold, ask, model = self._let_go(key, stored)
        if hold is None:
            self._account.unreserved(failure.usage, stored.stage, model, is_kept=False)
        else:
            self._account.failed(hold, failure, ask, model)

    def is_too_large(self, key: bytes) -> bool:
        """A line was refused for its length: whether a smaller cap than ours may help, which is tried from now on."""
        hold, _, _ = self._holds.get(key, (None, None, ""))
        if hold is None or not hold.is_ours or hold.cap // 2 < LEAST_CAP_TOKENS:
            return False
        self._account.budget.shrink(hold.cap // 2)
        self._too_large[key] = hold.cap
        self._wanted[key] = hold.cap // 2
        self.release(key)
        return True

    def _let_go(self, key: bytes, stored: StoredBatch) -> tuple[Hold | None, Ask, str]:
        """What is held for a line, which is taken away, and what it asks."""
        if (held := self._holds.pop(key, None)) is not None:
            return held
        unknown = Ask(stage=stored.stage, version=0, messages=(), model=stored.model)
        share, model = self._shares.pop(key, (None, stored.model))
        return share, unknown, model

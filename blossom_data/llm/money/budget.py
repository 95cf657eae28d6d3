"""The budget: money or tokens are reserved before a call is sent and settled when its reply is there.

    budget = Budget(Spending(budget_usd=10.0, ...), spent_usd=3.18)     # 3.18 from earlier runs of the same job
    hold = await budget.reserve(ask, model)                    # raises StoppedEarly when it cannot fit any more
    budget.settle(hold, reply.usage, model)

64 calls at once cannot overshoot together: each holds its worst case until it is known what it took, and one that
would not fit beside those held waits for them. What a worst case is, is learnt: an endpoint that bills more input than
was estimated, or more output than it was allowed, is held to that from then on. Until then few calls go at once: one,
then as many as were answered.
"""

from __future__ import annotations

import asyncio
import functools
import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TypeAlias

from blossom_data.asks import Ask, Usage
from blossom_data.errors import ConfigError, StoppedEarly
from blossom_data.llm.money.spending import Spending
from blossom_data.llm.reading import estimate_prompt

FIRST_CAP_TOKENS = 4_096
"""Output tokens held at first for an ask without max_tokens: longer than nearly every answer."""
LEAST_CAP_TOKENS = 64
_BEYOND_BELIEF = 20
Room: TypeAlias = "Callable[[], int]"


def no_room() -> int:
    return 0


@dataclass(frozen=True, slots=True)
class Hold:
    """What one call may take at most."""

    usd: float
    tokens_in: int
    tokens_out: int
    estimated_in: int
    """Input tokens by estimate: what the endpoint reports instead corrects the next ones."""
    cap: int
    """Output tokens that the call may have."""
    is_ours: bool = False
    """The cap is the budget's, not the user's: it goes over the wire alone."""

    @property
    def tokens(self) -> int:
        return self.tokens_in + self.tokens_out

    @property
    def usage(self) -> Usage:
        """What is booked when nobody can say what it took."""
        return Usage(tokens_in=self.tokens_in, tokens_out=self.tokens_out, is_estimated=True)


class Budget:
    """Holds a job to its Spending; `spent_usd` and `spent_tokens` count all its runs."""

    def __init__(
        self, spending: Spending, *, spent_usd: float = 0.0, spent_tokens: int = 0, opens_slowly: bool = True
    ) -> None:
        """`opens_slowly`: few calls at once, until their answers have taught what a worst case is."""
        self._spending, self._opens_slowly = spending, opens_slowly
        self._price_of = functools.cache(spending.price_of)
        self.is_limited = spending.budget_usd is not None or spending.budget_tokens is not None
        self.spent_usd, self.spent_tokens = spent_usd, spent_tokens
        self._most_usd = math.inf if spending.budget_usd is None else spending.budget_usd
        self._most_tokens: float = math.inf if spending.budget_tokens is None else spending.budget_tokens
        self._held_usd, self._held_tokens, self._holds = 0.0, 0, 0
        self._taken = 0
        self._turn, self._settled = asyncio.Lock(), asyncio.Event()
        self._in_ratio = self._out_ratio = 1.0
        self._answered = self._urgent = 0
        self._cap = FIRST_CAP_TOKENS

    async def reserve(self, ask: Ask, model: str, *, cap: int = 0, room: Room = no_room) -> Hold:
        """Holds the worst case of `ask`, waiting for calls in flight where it does not fit beside theirs.

        Args:
            cap: output tokens wanted, where the ask names none; 0: as many as the longest answer so far.
            room: output tokens beside those that the ask names, for thinking; asked for again while it waits.

        Raises:
            StoppedEarly: it does not fit into what is left.
            ConfigError: a budget in USD for a model without a price.
        """
        if not self.is_limited:
            return self._take(self._worst(ask, model, cap, room))
        if cap:
            # An answer that was cut goes before new ones: its length tells what they may need.
            self._urgent += 1
            try:
                return await self._wait_until_it_fits(ask, model, cap, room)
            finally:
                self._urgent -= 1
                self._settled.set()
        async with self._turn:
            return await self._wait_until_it_fits(ask, model, cap, room)

    async def _wait_until_it_fits(self, ask: Ask, model: str, cap: int, room: Room) -> Hold:
        while True:
            hold, is_its_turn = self._worst(ask, model, cap, room), bool(cap) or not self._urgent
            if is_its_turn and self._fits(hold):
                return self._take(hold)
            await self._make_room(hold, is_its_turn)

    async def _make_room(self, hold: Hold, is_its_turn: bool) -> None:
        """Waits until a call gives something back; raises StoppedEarly where none is in flight that could."""
        if is_its_turn and not self._holds:
            raise self._exhausted(hold)
        self._settled.clear()
        await self._settled.wait()

    def _worst(self, ask: Ask, model: str, cap: int, room: Room) -> Hold:
        """What `ask` may take by what is known just now."""
        estimated_in = estimate_prompt(ask)
        tokens_in = int(estimated_in * self._in_ratio) + 1
        allowed = ask.max_tokens + room() if ask.max_tokens else cap or self._cap
        tokens_out = math.ceil(allowed * self._out_ratio)
        price = self._price_of(model)
        if self._spending.budget_usd is not None and price is None:
            raise ConfigError(
                f"--budget-usd needs the price of {model!r}, which is unknown",
                hint="give --price-in and --price-out (USD per million tokens), --prices FILE, or --budget-tokens",
            )
        usd = price.cost_usd(tokens_in, tokens_out) if price else 0.0
        is_ours = self.is_limited and ask.max_tokens is None
        return Hold(usd, tokens_in, tokens_out, estimated_in, allowed, is_ours)

    def _take(self, hold: Hold) -> Hold:
        self._holds += 1
        self._taken += 1
        self._held_usd += hold.usd
        self._held_tokens += hold.tokens
        return hold

    def believed(self, hold: Hold, usage: Usage) -> Usage:
        """`usage`, or the reservation where it is beyond belief."""
        is_absurd = usage.tokens_in + usage.tokens_out > _BEYOND_BELIEF * (hold.estimated_in + hold.cap)
        return hold.usage if is_absurd else usage

    def hold_anyway(self, ask: Ask, model: str, *, cap: int = 0) -> Hold:
        """Holds the worst case of an ask that is out already, whether it fits or not."""
        return self._take(self._worst(ask, model, cap, no_room))

    def hold_unknown(self, usd: float, tokens: int, cap: int) -> Hold:
        """Holds what an earlier run reserved for a call that is still out."""
        return self._take(Hold(usd, 0, tokens, 0, cap, is_ours=cap > 0))

    def settle(self, hold: Hold, usage: Usage | None, model: str) -> float | None:
        """Lets go of `hold`, books what was really taken and gives its cost in USD, None when the price is unknown.

        Args:
            usage: None when the call was not billed.
        """
        self._holds -= 1
        self._held_usd -= hold.usd
        self._held_tokens -= hold.tokens
        self._settled.set()
        if usage is None:
            return 0.0
        self._answered += 1
        if not usage.is_estimated and hold.estimated_in:
            self._in_ratio = max(self._in_ratio, usage.tokens_in / max(1, hold.estimated_in))
            self._out_ratio = max(self._out_ratio, usage.tokens_out / hold.cap)
            # What is billed beyond the cap is no longer answer.
            self._cap = max(self._cap, min(usage.tokens_out, hold.cap))
        return self.spend(usage, model)

    def spend(self, usage: Usage, model: str) -> float | None:
        """Books what was taken, and gives its cost in USD, None when the price is unknown."""
        self.spent_tokens += usage.tokens_in + usage.tokens_out
        price = self._price_of(model)
        if price is None:
            return None
        cost_usd = price.of(usage)
        self.spent_usd += cost_usd
        return cost_usd

    def shrink(self, cap: int) -> None:
        """The endpoint allows no cap as large as was sent: begin with `cap`."""
        self._cap = min(self._cap, cap)

    def with_cap(self, hold: Hold, cap: int) -> Hold:
        """`hold` with another cap; it is let go of in its place."""
        less = replace(hold, cap=cap, tokens_out=math.ceil(cap * self._out_ratio))
        self._held_tokens -= hold.tokens - less.tokens
        return less

    def _fits(self, hold: Hold) -> bool:
        usd, tokens = self.spent_usd + self._held_usd + hold.usd, self.spent_tokens + self._held_tokens + hold.tokens
        # A rounding error must not cost a call.
        return usd <= self._most_usd + 1e-9 and tokens <= self._most_tokens and not self._is_early()

    def _is_early(self) -> bool:
        """Whether more answers have to come before one more call may be in flight."""
        return self._opens_slowly and self._holds >= max(1, self._answered)

    @property
    def _spent_by_all(self) -> tuple[float, int]:
        """USD and tokens, over all runs of the job."""
        return self.spent_usd, self.spent_tokens

    def _exhausted(self, hold: Hold) -> StoppedEarly:
        limits = self._spending
        told = [f"${limits.budget_usd:,g}"] if limits.budget_usd is not None else []
        told += [f"{limits.budget_tokens:,} tokens"] if limits.budget_tokens is not None else []
        usd, tokens = self._spent_by_all
        # Without a price nobody knows what was spent in dollars.
        spent = f"${usd:,.4f}, {tokens:,} tokens" if limits.budget_usd is not None else f"{tokens:,} tokens"
        return StoppedEarly(
            f"the budget of {' and '.join(told)} leaves no room for another call, which may take "
            f"{hold.tokens:,} tokens: {spent} spent over all runs of it",
            hint="lower --max-tokens, or raise --budget-usd or --budget-tokens, and run the same command again: "
            "nothing paid for is lost",
        )

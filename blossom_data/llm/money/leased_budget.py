"""A Budget of which other processes spend, too: leased in slices, so that all together stay within it.

    async with LeasedBudget(spending, connect=lambda: BudgetLeases(address, job=job, member=name), ...) as budget:
        hold = await budget.reserve(ask, model)         from the slice; the next one is drawn when it is used up

Together they pass the budget by what calls take beyond their worst case, and by what a process that died had in flight:
no more than a slice each. What is not needed goes back: at once where a call waits for money, else within seconds.
"""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Self

from blossom_data.errors import LedgerError
from blossom_data.ledger.postgres.budget_leases import BudgetLeases, Drawn, Purse
from blossom_data.ledger.postgres.rate_leases import LEASE_S
from blossom_data.ledger.store import StageTotals
from blossom_data.llm.money.budget import Budget, Hold
from blossom_data.llm.money.spending import Spending
from blossom_data.llm.rate_limits.sharing import ended

SLICE_USD, SLICE_TOKENS = 0.5, 1_000_000
_LOOK_S = 0.5
_RENEW_S = 2.0
_STORED_S = 1.0
"""After so long a reply that was paid for is in the ledger's totals."""


class LeasedBudget(Budget):
    """Holds a job to its Spending together with others; open it on the loop of the calls."""

    def __init__(
        self, spending: Spending, *, connect: Callable[[], BudgetLeases], spent_usd: float = 0.0, spent_tokens: int = 0
    ) -> None:
        super().__init__(spending, spent_usd=spent_usd, spent_tokens=spent_tokens)
        self._connect = connect
        self._all_spent = (spent_usd, float(spent_tokens))
        self._most_usd, self._most_tokens = spent_usd, float(spent_tokens)
        self._stored = self._marked = self._spent
        self._marked_s = self._heard_s = time.monotonic()
        self._drawing = asyncio.Lock()

    async def __aenter__(self) -> Self:
        """
        Raises:
            LedgerError: the server cannot be reached or refuses.
        """
        self._leases = await asyncio.to_thread(self._connect)
        self._task = asyncio.create_task(self._renew_all())
        return self

    async def __aexit__(self, *_: object) -> None:
        try:
            await ended(self._task)
            with suppress(LedgerError):
                await asyncio.to_thread(self._leases.hold, 0.0, 0.0)
        finally:
            await asyncio.to_thread(self._leases.close)

    async def _make_room(self, hold: Hold, is_its_turn: bool) -> None:
        """Draws a slice, or waits until there may be one.

        Raises:
            StoppedEarly: what is left is too little, whatever comes back.
        """
        if not is_its_turn or self._is_early():
            await super()._make_room(hold, is_its_turn=False)
            return
        drawn = await self._draw(hold)
        if drawn is not None and drawn.is_granted:
            return
        if drawn is not None and not drawn.is_held_by_others and not any(self._owed) and not self._holds:
            raise self._exhausted(hold)
        self._settled.clear()
        with suppress(TimeoutError):
            async with asyncio.timeout(_LOOK_S):
                await self._settled.wait()

    async def _draw(self, hold: Hold) -> Drawn | None:
        """A slice in which `hold` fits, on top of what is owed; None while the server is away."""
        async with self._drawing:
            self._mark()
            stored, owed, limits = self._stored, self._owed, self._spending
            budgets = (limits.budget_usd, limits.budget_tokens)
            needs = (hold.usd, float(hold.tokens))
            usd, tokens = (
                Purse(budget=math.inf if budget is None else float(budget), owed=debt, needs=need, most=most)
                for budget, debt, need, most in zip(budgets, owed, needs, (SLICE_USD, SLICE_TOKENS), strict=True)
            )
            # What was left of the last slice is in none of these: nobody takes from it meanwhile.
            self._set_most(stored, owed, (0.0, 0.0))
            try:
                drawn = await asyncio.to_thread(self._leases.draw, self._spent_of, (usd, tokens))
            except LedgerError:
                return None
            self._heard_s = time.monotonic()
            self._set_most(stored, owed, drawn.slices)
            self._all_spent = drawn.spent
            return drawn

    def _set_most(self, stored: tuple[float, float], owed: tuple[float, float], slices: tuple[float, float]) -> None:
        self._most_usd, self._most_tokens = (
            gone + debt + more for gone, debt, more in zip(stored, owed, slices, strict=True)
        )

    @property
    def _spent(self) -> tuple[float, float]:
        return self.spent_usd, float(self.spent_tokens)

    @property
    def _owed(self) -> tuple[float, float]:
        """What calls in flight hold, and what was spent too recently to be in the ledger's totals for sure."""
        usd, tokens = self._spent
        owed = usd + self._held_usd - self._stored[0], tokens + self._held_tokens - self._stored[1]
        return (owed[0] if owed[0] > 1e-9 else 0.0), max(0.0, owed[1])

    def _mark(self) -> None:
        """What was spent before the last mark is stored by now."""
        if time.monotonic() - self._marked_s >= _STORED_S:
            self._stored, self._marked, self._marked_s = self._marked, self._spent, time.monotonic()

    async def _renew_all(self) -> None:
        """Keeps the lease, and gives a slice back of which nothing was taken for a while."""
        taken = -1
        while True:
            await asyncio.sleep(_RENEW_S)
            async with self._drawing:
                self._mark()
                is_lost = time.monotonic() - self._heard_s > LEASE_S
                if taken == self._taken or is_lost:
                    self._set_most(self._stored, self._owed, (0.0, 0.0))
                taken = self._taken
                usd, tokens = self._most_usd - self._stored[0], self._most_tokens - self._stored[1]
                with suppress(LedgerError):
                    await asyncio.to_thread(self._leases.hold, max(0.0, usd), max(0.0, tokens))
                    self._heard_s = time.monotonic()

    def _spent_of(self, totals: Sequence[StageTotals]) -> tuple[float, float]:
        usd, tokens = self._spending.spent(totals)
        return usd, float(tokens)

    @property
    def _spent_by_all(self) -> tuple[float, int]:
        return self._all_spent[0], int(self._all_spent[1])

"""The budget that is for all workers of a job together."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

from blossom_data.engine import Engine
from blossom_data.errors import LedgerError, StoppedEarly
from blossom_data.executors.job import Job
from blossom_data.executors.local import spent_so_far
from blossom_data.ledger.store import Ledger


class SharedBudget:
    """What all workers of a job together have spent, looked at while this one buys.

    The part of one that was started anew is of what was left just then: the sum of the parts may be more than there is.
    """

    _LOOK_S = 1.0

    def __init__(self, job: Job, ledger: Ledger) -> None:
        self._job, self._ledger = job, ledger
        self._usd, self._tokens = job.spending.budget_usd, job.spending.budget_tokens

    @contextmanager
    def stopping(self, engine: Engine) -> Iterator[None]:
        """Stops `engine` when the budget is spent."""
        if self._usd is None and self._tokens is None:
            yield
            return
        watch = asyncio.create_task(self._watch(engine))
        try:
            yield
        finally:
            watch.cancel()

    async def _watch(self, engine: Engine) -> None:
        calls = 0
        while True:
            await asyncio.sleep(self._LOOK_S)
            if self._job.counters.calls == calls:
                continue
            calls = self._job.counters.calls
            try:
                usd, tokens = await asyncio.to_thread(spent_so_far, self._job, self._ledger)
            except LedgerError as why:
                engine.stop(why)
                return
            if (self._usd is not None and usd >= self._usd) or (self._tokens is not None and tokens >= self._tokens):
                told = f"all workers together have spent the budget: ${usd:,.4f}, {tokens:,} tokens"
                hint = "raise --budget-usd or --budget-tokens: nothing paid for is lost"
                engine.stop(StoppedEarly(told, hint=hint))
                return

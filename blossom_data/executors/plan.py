"""What a job would ask and cost, found without a call: the stages run against the ledger alone.

A record whose replies are all in the ledger costs nothing. One that needs a call costs at least that call; what its
later stages and turns would ask is estimated as one call for each user turn, with the tokens of the ledger's own
history where there is one, else with a stated guess.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Sequence
from typing import Any

from blossom_data.asks import Ask, Reply, Stage
from blossom_data.counters import Counters
from blossom_data.engine import Engine
from blossom_data.executors.local import Job, open_ledger
from blossom_data.ledger.store import Ledger
from blossom_data.records import Record
from blossom_data.translation.segments import estimate_tokens

GUESS_OUT = {"translate": 1.6, "annotate": 3.0, "verify-math": 2.5, "judge": 0.1}
"""Output tokens per token of the last message, where the ledger holds no reply of the stage: a guess, and said so."""


class _NeedsCall(Exception):
    """The next reply of a record is not in the ledger."""


class _Planner:
    """An Asker that notes what it is asked and answers nothing."""

    def __init__(self, model: str) -> None:
        self._model = model
        self.asked: list[Ask] = []

    def model_for(self, stage: str) -> str:
        return self._model

    def stop(self) -> None:
        """Nothing is in flight."""

    async def complete(self, ask: Ask) -> Reply:
        self.asked.append(ask)
        raise _NeedsCall


def plan_job(job: Job) -> dict[str, Any]:
    """Counts what `job` would ask, by stage, and what that would cost; None for a price that is unknown."""
    with open_ledger(job) as ledger:
        return asyncio.run(_plan(job, ledger))


async def _plan(job: Job, ledger: Ledger) -> dict[str, Any]:
    planner = _Planner(job.endpoints[0].model if job.endpoints else "")
    engine = Engine(ledger=ledger, asker=planner, counters=Counters(), workers=1)
    calls: Counter[str] = Counter()
    tokens: Counter[tuple[str, str]] = Counter()
    records = finished = 0
    for item, stages in job.work:
        if not isinstance(item, Record):
            continue
        records += 1
        try:
            await engine.one(item, stages)
            finished += 1
        except _NeedsCall:
            ask = planner.asked.pop()
            planner.asked.clear()
            _estimate(ask, item, stages, calls, tokens)
    rates = _rates(ledger)
    price = job.spending.price_of(planner.model_for("")) if job.endpoints else None
    stages_told = [
        _stage_row(stage, calls[stage], tokens[stage, "in"], tokens[stage, "last"], rates) for stage in calls
    ]
    low = sum(row["tokens_out_low"] for row in stages_told)
    high = sum(row["tokens_out_high"] for row in stages_told)
    total_in = sum(row["tokens_in"] for row in stages_told)
    return {
        "records": records,
        "finished": finished,
        "in_ledger": engine.counters.replayed,
        "stages": stages_told,
        "calls": sum(calls.values()),
        "tokens_in": total_in,
        "tokens_out_low": low,
        "tokens_out_high": high,
        "cost_usd": [round(price.cost_usd(total_in, out), 4) for out in (low, high)] if price else None,
        "spent_usd": _spent_usd(job, ledger),
    }


def _spent_usd(job: Job, ledger: Ledger) -> float | None:
    """What the job's earlier runs spent; None when the price of one of their models is unknown."""
    rows = [(row, job.spending.price_of(row.model)) for row in ledger.totals(job.identity)]
    if any(price is None for _, price in rows):
        return None
    return sum(price.cost_usd(row.tokens_in, row.tokens_out, row.tokens_cached) for row, price in rows if price)


def _estimate(
    ask: Ask, record: Record, stages: Sequence[Stage], calls: Counter[str], tokens: Counter[tuple[str, str]]
) -> None:
    """Adds the call that is missing, and one for each user turn of the stages after it."""
    names = [stage.name for stage in stages]
    turns = max(1, sum(turn.role == "user" for turn in record.messages))
    sent = sum(estimate_tokens(turn.content) for turn in ask.messages)
    last = estimate_tokens(ask.messages[-1].content)
    here = names.index(ask.stage) if ask.stage in names else 0
    for name in [ask.stage, *names[here + 1 :]]:
        if name == "verify-math" and name != ask.stage:
            continue
        times = turns if name == "annotate" else 1
        calls[name] += times
        tokens[name, "in"] += sent * times
        tokens[name, "last"] += last * times


def _rates(ledger: Ledger) -> dict[str, float]:
    """Mean output tokens per reply, by stage, of what the ledger holds."""
    replies: Counter[str] = Counter()
    out: Counter[str] = Counter()
    for row in ledger.totals():
        replies[row.stage] += row.replies
        out[row.stage] += row.tokens_out
    return {stage: out[stage] / replies[stage] for stage in replies}


def _stage_row(stage: str, calls: int, tokens_in: int, last: int, rates: dict[str, float]) -> dict[str, Any]:
    is_known = stage in rates
    mean = rates[stage] * calls if is_known else GUESS_OUT.get(stage, 1.0) * last
    return {
        "stage": stage,
        "calls": calls,
        "tokens_in": tokens_in,
        "tokens_out_low": round(mean * (0.8 if is_known else 0.5)),
        "tokens_out_high": round(mean * (1.25 if is_known else 2.0)),
        "basis": "ledger history" if is_known else "a guess: the ledger holds no reply of this stage",
    }

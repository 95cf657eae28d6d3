"""What a job would ask and cost, found without a call: the stages run against the ledger alone.

A record whose replies are all in the ledger costs nothing. One that needs a call costs at least that call; what its
later stages and turns would ask is estimated as one call for each user turn, with the tokens of the ledger's own
history where there is one, else with a stated guess.
"""

from __future__ import annotations

import asyncio
import math
import shutil
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from blossom_data.asks import Ask, Reply, Stage
from blossom_data.config import MEASURES, Endpoint, serving
from blossom_data.counters import Counters
from blossom_data.engine import Engine, Outcome, Rejected, Settled
from blossom_data.executors.accounting import Tally
from blossom_data.executors.blocks import Blocks
from blossom_data.executors.foreseen import Beside
from blossom_data.executors.job import Job, NoLedger
from blossom_data.executors.limits import ASKED_BY
from blossom_data.ledger.opening import look_into, open_snapshot
from blossom_data.ledger.place import refuse_emptied
from blossom_data.ledger.snapshot import Glance
from blossom_data.ledger.store import Ledger
from blossom_data.records import Record
from blossom_data.shards import BlockNotes
from blossom_data.stages.translate.segments import estimate_tokens, message_tokens
from blossom_data.synthesize.rounds import Expected, Rounds, RoundsFeed

GUESS_OUT = {
    "translate": 1.6,
    "annotate": 3.0,
    "verify-math": 2.5,
    "judge": 0.1,
    "judge-answer": 0.1,
    "judge-pair": 0.1,
    "judge-leak": 0.1,
    "answer": 3.0,
    "grade": 0.5,
    "compare": 0.5,
}
"""Output tokens per token of the last message, where the ledger holds no reply of the stage: a guess, and said so."""
GUESS_CALL_S, GUESS_TOKENS_PER_S = 1.0, 40.0
"""Time of a call before its first token, and tokens a second after it, where the ledger knows no pace: guesses."""
_ASKS_NOTHING = ("verify-math", "check")
"""Stages that ask nothing, or where only an answer shows whether they do."""
_TOKEN_BYTES = 4
_COPIES = 3
"""Times that a text lies on the disk: in the data set being built, in the old one, in a mix or version."""


class _NeedsCall(Exception):
    """The next reply of a record is not in the ledger."""


class _Planner:
    """An Asker that notes what it is asked and answers nothing."""

    def __init__(self, endpoints: Sequence[Endpoint]) -> None:
        self._endpoints = endpoints
        self.asked: list[Ask] = []

    def model_for(self, stage: str) -> str:
        found = serving(self._endpoints, stage)
        return found[0].model if found else ""

    def stop(self) -> None:
        """Nothing is in flight."""

    async def complete(self, ask: Ask) -> Reply:
        self.asked.append(ask)
        raise _NeedsCall


@dataclass(slots=True)
class _StagePlan:
    """One stage: the records that would reach it, and what they cost."""

    records: int = 0
    known: int = 0
    """Records all of whose replies of this stage are in the ledger."""
    calls: int = 0
    tokens_in: int = 0
    tokens_last: int = 0
    """Tokens of the last message of each call, which answers are guessed from."""
    model: str = ""
    """Another model of the endpoint; "" for the one of the stage."""
    asked_as: str = ""
    """The stage of its Asks, where that is not its name."""


@dataclass(slots=True)
class _Plan:
    stages: dict[str, _StagePlan]
    records: int = 0
    finished: int = 0
    text_tokens: int = 0
    settled_replies: int = 0
    """Replies behind the shards that are taken over as they are."""
    left_out: Counter[str] = field(default_factory=Counter)
    """Records that measures of the whole set leave out, by "measure/code"."""
    beside: Beside = field(default_factory=Beside)


def plan_job(job: Job) -> dict[str, Any]:
    """Counts what `job` would ask, by stage, and what that would cost; None for a price that is unknown."""
    if isinstance(job.ledger, Path):
        refuse_emptied(job.ledger, job.out)
    with closing(open_snapshot(job.ledger) if job.ledger is not None else NoLedger()) as ledger:
        if job.rounds is not None:
            expected = job.rounds.expected()
            is_over = asyncio.run(_is_over(job, job.rounds, ledger))
            return _plan_rounds(job, ledger, [] if is_over else expected)
        return asyncio.run(_plan(job, ledger))


async def _plan(job: Job, ledger: Ledger) -> dict[str, Any]:
    planner = _Planner(job.endpoints)
    engine = _engine(job, ledger, planner, Counters())
    plan, saved = (_Plan({stage: _StagePlan() for stage in job.stages}) for _ in range(2))
    notes = BlockNotes(job.out)
    for item, stages in Blocks(job.work, notes, Counters(), decides=job.decides, size=job.shard_records):
        if isinstance(item, Settled):
            _note_settled(item, plan)
        if isinstance(item, Record):
            plan.text_tokens += message_tokens(item.messages)
            await _note(item, stages, plan, engine, planner, job)
        elif isinstance(item, Rejected) and item.record is not None:
            plan.left_out[item.name] += 1
            await _note(item.record, stages, saved, engine, planner, job)
    history = look_into(job.ledger) if job.ledger is not None else None
    rows, saved_rows = (
        [_stage_row(name, stage, planner, job, history) for name, stage in _with_beside(each)] for each in (plan, saved)
    )
    return {
        "records": plan.records,
        "finished": plan.finished,
        "in_ledger": engine.counters.replayed + plan.settled_replies,
        "stages": rows,
        **_totals(rows),
        "left_out": dict(sorted(plan.left_out.items())),
        "saved": {name: _totals(saved_rows)[name] for name in ("calls", "cost_usd")},
        "spent_usd": _spent_usd(job, ledger),
        **_time(rows, job, history),
        **_disk(plan, rows, job, history),
    }


def _engine(job: Job, ledger: Ledger, planner: _Planner, counters: Counters) -> Engine:
    """The engine of the job, that buys nothing."""
    return Engine(
        ledger=ledger,
        asker=planner,
        counters=counters,
        workers=1,
        trusts_finish=job.trust_finish,
        endpoints=job.endpoints,
    )


async def _is_over(job: Job, rounds: Rounds, ledger: Ledger) -> bool:
    """Whether the ledger holds every reply that the rounds ask for, to their end."""
    counters = Counters()
    engine = _engine(job, ledger, _Planner(job.endpoints), counters)
    feed = RoundsFeed(rounds, lambda index, outcome: None, counters)
    try:
        await engine.run(feed, feed.hear)
    except _NeedsCall:
        return False
    return True


def _plan_rounds(job: Job, ledger: Ledger, expected: Sequence[Expected]) -> dict[str, Any]:
    """What rounds ask is not known before they are over: their own estimate, less the replies that were bought."""
    bought: Counter[str] = Counter()
    for total in ledger.totals(job.identity):
        bought[total.stage] += total.replies
    rows = []
    for each in expected:
        left = max(0, each.calls - bought[each.stage])
        share = left / each.calls if each.calls else 0.0
        out = each.tokens_out * share
        model = each.model or _Planner(job.endpoints).model_for(each.stage)
        row = {
            "stage": each.stage,
            "model": model,
            "records": each.calls,
            "in_ledger": each.calls - left,
            "to_pay": left,
            "calls": left,
            **_cost(job, model, round(each.tokens_in * share), (round(out * 0.5), round(out * 2.0))),
            "basis": "a guess: what a round asks depends on the one before",
        }
        rows.append(row)
    history = look_into(job.ledger) if job.ledger is not None else None
    return {
        "is_rounds": True,
        "records": 0,
        "finished": 0,
        "in_ledger": bought.total(),
        "stages": rows,
        **_totals(rows),
        "left_out": {},
        "saved": {"calls": 0, "cost_usd": None},
        "spent_usd": _spent_usd(job, ledger),
        **_time(rows, job, history),
        **_disk(_Plan({}), rows, job, history),
    }


def _with_beside(plan: _Plan) -> Iterator[tuple[str, _StagePlan]]:
    """The stages in order, each with what it asks beside its own questions behind it."""
    for name, stage in plan.stages.items():
        yield name, stage
        for other, each in plan.beside.rows(name):
            records, calls = math.ceil(each.records) + each.known, math.ceil(each.calls)
            tokens = round(each.tokens_in), round(each.tokens_last)
            yield other, _StagePlan(records, each.known, calls, *tokens, each.model)


async def _note(
    record: Record, stages: Sequence[Stage], plan: _Plan, engine: Engine, planner: _Planner, job: Job
) -> None:
    """Books what one record needs."""
    plan.records += 1
    try:
        _note_done(await engine.one(record, stages), stages, plan)
    except _NeedsCall:
        _note_missing(planner.asked, record, stages, plan, job.buys)
    planner.asked.clear()


def _note_done(outcome: Outcome, stages: Sequence[Stage], plan: _Plan) -> None:
    """Books a record that needs no call: it reached each stage up to the one that rejected it."""
    plan.finished += 1
    passed = Counter(outcome.passed)
    stopped = Counter(rejected.stage for rejected in outcome.rejected)
    for stage in stages:
        reached = passed[stage.name] + stopped[stage.name]
        plan.stages[stage.name].records += reached
        plan.stages[stage.name].known += reached
    plan.beside.note(outcome)


def _note_settled(settled: Settled, plan: _Plan) -> None:
    """Books a block that a run takes over as it is."""
    tally = Tally(settled.note.about["tally"])
    left_out = {name: number for name, number in tally["rejected"].items() if name.partition("/")[0] in MEASURES}
    plan.left_out.update(left_out)
    bad = sum(number for name, number in tally["rejected"].items() if name.startswith("read/"))
    bad += sum(left_out.values())
    plan.records += settled.records - bad
    plan.finished += settled.records - bad
    plan.settled_replies += sum(number for (_, _, what), number in tally.split("used") if what == "replies")
    for name, stage in plan.stages.items():
        rejected = sum(number for code, number in tally["rejected"].items() if code.startswith(f"{name}/"))
        stage.records += tally["passed"][name] + rejected
        stage.known += tally["passed"][name] + rejected


def _note_missing(
    asked: Sequence[Ask], record: Record, stages: Sequence[Stage], plan: _Plan, buys: frozenset[str] | None
) -> None:
    """Books the calls of the stage that lacks one, and of those after it: what `calls_for` says, else one."""
    ask = asked[0]
    names = [stage.name for stage in stages]
    asking = ASKED_BY.get(ask.stage, ask.stage)
    here = names.index(asking) if asking in names else 0
    sent = message_tokens(ask.messages)
    last = estimate_tokens(ask.messages[-1].content)
    width = 1
    for place, stage in enumerate(stages):
        row = plan.stages[stage.name]
        row.records += width
        if place < here:
            row.known += width
        elif buys is not None and asking not in buys:
            # The record ends there: nothing after it can be asked.
            break
        elif place == here and plan.beside.is_missing(asked):
            row.known += width
        elif place == here or stage.name not in _ASKS_NOTHING:
            # Whether verify-math samples again shows only when there is an answer.
            calls_for = getattr(stage, "calls_for", None)
            times = width * (calls_for(record) if calls_for else 1)
            row.calls += times
            row.asked_as = getattr(stage, "asked_as", "")
            own = sent, last
            if place == here and ask.stage not in (stage.name, row.asked_as) and hasattr(stage, "likely_tokens"):
                own = stage.likely_tokens(record, GUESS_OUT.get(ask.stage, 1.0) * last)
            row.tokens_in += own[0] * times
            row.tokens_last += own[1] * times
            if place != here or ask.stage != row.asked_as:
                plan.beside.expect(stage, record, width)
        width *= 2 if getattr(stage, "keep_source", False) else 1


def _stage_row(name: str, stage: _StagePlan, planner: _Planner, job: Job, history: Glance | None) -> dict[str, Any]:
    """One stage of the plan; its cost is None where the price is unknown."""
    asked_as = stage.asked_as or name
    rows = [row for row in history.totals if row.stage == asked_as] if history else []
    replies = sum(row.replies for row in rows)
    mean = sum(row.tokens_out for row in rows) / replies if replies else None
    out = mean * stage.calls if mean is not None else GUESS_OUT.get(asked_as, 1.0) * stage.tokens_last
    low, high = (0.8, 1.25) if mean is not None else (0.5, 2.0)
    model = stage.model or planner.model_for(name)
    return {
        "stage": name,
        "model": model,
        "records": stage.records,
        "in_ledger": stage.known,
        "to_pay": stage.records - stage.known if stage.calls else 0,
        "calls": stage.calls,
        **_cost(job, model, stage.tokens_in, (round(out * low), round(out * high))),
        "basis": "ledger history" if mean is not None else "a guess: the ledger holds no reply of this stage",
    }


def _cost(job: Job, model: str, tokens_in: int, tokens_out: tuple[int, int]) -> dict[str, Any]:
    """Tokens and their cost, with the fewest and the most that may be answered; None where the price is unknown."""
    price = job.spending.price_of(model) if job.endpoints else None
    return {
        "tokens_in": tokens_in,
        "tokens_out_low": tokens_out[0],
        "tokens_out_high": tokens_out[1],
        "cost_usd": [round(price.cost_usd(tokens_in, tokens), 4) for tokens in tokens_out] if price else None,
        "price": price.origin if price else None,
    }


def _totals(rows: Sequence[dict[str, Any]]) -> dict[str, Any]:
    paid = [row for row in rows if row["calls"]] or rows
    names = ("calls", "tokens_in", "tokens_out_low", "tokens_out_high")
    sums: dict[str, Any] = {name: sum(row[name] for row in rows) for name in names}
    if any(row["cost_usd"] is None for row in paid) or not paid:
        return {**sums, "cost_usd": None}
    return {**sums, "cost_usd": [round(sum(row["cost_usd"][end] for row in paid), 4) for end in (0, 1)]}


def _time(rows: Sequence[dict[str, Any]], job: Job, history: Glance | None) -> dict[str, Any]:
    """How long the calls take: at the pace of the last replies in the ledger, else by a guess."""
    calls = sum(row["calls"] for row in rows)
    at_once = max(1, sum(endpoint.max_in_flight for endpoint in job.endpoints))
    if history and history.pace:
        basis = f"at the {history.pace:.3g} replies a second of the last ones in the ledger"
        return {"seconds": round(calls / history.pace), "seconds_basis": basis}
    tokens = sum(row["tokens_out_high"] for row in rows)
    seconds = (calls * GUESS_CALL_S + tokens / GUESS_TOKENS_PER_S) / min(at_once, max(1, calls))
    basis = f"a guess: {at_once} calls at once, {GUESS_CALL_S:g} s and {GUESS_TOKENS_PER_S:g} tokens a second each"
    return {"seconds": round(seconds), "seconds_basis": basis}


def _disk(plan: _Plan, rows: Sequence[dict[str, Any]], job: Job, history: Glance | None) -> dict[str, Any]:
    """Bytes that the ledger and the data sets may take, against what is free; texts are compressed, so it is less."""
    calls, tokens = sum(row["calls"] for row in rows), sum(row["tokens_out_high"] for row in rows)
    stored = calls * history.reply_bytes if history and history.reply_bytes else tokens * _TOKEN_BYTES
    needed = stored + _COPIES * _TOKEN_BYTES * (plan.text_tokens + tokens)
    return {"disk_needed_bytes": round(needed), "disk_free_bytes": free_bytes(job.out)}


def free_bytes(path: Path) -> int:
    """Free bytes where `path` is, or will be."""
    place = path.absolute()
    while not place.exists():
        place = place.parent
    return shutil.disk_usage(place).free


def _spent_usd(job: Job, ledger: Ledger) -> float | None:
    """What the job's earlier runs spent; None when the price of one of their models is unknown."""
    rows = [(row, job.spending.price_of(row.model)) for row in ledger.totals(job.identity)]
    if any(price is None for _, price in rows):
        return None
    return sum(price.cost_usd(row.tokens_in, row.tokens_out, row.tokens_cached) for row, price in rows if price)

"""Runs a job on this machine: one process, one event loop, one ledger, one data set folder.

A job is a stream of records with their stages. What comes of it: shards, rejects, a card and the manifest, and a
summary for people and scripts. Ctrl-C and SIGTERM drain; the same job again goes on from the ledger.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from blossom_data import __version__
from blossom_data.counters import Counters
from blossom_data.engine import Asker, Engine, Feed, Outcome, Work
from blossom_data.errors import ConfigError
from blossom_data.executors.accounting import Books
from blossom_data.executors.blocks import Blocks
from blossom_data.executors.job import Job, NoEndpoint, NoLedger
from blossom_data.executors.limits import Announced, KeptGate, Thrifty
from blossom_data.executors.open_files import allow_open_files
from blossom_data.executors.piped import Piped
from blossom_data.executors.spent import spent_by_stage
from blossom_data.executors.stopping import heard, stopped_by
from blossom_data.ledger import opening
from blossom_data.ledger.address import PostgresAddress
from blossom_data.ledger.place import database_named, ledger_named, name_in, refuse_emptied
from blossom_data.ledger.store import Ledger
from blossom_data.llm.money.budget import Budget
from blossom_data.report.card import render_card
from blossom_data.report.judged import split_judged
from blossom_data.report.verify import split_notes
from blossom_data.shards import CARD, DatasetWriter, refuse_foreign_folder
from blossom_data.synthesize.rounds import RoundsFeed

if TYPE_CHECKING:
    from blossom_data.llm.batch.asker import BatchAsker
    from blossom_data.llm.money.account import Account
    from blossom_data.llm.policy import Patience
    from blossom_data.llm.pool import Pool
    from blossom_data.llm.rate_limits.sharing import Sharing

_MOST_RESTING = 2_000
"""Records beyond two a slot that may wait out a 429 or a failure of their own, while others take their slots."""


def run_job(job: Job) -> dict[str, Any]:
    """Runs `job` to its end and gives its summary: the manifest, plus what this run did (`run`).

    Raises:
        InputError: too many unreadable rows.
        EndpointError, StoppedEarly, Interrupted, LedgerError: it stopped; the same job again goes on.
    """
    refuse_foreign_folder(job.out, is_replacing=job.is_replacing)
    job.counters.is_asking = bool(job.endpoints)
    for stage in job.stages:
        job.counters.stages.setdefault(stage, job.counters.records_total)
    allow_open_files(job.endpoints)
    # The ledger is closed last: on a full disk the room that the unfinished shards took is free by then.
    with open_ledger(job) as ledger, _writer(job) as writer:
        if job.replacement is not None:
            job.replacement.refuse()
        if job.ending is not None:
            job.ending.begin()
        blocks = Blocks(job.work, writer.notes, job.counters, decides=job.decides, size=job.shard_records)
        books = Books(writer, job.counters, blocks.identities)
        with asyncio.Runner(loop_factory=fastest_loop()) as runner, rare_collections():
            runner.run(drive(job, ledger, blocks, books))
        books.settle()
        books.check(job.max_bad)
        books.conserve()
        made = {"synthesize": job.rounds.describe()} if job.rounds is not None else {}
        about = {**describe(job, books), **made, **job.about, **_where_kept(job)}
        manifest = writer.finish(about, files={CARD: render_card(about, job.out.resolve().name)}, judge=job.judge)
        if job.ending is not None:
            job.ending.end()
        spent = spent_by_stage(ledger.totals(job.identity), job.spending, job.stages)
    return {**manifest, "out": str(job.out), "run": describe_run(job.counters) | {"spent": spent}}


def _where_kept(job: Job) -> dict[str, str]:
    """The ledger as the manifest names it: that of before, where all was taken over and nothing came of this one."""
    if job.ledger is None:
        return {}
    is_of_this = job.counters.calls or job.counters.replayed
    if not is_of_this and (database := database_named(job.out)):
        return {"ledger": database}
    before = None if is_of_this else ledger_named(job.out)
    return {"ledger": name_in(job.out, before or job.ledger)}


def _writer(job: Job) -> DatasetWriter:
    """The data set in the making; of a job that buys nothing, one that fails leaves nothing."""
    return DatasetWriter(
        job.out, shard_records=job.shard_records, is_resumed=bool(job.stages), is_replacing=job.is_replacing
    )


@contextlib.contextmanager
def rare_collections() -> Iterator[None]:
    """Looks for cyclic garbage seldom: a run makes little of it, and the search took a seventh of its time."""
    before = gc.get_threshold()
    # What is there from start-up stays to the end, and need not be looked at again.
    gc.freeze()
    gc.set_threshold(50_000, 20, 50)
    try:
        yield
    finally:
        gc.set_threshold(*before)
        gc.unfreeze()


def fastest_loop() -> Callable[[], asyncio.AbstractEventLoop] | None:
    """What makes the event loop: uvloop where it is installed, else None for asyncio's own."""
    try:
        import uvloop
    except ImportError:
        return None
    return uvloop.new_event_loop


def slots_of(job: Job) -> int:
    """Calls that this process expects to have in flight at once: its part, where several work on the job."""
    return -(-sum(endpoint.max_in_flight for endpoint in job.endpoints) // max(1, job.workers))


def tasks_of(job: Job) -> int:
    """Records that the engine works on at once; more than the calls in flight."""
    slots = slots_of(job)
    return max(1, 2 * slots + min(6 * slots, _MOST_RESTING))


async def drive(
    job: Job,
    ledger: Ledger,
    work: Iterable[Work] | Feed,
    sink: Callable[[int, Outcome], None],
    stopping: Callable[[Engine], contextlib.AbstractContextManager[None]] = lambda engine: contextlib.nullcontext(),
) -> None:
    """Sends `work` through the engine, `stopping` a block around that which may stop it; raises as run_job."""
    async with contextlib.AsyncExitStack() as stack:
        asker: Asker = NoEndpoint()
        workers = tasks_of(job)
        if job.endpoints:
            from blossom_data.llm.money.account import Account
            from blossom_data.llm.pool import Pool

            budget = _budget(job, ledger)
            if isinstance(budget, contextlib.AbstractAsyncContextManager):
                await stack.enter_async_context(budget)
            account = Account(budget, job.counters, ledger)
            pool = Pool(
                job.endpoints,
                counters=job.counters,
                seed=job.seed,
                patience=_patience(job),
                memory=ledger,
                account=account,
                is_shared=isinstance(job.ledger, PostgresAddress),
            )
            await stack.enter_async_context(pool)
            if isinstance(job.ledger, PostgresAddress):
                await stack.enter_async_context(_sharing(job.ledger, pool))
            asker = pool
            if job.serving is not None:
                from blossom_data.llm.engines.serve import Served

                asker = await stack.enter_async_context(Served(job.serving, pool, counters=job.counters))
            if job.batch is not None and job.ledger is not None:
                asker = await stack.enter_async_context(_batches(job, pool, ledger, account))
                workers = job.batch.workers
        if job.before_buying is not None:
            asker = Announced(asker, job.before_buying)
        if job.buys is not None:
            asker = Thrifty(asker, job.buys)
        engine = Engine(
            ledger=ledger,
            asker=asker,
            counters=job.counters,
            workers=workers,
            watch=KeptGate(job.stages, job.stop_when_kept_below),
            trusts_finish=job.trust_finish,
            endpoints=job.endpoints,
        )
        deadline = job.deadline.stopping(engine) if job.deadline else contextlib.nullcontext()
        with _signals(engine), deadline, stopping(engine):
            if job.rounds is not None:
                feed = RoundsFeed(job.rounds, sink, job.counters)
                await engine.run(feed, feed.hear)
            else:
                await engine.run(Piped(work) if job.is_piped and isinstance(work, Iterable) else work, sink)


def _sharing(address: PostgresAddress, pool: Pool) -> Sharing:
    """What shares the limits of the pool's endpoints with all who use the database."""
    from blossom_data.ledger.postgres.rate_leases import Leases
    from blossom_data.llm.rate_limits.sharing import Sharing, member_name

    return Sharing(lambda: Leases(address, member=member_name()), pool.governors)


def _patience(job: Job) -> Patience | None:
    """How long the pool bears failures: an engine that we restart ourselves is looked for again at once."""
    if job.serving is None:
        return None
    from blossom_data.llm.engines.serve import REVIVE_S
    from blossom_data.llm.policy import Patience

    return Patience(revive_s=REVIVE_S)


def _batches(job: Job, pool: Pool, ledger: Ledger, account: Account) -> BatchAsker:
    """The Asker of a run with --batch; what is out is kept in the ledger's own file."""
    from blossom_data.ledger.sqlite import SqliteLedger
    from blossom_data.llm.batch.asker import BatchAsker
    from blossom_data.llm.batch.store import BatchStore

    assert job.batch is not None, "only for a job with batches"
    if not isinstance(ledger, SqliteLedger) or not isinstance(job.ledger, Path):
        raise ConfigError("batches are kept in a ledger file", hint="name one with --ledger, or leave out --batch")
    return BatchAsker(
        job.endpoints,
        pool=pool,
        ledger=ledger,
        store=BatchStore(job.ledger),
        settings=job.batch,
        counters=job.counters,
        account=account,
    )


def _budget(job: Job, ledger: Ledger) -> Budget:
    """The budget of `job`, with what its earlier runs have spent."""
    usd, tokens = job.spending.spent(ledger.totals(job.identity))
    job.counters.budget_usd, job.counters.spent_before_usd = job.spending.budget_usd, usd
    asked = [price for endpoint in job.endpoints if (price := job.spending.price_of(endpoint.model)) is not None]
    job.counters.price_origins = tuple(sorted({price.origin for price in asked}))
    address, limits = job.ledger, job.spending
    if job.workers and isinstance(address, PostgresAddress) and (limits.budget_usd or limits.budget_tokens):
        from blossom_data.ledger.postgres.budget_leases import BudgetLeases
        from blossom_data.llm.money.leased_budget import LeasedBudget
        from blossom_data.llm.rate_limits.sharing import member_name

        def connect() -> BudgetLeases:
            return BudgetLeases(address, job=job.identity, member=member_name())

        return LeasedBudget(limits, connect=connect, spent_usd=usd, spent_tokens=tokens)
    # A batch is reserved whole before the first of its answers comes.
    return Budget(limits, spent_usd=usd, spent_tokens=tokens, opens_slowly=job.batch is None)


@contextlib.contextmanager
def open_ledger(job: Job) -> Iterator[Ledger]:
    """The ledger of `job`, closed at the end; an empty one when the job asks nothing."""
    if job.ledger is None:
        yield NoLedger()
        return
    if isinstance(job.ledger, Path):
        refuse_emptied(job.ledger, job.out)
    ledger = opening.open_ledger(
        job.ledger, job=job.identity, is_shared=job.workers > 0, say=lambda told: job.counters.notes.update([told])
    )
    try:
        yield ledger
    finally:
        ledger.close()


@contextlib.contextmanager
def _signals(engine: Engine) -> Iterator[None]:
    """The first SIGINT, SIGTERM or SIGHUP drains, the second leaves at once (the ledger stays whole)."""
    loop = asyncio.get_running_loop()
    got: list[int] = []
    numbers = heard()

    def on_signal(number: int) -> None:
        got.append(number)
        if len(got) > 1:
            os._exit(128 + number)
        engine.counters.is_stopping = True
        engine.stop(stopped_by(number))

    for number in numbers:
        loop.add_signal_handler(number, on_signal, number)
    try:
        yield
    finally:
        for number in numbers:
            loop.remove_signal_handler(number)


def describe(job: Job, books: Books) -> dict[str, Any]:
    """The counts of the manifest: the same whatever came from the ledger and whatever was bought."""
    counters = job.counters
    return {
        "blossom_data": __version__,
        "stage": job.label,
        **({"made_of": job.replacement.to_dict()} if job.replacement is not None else {}),
        "read": counters.read,
        "added": counters.added,
        "kept": counters.kept,
        "skipped": counters.skipped,
        "not_drawn": counters.not_drawn,
        "rejected": dict(sorted(counters.rejected.items())),
        "failed": dict(sorted(counters.failed.items())),
        "passed": passed_measures(job) | {stage: counters.passed[stage] for stage in job.stages},
        **split_judged(split_notes(books.describe())),
    }


def passed_measures(job: Job) -> dict[str, int]:
    """The records that each measure has left."""
    rejected = job.counters.rejected
    left = job.counters.read - job.counters.skipped - _sum_of(rejected, "read")
    return {measure: (left := left - _sum_of(rejected, measure)) for measure in job.measures}


def _sum_of(rejected: Mapping[str, int], stage: str) -> int:
    return sum(number for name, number in rejected.items() if name.partition("/")[0] == stage)


def describe_run(counters: Counters) -> dict[str, Any]:
    """What this run itself did: calls, retries, tokens."""
    return {
        "calls": counters.calls,
        "replayed": counters.replayed,
        "taken_over": counters.taken_over,
        "retries": dict(counters.retries.most_common()),
        "tokens_in": counters.tokens_in,
        "tokens_out": counters.tokens_out,
        "tokens_cached": counters.tokens_cached,
        "cost_usd": None if counters.unpriced_calls else round(counters.cost_usd, 6),
        "spent_usd": None if counters.unpriced_calls else round(counters.spent_before_usd + counters.cost_usd, 6),
        "tokens_estimated": counters.tokens_estimated,
        "prices": list(counters.price_origins),
        "notes": dict(counters.notes.most_common()),
    }

"""The engine: drives stages over records, and is the only thing that spends money.

Records flow through their stages without barriers, many at a time; what came of them is handed on in input order, so
the output depends on the input and the ledger alone, at any concurrency. Each reply is durable in the ledger before
a stage sees it. A stop lets the calls in flight end and be stored, and buys nothing more.

It does not know HTTP (llm/), files (shards/) or the terminal (cli/).
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

from blossom_data import shards
from blossom_data.asks import Ask, Note, Question, Reply, Stage, Steps, Usage
from blossom_data.config import Endpoint, further_of
from blossom_data.counters import Counters
from blossom_data.errors import BlossomError, Interrupted, RecordRefused
from blossom_data.in_order import InOrder
from blossom_data.ledger.store import Ledger
from blossom_data.llm.reply.watch import ReplyWatch
from blossom_data.records import Record, Reject
from blossom_data.rows import BadRow

DRAIN_S = 30.0
"""Longest wait for calls in flight after a signal; what else stops a run waits as long as a call may take."""
_WINDOW_ROUNDS = 4
_WINDOW_LEAST = 8_000
"""Records that are finished while one waits for its fifth try; what is done by then waits in memory."""
_BREATHE = 32
"""Records that one worker may finish without a pause for the event loop (all replayed from the ledger)."""


@dataclass(frozen=True, slots=True)
class Settled:
    """A block of `records` input records that an earlier run has finished: handed on as it is."""

    block: int
    records: int
    note: shards.Note


Work = tuple["Record | BadRow | Rejected | Settled", Sequence[Stage]]
"""A Rejected was ruled out before any stage, and is handed on as it is."""


class Asker(Protocol):
    """What the engine needs of the LLM layer (llm/pool.py)."""

    def model_for(self, stage: str) -> str: ...

    def stop(self) -> None:
        """No further request is sent; a `complete` that waits for its turn raises EndpointError."""

    def complete(self, ask: Ask) -> Awaitable[Reply]: ...


class Feed(Protocol):
    """Where the work of a run comes from, item by item, with its number from 0."""

    async def take(self) -> tuple[int, Work] | None:
        """The next item, None behind the last."""

    def stop(self) -> None:
        """No more is wanted: who waits for an item gets None."""


class Iterated:
    """A Feed of an iterable that never waits long, such as a file."""

    def __init__(self, work: Iterable[Work]) -> None:
        self._items = enumerate(work)
        self._turn = asyncio.Lock()
        self._is_stopped = False

    async def take(self) -> tuple[int, Work] | None:
        async with self._turn:
            taken = None if self._is_stopped else next(self._items, None)
            if taken is not None and isinstance(taken[1][0], Settled):
                # A whole block was read: replies and signals are heard before anybody reads the next.
                await asyncio.sleep(0)
            return taken

    def stop(self) -> None:
        self._is_stopped = True


@dataclass(frozen=True, slots=True)
class Rejected:
    """Why a record was not kept; `stage` is "read" for a row that could not be read."""

    stage: str
    code: str
    detail: str
    reply: str = ""
    history: tuple[str, ...] = ()
    record: Record | None = None
    row: BadRow | None = None
    is_failure: bool = False
    """The endpoint would not answer: asked again by the next run."""

    @property
    def name(self) -> str:
        """What it is counted under: "stage/code"."""
        return f"{self.stage}/{self.code}"

    def to_dict(self) -> dict[str, Any]:
        """As stored in rejects/: keys always the same."""
        return {
            "id": self.record.id if self.record else "",
            "stage": self.stage,
            "code": self.code,
            "detail": self.detail,
            "file": self.row.file if self.row else "",
            "line": self.row.line if self.row else 0,
            "reply": self.reply,
            "history": list(self.history),
            "failed": self.is_failure,
            "record": self.record.to_dict() if self.record else None,
        }


@dataclass(slots=True)
class Outcome:
    """What became of one input record."""

    kept: list[Record] = field(default_factory=list)
    rejected: list[Rejected] = field(default_factory=list)
    settled: Settled | None = None
    passed: list[str] = field(default_factory=list)
    """The stages that let it through."""
    untouched: list[str] = field(default_factory=list)
    """Those of them that left it as it was: nothing to translate, no gold label."""
    added: int = 0
    """Records that a stage made beyond one for one."""
    used: list[tuple[str, str, Usage]] = field(default_factory=list)
    """Stage, model and usage of each reply behind it, bought now or before."""
    again: list[str] = field(default_factory=list)
    """Further tries behind it, by "stage/code" of what was wrong with the try before."""
    noted: list[str] = field(default_factory=list)
    """What its stages wanted counted."""
    is_paid: bool = False


class _Stopping(Exception):
    """This record needs a call, and the run is stopping."""


class Engine:
    """One run over one stream of records.

    Args:
        workers: records driven at once; more than the calls in flight, for some wait for the disk or out a refusal.
        watch: sees each outcome at once, and gives the error that is to stop the run, or None.
        trusts_finish: an answer of which the endpoint does not say how it ended counts as whole.
        endpoints: who answers; what they add to every request is part of the ledger keys.
        window: most records between the oldest unfinished one and the newest begun one.
    """

    def __init__(
        self,
        *,
        ledger: Ledger,
        asker: Asker,
        counters: Counters,
        workers: int,
        window: int = 0,
        watch: Callable[[Outcome], BlossomError | None] = lambda outcome: None,
        trusts_finish: bool = False,
        endpoints: Sequence[Endpoint] = (),
    ) -> None:
        self.ledger, self.asker, self.counters = ledger, asker, counters
        self._watch, self._trusts_finish, self._watch_replies = watch, trusts_finish, ReplyWatch(counters)
        self.workers, self.window = workers, window or max(_WINDOW_LEAST, _WINDOW_ROUNDS * workers)
        self._endpoints = endpoints
        self._further: dict[str, Mapping[str, Any]] = {}
        """By stage, what its endpoints add; filled as stages ask."""
        self._in_flight: dict[bytes, asyncio.Future[Reply]] = {}
        self._stop_reason: BaseException | None = None
        self._stopped = asyncio.Event()
        self._order: InOrder[Outcome] | None = None
        self._feed: Feed | None = None

    def stop(self, why: BaseException) -> None:
        """Stops buying; calls in flight end and are stored, then `run` raises `why`."""
        if self._stop_reason is None:
            self._stop_reason = why
            self.asker.stop()
            self._stopped.set()
            if self._feed is not None:
                self._feed.stop()

    async def run(self, work: Iterable[Work] | Feed, sink: Callable[[int, Outcome], None]) -> None:
        """Drives all of `work`; `sink` gets (index, outcome) in input order.

        Args:
            work: a Feed where the next item may be long in coming.

        Raises:
            BlossomError: what stopped the run (AuthError, EndpointError, LedgerError, Interrupted ...).
        """
        self._order = InOrder(sink, self.window)
        self._feed = Iterated(work) if isinstance(work, Iterable) else work
        tasks = [asyncio.create_task(self._work(self._feed, self._order)) for _ in range(self.workers)]
        everything: asyncio.Future[Any] = asyncio.gather(*tasks)
        stopped: asyncio.Future[Any] = asyncio.create_task(self._stopped.wait())
        await asyncio.wait({everything, stopped}, return_when=asyncio.FIRST_COMPLETED)
        if self._stop_reason is not None:
            self._order.open()
            flying: list[asyncio.Future[Any]] = [*tasks, *self._in_flight.values()]
            drain_s = DRAIN_S if isinstance(self._stop_reason, Interrupted) else None
            _, late = await asyncio.wait(flying, timeout=drain_s)
            for task in late:
                task.cancel()
            await asyncio.gather(everything, return_exceptions=True)
        stopped.cancel()
        if self._stop_reason is not None:
            raise self._stop_reason

    async def _work(self, feed: Feed, order: InOrder[Outcome]) -> None:
        """One worker: takes the next record, drives it, hands on what came of it."""
        unpaid = 0
        try:
            while (taken := await feed.take()) is not None:
                index, (item, stages) = taken
                if self._stop_reason is None and (turn := order.room(index)) is not None:
                    await turn
                if self._stop_reason is not None:
                    return
                outcome = await self.one(item, stages)
                order.put(index, outcome)
                self.counters.paid_records += outcome.is_paid
                if why := self._watch(outcome):
                    self.stop(why)
                unpaid = 0 if outcome.is_paid else unpaid + 1
                if unpaid % _BREATHE == _BREATHE - 1:
                    await asyncio.sleep(0)
        except (_Stopping, asyncio.CancelledError):
            return
        except Exception as why:
            self.stop(why)

    async def one(self, item: Record | BadRow | Rejected | Settled, stages: Sequence[Stage]) -> Outcome:
        """What becomes of one record on its way through `stages`."""
        outcome = Outcome()
        if isinstance(item, Record):
            await self._through(item, stages, outcome)
        elif isinstance(item, Settled):
            outcome.settled = item
        elif isinstance(item, Rejected):
            outcome.rejected.append(item)
        else:
            text = item.raw.decode("utf-8", "replace")
            outcome.rejected.append(Rejected("read", item.code, item.detail, reply=text, row=item))
        return outcome

    async def _through(self, record: Record, stages: Sequence[Stage], outcome: Outcome) -> None:
        """Sends `record` through the first of `stages`, and what it gives through the rest."""
        if not stages:
            outcome.kept.append(record)
            return
        stage = stages[0]
        produced: tuple[Record, ...] | None = None
        try:
            produced = await self._drive(stage, record, outcome)
        except Reject as why:
            outcome.rejected.append(Rejected(stage.name, why.code, why.detail, why.reply, why.history, record))
        except RecordRefused as why:
            code = f"refused_{why.status}" if why.status else "unanswered"
            outcome.rejected.append(Rejected(stage.name, code, str(why), why.body, (), record, is_failure=True))
        self.counters.through[stage.name] += 1
        self.counters.paid_through[stage.name] += outcome.is_paid
        if produced is None:
            return
        outcome.passed.append(stage.name)
        if len(produced) == 1 and (produced[0].messages, produced[0].lineage) == (record.messages, record.lineage):
            outcome.untouched.append(stage.name)
        outcome.added += len(produced) - 1
        for each in produced:
            await self._through(each, stages[1:], outcome)

    async def _drive(self, stage: Stage, record: Record, outcome: Outcome) -> tuple[Record, ...]:
        """Runs one stage's generator to its end, answering what it asks."""
        steps = stage.run(record)
        answer: Any = None
        try:
            while True:
                question = _advance(stage, record, steps, answer)
                if isinstance(question, Ask):
                    answer = await self._ask(question, outcome)
                elif isinstance(question, Note):
                    outcome.noted.append(question.text)
                    answer = None
                else:
                    answer = await self._ask_all(question, outcome)
        except StopIteration as end:
            return end.value if isinstance(end.value, tuple) else (end.value,)
        finally:
            steps.close()

    async def _ask_all(self, asks: Sequence[Ask], outcome: Outcome) -> list[Reply]:
        """The replies of questions that are sent side by side; when one fails, the others are waited for and stored."""
        if len(asks) == 1:
            return [await self._ask(asks[0], outcome)]
        answers = await asyncio.gather(*(self._ask(ask, outcome) for ask in asks), return_exceptions=True)
        problems = [answer for answer in answers if isinstance(answer, BaseException)]
        if problems:
            # What ends the run goes before what fails this one record.
            raise min(problems, key=lambda why: isinstance(why, RecordRefused))
        return [answer for answer in answers if isinstance(answer, Reply)]

    async def _ask(self, ask: Ask, outcome: Outcome) -> Reply:
        """The reply of `ask`: from the ledger, from a twin that is being bought, or bought and stored."""
        model = ask.model or self.asker.model_for(ask.stage)
        if (further := self._further.get(ask.stage)) is None:
            further = self._further[ask.stage] = further_of(self._endpoints, ask.stage)
        if further:
            ask = replace(ask, further=further)
        key = ask.key(model)
        stored = self.ledger.get(key)
        if stored is not None and not isinstance(stored, Reply):
            stored = await stored
        if stored is not None:
            self.counters.replayed += 1
            return self._count_use(ask, model, stored, outcome)
        if self._stop_reason is not None:
            raise _Stopping
        outcome.is_paid = True
        if (twin := self._in_flight.get(key)) is not None:
            return self._count_use(ask, model, await asyncio.shield(twin), outcome)
        bought: asyncio.Future[Reply] = asyncio.get_running_loop().create_future()
        self._in_flight[key] = bought
        try:
            reply = await self._buy(key, ask, model)
        except BaseException as why:
            bought.set_exception(why if isinstance(why, Exception) else _Stopping())
            bought.exception()
            raise
        finally:
            del self._in_flight[key]
        bought.set_result(reply)
        return self._count_use(ask, model, reply, outcome)

    async def _buy(self, key: bytes, ask: Ask, model: str) -> Reply:
        try:
            reply = await self.asker.complete(ask)
        except RecordRefused as why:
            self.ledger.note_failure(key, ask.stage, why.status, str(why), why.body)
            raise
        stored = await self.ledger.put(key, ask, reply)
        return replace(reply, key=key.hex()) if stored is None else stored

    def _count_use(self, ask: Ask, model: str, reply: Reply, outcome: Outcome) -> Reply:
        self._watch_replies.saw(reply)
        if ask.because:
            outcome.again.append(f"{ask.stage}/{ask.because}")
        outcome.used.append((ask.stage, model, reply.usage))
        is_trusted = self._trusts_finish and reply.finish_reason == "unknown"
        return replace(reply, finish_reason="stop") if is_trusted else reply


def _advance(stage: Stage, record: Record, steps: Steps, answer: Any) -> Question:
    """The stage's next question; anything but a Reject that it raises is a bug in it, and says so.

    Raises:
        StopIteration: the stage is done; its value is what came of the record.
    """
    try:
        return steps.send(answer)
    except (StopIteration, Reject, BlossomError):
        raise
    except Exception as why:
        raise BlossomError(
            f"bug in stage {stage.name} at record {record.id}: {type(why).__name__}: {why}",
            hint="please report it with the record; run again with --debug for the traceback",
        ) from why

"""A run through a provider's batch endpoint: the engine's Asker that collects asks and buys them by the batch.

    async with BatchAsker(endpoints, pool=pool, ledger=ledger, store=store, settings=settings, counters=counters) as it:
        reply = await it.complete(ask)                # hours later

Asks that come together go out together. What is at the provider stands in the ledger's file (store.py), so a
run that ends in any way finds its batches again; results are in the ledger before anybody sees them. Ending the run
cancels nothing at the provider.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections import defaultdict
from collections.abc import Coroutine, Sequence
from contextlib import AsyncExitStack
from types import TracebackType
from typing import Any

from blossom_data.asks import Ask, Reply
from blossom_data.config import Endpoint, has_role
from blossom_data.counters import Counters
from blossom_data.errors import BlossomError, ConfigError, EndpointError, Interrupted, RecordRefused, StoppedEarly
from blossom_data.ledger.sqlite import SqliteLedger
from blossom_data.llm.batch.input import BatchInput, Modes
from blossom_data.llm.batch.lessons import Lessons
from blossom_data.llm.batch.line_budget import LineBudget
from blossom_data.llm.batch.protocol import BatchClient, RemoteBatch
from blossom_data.llm.batch.restart import found_again
from blossom_data.llm.batch.results import Results
from blossom_data.llm.batch.settings import BatchSettings
from blossom_data.llm.batch.store import BatchStore, StoredBatch
from blossom_data.llm.batch.waiting import Group, Next, Waiting
from blossom_data.llm.call import TOO_LARGE
from blossom_data.llm.money.account import Account
from blossom_data.llm.policy import Failure
from blossom_data.llm.pool import Pool
from blossom_data.llm.structured import names_format

MOST_SETTLE_S = 30.0
"""So long a batch may take to appear in the provider's list after it was created."""
_FIRST_LOOK_S = 2.0
_LEAVE_S = 30.0
_FULL = "token_limit_exceeded"


class BatchAsker:
    """The Asker (engine.py) over batches; open it with `async with` on the loop that uses it.

    Args:
        pool: knows the models, and answers online what is topped up.
        store: closed at the end.
        account: pays for each line.
    """

    def __init__(
        self,
        endpoints: Sequence[Endpoint],
        *,
        pool: Pool,
        ledger: SqliteLedger,
        store: BatchStore,
        settings: BatchSettings,
        counters: Counters,
        account: Account,
    ) -> None:
        self._pool, self._ledger, self._store = pool, ledger, store
        self._settings, self._counters = settings, counters
        draw = random.Random()
        settle_s = min(settings.poll_s, MOST_SETTLE_S)
        self._clients = [
            BatchClient(
                endpoint,
                patience=settings.patience,
                settle_s=settle_s,
                most_single_bytes=settings.most_single_bytes,
                draw=draw,
            )
            for endpoint in endpoints
        ]
        self._modes = Modes(counters, account)
        self._money = LineBudget(account)
        self._stack = AsyncExitStack()
        self._waiting: dict[bytes, Waiting] = {}
        self._pending: defaultdict[Group, dict[bytes, None]] = defaultdict(dict)
        self._held: list[bytes] = []
        """Lines of a batch that the provider had no room for, until another batch ends."""
        self._open: list[StoredBatch] = []
        self._looked_at: set[str] = set()
        """Ids of open batches whose state this run has seen."""
        self._refused: dict[bytes, tuple[RecordRefused, Failure]] = {}
        self._lessons = Lessons(counters, ledger)
        self._tries = store.tries()
        self._submits: set[asyncio.Task[None]] = set()
        self._follows: set[asyncio.Task[None]] = set()
        self._reading = self._arrived = 0
        self._error: BaseException | None = None

    async def __aenter__(self) -> BatchAsker:
        try:
            for client in self._clients:
                await self._stack.enter_async_context(client)
            await self._adopt()
        except BaseException:
            await self.__aexit__(None, None, None)
            raise
        self._spawn(self._watch(), self._follows)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, why: BaseException | None, at: TracebackType | None
    ) -> None:
        """Leaves the batches running.

        Raises:
            StoppedEarly: in place of Interrupted when batches are out, with their ids.
        """
        self.stop()
        if self._submits:
            await asyncio.wait(self._submits, timeout=_LEAVE_S)
        tasks = [*self._submits, *self._follows]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._stack.aclose()
        self._store.close()
        if isinstance(why, Interrupted) and self._open:
            raise self._left_running(f"{str(why).partition(';')[0]}; ") from why

    def model_for(self, stage: str) -> str:
        return self._pool.model_for(stage)

    def stop(self) -> None:
        """Nothing more is submitted; the batches that are out go on at the provider."""
        self._pool.stop()
        self._end_all(asyncio.CancelledError())

    async def complete(self, ask: Ask) -> Reply:
        """The reply to `ask`, from the batch that it goes out with, or is out with already.

        Raises:
            RecordRefused: this request will not be answered in this run.
            EndpointError, ConfigError, StoppedEarly: no request will be.
        """
        model = ask.model or self.model_for(ask.stage)
        key = ask.key(model)
        while True:
            if self._error is not None:
                raise self._error
            cap = await self._money.take(key, ask, model)
            try:
                reply = await self._line(key, ask, (self._client_for(ask.stage), ask.stage, model, cap))
            finally:
                self._money.release(key)
            if reply is Next.ONLINE:
                return await self._pool.complete(ask)
            if isinstance(reply, Reply):
                return reply

    async def _line(self, key: bytes, ask: Ask, group: Group) -> Reply | Next:
        """What becomes of one line, for which is held what it may take."""
        if self._error is not None:
            raise self._error
        if (refused := self._refused.pop(key, None)) is not None and not self._is_mended(key, ask, group, *refused):
            raise refused[0]
        if (stored := self._ledger.get(key)) is not None:
            # A batch of an earlier run brought it between the engine's look into the ledger and this call.
            return stored
        waiting = Waiting(ask, group, asyncio.get_running_loop().create_future())
        self._waiting[key] = waiting
        try:
            if not any(key in batch.keys for batch in self._open):
                self._go_on([key])
            return await waiting.reply
        finally:
            del self._waiting[key]

    def _client_for(self, stage: str) -> BatchClient:
        """The first endpoint that names the stage as a role, else the first without roles."""
        named = [client for client in self._clients if has_role(client.endpoint, stage)]
        return (named or [client for client in self._clients if not client.endpoint.roles])[0]

    def _go_on(self, keys: Sequence[bytes]) -> None:
        """What becomes of lines that have no answer: into the next batch, online, or given up."""
        given_up = []
        for key in keys:
            if (waiting := self._waiting.get(key)) is None or waiting.reply.done():
                continue
            if (tries := self._tries.get(key, 0)) < self._settings.tries:
                self._arrived += 1
                if not self._money.is_held(key):
                    # It was billed without an answer: another try has to fit into the budget, too.
                    waiting.reply.set_result(Next.AGAIN)
                    continue
                self._pending[waiting.group][key] = None
                if len(self._pending[waiting.group]) >= self._settings.lines:
                    self._submit(waiting.group)
            elif self._settings.is_topped_up:
                waiting.reply.set_result(Next.ONLINE)
            else:
                del self._tries[key]
                given_up.append(key)
                label = waiting.group[0].endpoint.label
                waiting.reply.set_exception(
                    RecordRefused(f"given up at {label}: no answer in {tries} batches (see --batch-top-up)", status=0)
                )
        if given_up:
            self._store.give_up(given_up)

    async def _watch(self) -> None:
        """Submits what is pending when nothing more arrives; leaves with --detach when everything is out."""
        seen: tuple[int, ...] = ()
        while True:
            await asyncio.sleep(self._settings.quiet_s)
            now = (self._counters.read, self._counters.replayed, self._arrived, self._counters.calls)
            is_quiet, seen = now == seen, now
            if not is_quiet or self._reading:
                continue
            for group in [group for group, keys in self._pending.items() if keys]:
                self._submit(group)
            is_out = all(batch.batch_id in self._looked_at for batch in self._open)
            if self._settings.is_detached and self._waiting and self._open and is_out and not self._submits:
                self._end_all(self._left_running(""))

    def _submit(self, group: Group) -> None:
        keys = list(self._pending.pop(group))
        self._spawn(self._send(group, keys), self._submits)

    async def _send(self, group: Group, keys: list[bytes]) -> None:
        """Makes batches of `keys`: the intent durable, then the batch created, then its id durable."""
        client, stage, model, cap = group
        while keys and self._error is None:
            asks = {key: waiting.ask for key in keys if (waiting := self._waiting.get(key)) is not None}
            modes = await self._modes.of(client, model, asks.values())
            dialect = self._lessons.dialect(client, model)
            with BatchInput(asks, client, modes, dialect, self._settings.most_bytes, cap) as batch_input:
                for key, refusal in batch_input.refused.items():
                    self._fail(key, refusal)
                keys = batch_input.left_over
                if not batch_input.keys or self._error is not None:
                    continue
                stored = StoredBatch(
                    intent=batch_input.digest(self._store.next_number()),
                    created=time.time(),
                    endpoint=client.endpoint.label,
                    base_url=client.endpoint.base_url,
                    stage=stage,
                    model=model,
                    keys=batch_input.keys,
                    cap=cap,
                )
                self._money.worst(stored)
                file_id = await client.upload(batch_input.file, stored.intent)
            if self._error is not None:
                return
            self._store.intend(stored)
            remote = await client.create(file_id, intent=stored.intent, stage=stage, created=stored.created)
            self._out(client, stored, remote, "submitted")

    def _out(self, client: BatchClient, stored: StoredBatch, remote: RemoteBatch, how: str) -> None:
        """Books a batch that is at the provider, and follows it."""
        if stored.batch_id != remote.id:
            stored.batch_id = remote.id
            self._store.submitted(stored)
        self._open.append(stored)
        self._tell(stored, how)
        self._spawn(self._follow(client, stored), self._follows)

    async def _follow(self, client: BatchClient, stored: StoredBatch) -> None:
        """Looks at a batch until it is over, and brings its results home."""
        pause_s = min(_FIRST_LOOK_S, self._settings.poll_s)
        while not (remote := await client.retrieve(stored.batch_id)).is_over:
            self._looked_at.add(stored.batch_id)
            await asyncio.sleep(pause_s)
            pause_s = min(1.5 * pause_s, self._settings.poll_s)
        if remote.status == "failed" and not (remote.output_file_id or remote.error_file_id):
            self._refuse_batch(client, stored, remote)
            return
        self._reading += 1
        try:
            results = Results(
                client,
                stored,
                ledger=self._ledger,
                counters=self._counters,
                budget=self._money,
                ask_of=lambda key: waiting.ask if (waiting := self._waiting.get(key)) else None,
                deliver=self._deliver,
                may_go_again=self._may_go_again,
            )
            await results.read(remote)
        finally:
            self._reading -= 1
        alike = self._lessons.same_for_all(client, stored.stage, results.answers, results.refusals)
        for key, refusal in results.refusals.items() if alike is None else ():
            self._fail(key, refusal)
        self._end(stored, remote, results.fatal or alike)

    def _end(self, stored: StoredBatch, remote: RemoteBatch, fatal: BlossomError | None) -> None:
        """Closes a batch whose replies are durable; lines without one go on, unless no call can succeed."""
        unanswered = list(stored.keys)
        tried = [key for key in unanswered if key not in self._lessons.mended]
        self._lessons.mended.difference_update(unanswered)
        self._store.end(stored, () if fatal else tried)
        self._money.ended(stored)
        self._open.remove(stored)
        self._tell(stored, remote.status + (f", {len(unanswered):,} lines without an answer" if unanswered else ""))
        if fatal is not None:
            self._end_all(fatal)
            return
        for key in tried:
            self._tries[key] = self._tries.get(key, 0) + 1
        held, self._held = self._held, []
        self._go_on([*unanswered, *held])

    def _refuse_batch(self, client: BatchClient, stored: StoredBatch, remote: RemoteBatch) -> None:
        """A batch that the provider would not begin: nothing was bought."""
        self._store.drop(stored)
        self._money.ended(stored)
        self._open.remove(stored)
        codes = {code for code, _ in remote.reasons}
        told = "; ".join(client.endpoint.api_key.scrub(f"{code}: {why}")[:300] for code, why in remote.reasons)
        self._tell(stored, f"failed: {told or 'no reason given'}")
        if _FULL in codes and self._open:
            self._held += stored.keys
            return
        what = f"endpoint {client.endpoint.label} failed batch {remote.id} as a whole: {told or 'no reason given'}"
        if _FULL in codes:
            self._end_all(EndpointError(what, hint="give a smaller --batch-lines, or wait for other batches to end"))
        else:
            self._end_all(ConfigError(what, hint="nothing was bought; mend what it names, or leave out --batch"))

    def _deliver(self, key: bytes, reply: Reply | None) -> None:
        """Hands the reply of a line to the call that waits for it."""
        if (waiting := self._waiting.get(key)) is not None and not waiting.reply.done():
            waiting.reply.set_result(reply or Next.AGAIN)

    def _may_go_again(self, key: bytes, refusal: RecordRefused, failure: Failure) -> bool:
        """Whether a refused line is worth sending again in another way."""
        if (waiting := self._waiting.get(key)) is None:
            self._refused[key] = (refusal, failure)
            return False
        return self._is_mended(key, waiting.ask, waiting.group, refusal, failure)

    def _is_mended(self, key: bytes, ask: Ask, group: Group, refusal: RecordRefused, failure: Failure) -> bool:
        client, _, model, _ = group
        is_format = names_format(refusal) and self._modes.downgrade(client, model)
        if is_format or self._lessons.learn(key, ask, client, model, failure):
            return True
        is_mended = TOO_LARGE.search(failure.detail) is not None and self._money.is_too_large(key)
        self._lessons.mended.update([key] if is_mended else [])
        return is_mended

    def _fail(self, key: bytes, refusal: RecordRefused) -> None:
        if (waiting := self._waiting.get(key)) is not None and not waiting.reply.done():
            waiting.reply.set_exception(refusal)

    async def _adopt(self) -> None:
        """Follows the batches of earlier runs, and holds what they may take."""
        async for client, stored, remote, how in found_again(self._store, self._clients, self._counters):
            self._money.adopt(stored)
            self._out(client, stored, remote, how)

    def _spawn(self, work: Coroutine[Any, Any, None], tasks: set[asyncio.Task[None]]) -> None:
        """Runs `work` beside the calls; what it raises ends them all."""
        task = asyncio.create_task(work)
        tasks.add(task)

        def ended(task: asyncio.Task[None]) -> None:
            tasks.discard(task)
            if not task.cancelled() and (why := task.exception()) is not None:
                self._end_all(why)

        task.add_done_callback(ended)

    def _end_all(self, why: BaseException) -> None:
        """Every call that waits, and every later one, raises `why`; the first one counts."""
        if self._error is not None:
            return
        self._error = why
        for waiting in self._waiting.values():
            if waiting.reply.done():
                continue
            if isinstance(why, asyncio.CancelledError):
                waiting.reply.cancel()
            else:
                waiting.reply.set_exception(why)

    def _left_running(self, reason: str) -> StoppedEarly:
        ids = ", ".join(batch.batch_id for batch in self._open)
        count = f"{len(self._open)} batches go" if len(self._open) > 1 else "1 batch goes"
        return StoppedEarly(
            f"{reason}{count} on at the provider: {ids}", hint="the same command again waits for them, at no extra cost"
        )

    def _tell(self, stored: StoredBatch, what: str) -> None:
        label = f"{stored.stage}, {len(stored.keys):,} lines" if stored.keys else stored.stage
        self._settings.tell(f"batch {stored.batch_id} ({label}): {what}")

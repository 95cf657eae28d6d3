"""The blocks that one worker claims, as the work of its engine: claimed when there is room, closed when all is through.

    feed = ClaimedBlocks(job, claims, building)
    await drive(job, ledger, feed, feed.take_outcome)
    feed.close()                    blocks that were through are written and marked as done

The next block is claimed when the calls in flight would run low, not before: what a worker holds no other can take. It
reads the input up to there, in a thread, since that may take long; so it goes through the input once for many blocks.
"""

from __future__ import annotations

import asyncio
import itertools
import queue
import threading
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass

from blossom_data.engine import Engine, Outcome, Settled, Work
from blossom_data.errors import BlossomError
from blossom_data.executors.accounting import Books, show_outcome
from blossom_data.executors.blocks import Blocks
from blossom_data.executors.job import Job
from blossom_data.executors.local import slots_of, tasks_of
from blossom_data.ledger.postgres.claims import Claim, Claims
from blossom_data.shards import BlockNotes, BlockWriter, SharedBuilding

_LOW = 2
"""The next block is claimed when no more than so many records for each call in flight are at work."""


@dataclass(slots=True)
class _Open:
    """A block at work."""

    claim: Claim
    records: int
    left: int
    """Records that are not through yet; 0 from the start where an earlier run settled the block."""
    through: int = 0
    books: Books | None = None
    writer: BlockWriter | None = None


class ClaimedBlocks:
    """A Feed (engine.py) of one pass through the input of `job`.

    Args:
        building: where shards are written; None: this machine does not see the storage of the run.
    """

    def __init__(self, job: Job, claims: Claims, building: SharedBuilding | None) -> None:
        self._job, self._claims, self._building = job, claims, building
        self._work = iter(job.work)
        notes = building.notes if building else BlockNotes(None)
        self._blocks = Blocks((), notes, job.counters, decides=job.decides, size=job.shard_records)
        self._position = 0
        """The block that the input stands before."""
        self._items: deque[Work] = deque()
        self._open: deque[_Open] = deque()
        self._given = 0
        self._tasks, self._low = tasks_of(job), max(1, _LOW * slots_of(job))
        self._waiting = 0
        self._turn, self._moved = asyncio.Lock(), asyncio.Event()
        self._is_over = self._is_stopped = False
        self._through: queue.SimpleQueue[_Open | None] = queue.SimpleQueue()
        self._problem: BaseException | None = None
        self._closer = threading.Thread(target=self._close_all, name="blocks", daemon=True)
        self._closer.start()

    async def take(self) -> tuple[int, Work] | None:
        """The next item of the blocks that are claimed; None when nothing behind them is free.

        Raises:
            LeaseLost: this worker was struck off.
            BlossomError: what reading, writing or claiming raised.
        """
        self._waiting += 1
        self._moved.set()
        try:
            async with self._turn:
                while not self._items and not self._is_over and not self._is_stopped:
                    if self._tasks - self._waiting > self._low:
                        self._moved.clear()
                        await self._moved.wait()
                    else:
                        await self._in_thread(self._claim)
                self._check()
                if self._is_stopped or not self._items:
                    return None
                self._given += 1
                return self._given - 1, self._items.popleft()
        finally:
            self._waiting -= 1

    def stop(self) -> None:
        """Nothing more is wanted."""
        self._is_stopped = True
        self._moved.set()

    @contextmanager
    def stopping(self, engine: Engine) -> Iterator[None]:
        """Stops `engine` when the lease goes: what is begun would be bought twice."""
        loop = asyncio.get_running_loop()

        def stop(why: BlossomError) -> None:
            with suppress(RuntimeError):  # the loop is closed: the run has ended
                loop.call_soon_threadsafe(engine.stop, why)

        self._claims.on_loss = stop
        try:
            yield
        finally:
            self._claims.on_loss = lambda why: None

    def take_outcome(self, index: int, outcome: Outcome) -> None:
        """What came of an item, in order: written, and counted."""
        block = self._open[0]
        if block.books is not None:
            block.books(index, outcome)
        else:
            show_outcome(outcome, self._job.counters)
        block.left -= 1
        block.through += 1
        self._claims.records += 1
        if block.left == 0:
            self._open.popleft()
            self._end(block)

    def close(self) -> None:
        """Waits until the blocks that are through are marked as done; those that are not are let go.

        Raises:
            BlossomError: writing or marking one failed.
        """
        self._through.put(None)
        self._closer.join()
        for block in tuple(self._open):  # a thread that still reads may add one
            if block.writer is not None:
                block.writer.discard()
        if self._problem is not None:
            raise self._problem

    def _check(self) -> None:
        self._claims.check()
        if self._problem is not None:
            raise self._problem

    async def _in_thread(self, work: Callable[[], None]) -> None:
        """Runs `work`, of which nobody waits for the end once no more is wanted."""
        loop = asyncio.get_running_loop()
        problems: list[BaseException] = []
        done = asyncio.Event()

        def run() -> None:
            try:
                work()
            except BaseException as why:  # whatever ends the reading has to end the run
                problems.append(why)
            with suppress(RuntimeError):  # the loop is closed: the run has ended
                loop.call_soon_threadsafe(done.set)
                loop.call_soon_threadsafe(self._moved.set)

        threading.Thread(target=run, name="input", daemon=True).start()
        while not done.is_set() and not self._is_stopped:
            self._moved.clear()
            await self._moved.wait()
        if problems:
            raise problems[0]

    def _claim(self) -> None:
        """Claims a block and reads it; a block that an earlier run settled is done with that."""
        claim = self._claims.claim(self._position)
        if claim is None:
            self._is_over = True
            return
        size = self._job.shard_records
        skipped = (claim.block - self._position) * size
        read = sum(1 for _ in itertools.islice(self._work, skipped))
        items = list(self._read(claim.block)) if read == skipped else []
        self._position = claim.block + 1
        records = items[0][0].records if items and isinstance(items[0][0], Settled) else len(items)
        if read < skipped or records < size:
            # Behind the end of the input, or its last block.
            self._claims.end_at((claim.block * size - skipped + read + records + size - 1) // size)
        if not items:
            return
        if isinstance(items[0][0], Settled):
            self._job.counters.taken_over += records
            self._through.put(_Open(claim, records, 0))
            return
        block = _Open(claim, records, records)
        identity = self._blocks.identities.pop(claim.block)
        if self._building is not None:
            block.writer = self._building.writer(claim.block)
            known, position = {claim.block: identity}, claim.block * size
            block.books = Books(block.writer, self._job.counters, known, position=position)
        self._open.append(block)
        self._items.extend(items)

    def _read(self, block: int) -> Iterator[Work]:
        yield from self._blocks.block(block, self._work)

    def _end(self, block: _Open) -> None:
        if block.books is not None and block.records < self._job.shard_records:
            block.books.settle()
        self._through.put(block)

    def _close_all(self) -> None:
        """The thread that marks blocks as done and gives their shards their names."""
        while (block := self._through.get()) is not None:
            if self._problem is not None:
                continue
            try:
                self._close_one(block)
            except BaseException as why:
                self._problem = why

    def _close_one(self, block: _Open) -> None:
        is_ours = self._claims.finish_block(block.claim, block.records)
        self._claims.records -= block.through
        if block.writer is None:
            return
        if is_ours and block.writer.is_settled:
            block.writer.publish()
        else:
            block.writer.discard()

"""The ledger in PostgreSQL: many processes on many machines at once; of each, a thread commits and another reads.

What several processes ask at the same moment may be bought by each of them, and all of them use the reply that was
stored first; what is stored is never bought again by any. Two runs of one job (one output) are kept apart by an
advisory lock, which goes with the connection.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Any

import zstandard

from blossom_data.asks import Ask, Reply, Usage
from blossom_data.bitmap import Bitmap
from blossom_data.errors import LedgerError, Locked
from blossom_data.ledger.address import PostgresAddress
from blossom_data.ledger.call_times import CallTimes
from blossom_data.ledger.postgres.journals import journals_in, take_journal
from blossom_data.ledger.postgres.schema import BOOK, CALLS, FACT, FAIL, PUT, migrate, sum_up_totals
from blossom_data.ledger.postgres.server import Server
from blossom_data.ledger.postgres.snapshot import find_replies, holder_of_job, read_totals
from blossom_data.ledger.store import StageTotals
from blossom_data.ledger.stored_reply import stored_text
from blossom_data.ledger.waiting import Waiting, wake

LINGER_S = 0.01
BATCH, _BATCH_BYTES = 1_024, 16 << 20
"""Most replies of a commit, and bytes after which it takes no more: PostgreSQL takes 1 GB in a statement."""
_CLOSING_PATIENCE_S = 15.0
"""How long the end of a run waits for a server that is away; what is not stored by then waits in the journal."""

_Job = tuple[str, tuple[Any, ...], Waiting | None, int | None]
"""Statement, its values, who waits for it, and the file of the journal that holds it."""


class PostgresLedger:
    """A Ledger (store.py) in the database at `address`; it is made there by whoever comes first.

    Args:
        job: which job buys: stored with each reply, so that a budget holds over all runs of it.
        say: told in a line when the server was away.
        is_shared: other processes that say so may buy for the same job meanwhile.

    Raises:
        Locked: another process runs the same job.
        LedgerError: the server cannot be reached or refuses, or a newer version made the ledger.
        ConfigError: psycopg is not installed.
    """

    def __init__(
        self,
        address: PostgresAddress,
        *,
        job: str = "",
        say: Callable[[str], None] = lambda told: None,
        is_shared: bool = False,
    ) -> None:
        self.address, self.job, self._times = address, job, CallTimes(_text(job))
        self._take_job = "SELECT pg_try_advisory_lock_shared(%s)" if is_shared else "SELECT pg_try_advisory_lock(%s)"
        self._packer = zstandard.ZstdCompressor(level=3, write_checksum=True)
        self._unpack = zstandard.ZstdDecompressor()
        self._server = Server(address, on_connect=self._prepare, say=say)
        self._reader: Server | None = None
        try:
            self._server.call(lambda database: sum_up_totals(database, time.time()))
            self._reader = Server(address, is_read_only=True)
            database = self._server.call(lambda connection: connection.info)
            folder = journals_in(f"{database.host}:{database.port}/{database.dbname}")
            self._journal, self._journal_lock = take_journal(folder, self._store_rest_of_another)
        except BaseException:
            self._close_servers()
            raise
        self._written = Bitmap()
        self._others: set[bytes] = set()
        """Keys that we bought and another process had stored before us, until their replies are looked up."""
        self._jobs: deque[_Job] = deque()
        self._asked: deque[tuple[asyncio.AbstractEventLoop, asyncio.Future[Reply | None], bytes]] = deque()
        self._has_jobs, self._has_asked = threading.Event(), threading.Event()
        self._is_closing = False
        self._unstored: list[_Job] = []
        self._broken: LedgerError | None = None
        self._threads = [
            threading.Thread(target=work, name="ledger", daemon=True) for work in (self._write_all, self._look_up_all)
        ]
        for thread in self._threads:
            thread.start()

    async def get(self, key: bytes) -> Reply | None:
        """The stored reply of `key`, whoever stored it, or None."""
        found = await self._look_up(key)
        # A twin may have been stored, and its call have ended, between the look and now.
        return await self._look_up(key) if found is None and key in self._written else found

    async def put(self, key: bytes, ask: Ask, reply: Reply) -> Reply | None:
        """Stores `reply`; comes back when it is durable, with the reply that another process stored before."""
        usage = reply.usage
        loop = asyncio.get_running_loop()
        done: asyncio.Future[None] = loop.create_future()
        tokens = (usage.tokens_in, usage.tokens_out, usage.tokens_cached)
        row = (key, _text(ask.stage), _text(reply.model), time.time(), *tokens, self.job, stored_text(reply))
        self._written.add(key)
        self._queue((PUT, row, (loop, done), self._journal.note(row)))
        await done
        if key not in self._others:
            return None
        self._others.discard(key)
        stored = await self._look_up(key)
        if stored != replace(reply, key=key.hex()):  # else it is ours, stored by a commit whose answer was lost
            self.book(ask.stage, reply.model, usage)
        return stored

    def note_failure(self, key: bytes, stage: str, status: int, cause: str, detail: str) -> None:
        """Notes a call that brought no reply."""
        self._queue((FAIL, (time.time(), key, stage, status, _text(cause), _text(detail[:2000])), None, None))

    def note_try(self, stage: str, model: str, outcome: str, took_s: float) -> None:
        """Counts a call by the time that it took; `outcome` is "" for an answer, else the cause of the failure."""
        for row in self._times.note(stage, _text(model), _text(outcome), took_s):
            self._queue((CALLS, row, None, None))

    def book(self, stage: str, model: str, usage: Usage) -> None:
        """Adds to the totals what was billed without an answer that could be kept."""
        tokens = (usage.tokens_in, usage.tokens_out, usage.tokens_cached)
        self._queue((BOOK, (time.time(), self.job, stage, _text(model), *tokens), None, None))

    def recall(self, name: str) -> str | None:
        """What `remember` was told under `name`, by any process."""
        query = "SELECT value FROM blossom_data.facts WHERE name = %s"
        row = self._for_reading.call(lambda database: database.execute(query, (name,)).fetchone())
        return str(row[0]) if row else None

    def remember(self, name: str, value: str) -> None:
        """Keeps a small fact about an endpoint for the next run."""
        self._queue((FACT, (name, _text(value)), None, None))

    def totals(self, job: str | None = None) -> list[StageTotals]:
        """What was bought so far, by stage and model; of one job alone where one is named."""
        return self._for_reading.call(lambda database: read_totals(database, job))

    def close(self) -> None:
        """Writes what is queued and lets job, journal and connections go.

        Raises:
            LedgerError: replies that were paid for could be written nowhere.
        """
        for row in self._times.rest():
            self._queue((CALLS, row, None, None))
        self._is_closing = True
        self._server.patience_s = self._for_reading.patience_s = _CLOSING_PATIENCE_S
        self._has_jobs.set()
        self._has_asked.set()
        for thread in self._threads:
            thread.join()
        self._journal.close(is_all_stored=not self._unstored)
        self._close_servers()
        self._journal_lock.close()
        lost = sum(statement is PUT and file is None for statement, _, _, file in self._unstored)
        if lost and self._broken:
            raise LedgerError(f"{self._broken}; {lost:,} paid replies are lost", hint=self._broken.hint)

    @property
    def _for_reading(self) -> Server:
        assert self._reader is not None, "it was opened"
        return self._reader

    def _close_servers(self) -> None:
        for server in (self._server, self._reader):
            if server is not None:
                server.close()

    def _prepare(self, database: Any) -> None:
        """Makes the tables at need, and takes the job's lock, on each new connection."""
        migrate(database, str(self.address))
        lock = int.from_bytes(hashlib.blake2b(self.job.encode(), digest_size=8).digest(), "big", signed=True)
        if self.job and not database.execute(self._take_job, (lock,)).fetchone()[0]:
            raise Locked(
                f"another run of {self.job} uses the ledger {self.address}: {holder_of_job(database, lock)}",
                hint="wait for it, or name another output",
            )

    def _store_rest_of_another(self, rows: Iterable[tuple[Any, ...]]) -> None:
        for jobs in _batches((PUT, row, None, None) for row in rows):
            packed = self._packed(jobs)
            self._server.call(lambda database, packed=packed: _commit(database, packed, []))  # type: ignore[misc]

    def _queue(self, job: _Job) -> None:
        self._jobs.append(job)
        if not self._has_jobs.is_set():
            self._has_jobs.set()

    def _write_all(self) -> None:
        """The writer thread: takes what has come within LINGER_S, commits it at once, tells those who wait."""
        while not self._is_closing or self._jobs:
            self._has_jobs.wait()
            if not self._is_closing:
                time.sleep(LINGER_S)
            self._has_jobs.clear()
            jobs = [self._jobs.popleft() for _ in range(min(BATCH, len(self._jobs)))]
            if self._jobs or self._is_closing:
                self._has_jobs.set()
            for batch in _batches(jobs):
                self._store(batch)
                wake([waiting for _, _, waiting, _ in batch if waiting is not None], self._broken)
        rest, self._unstored = self._unstored, []
        if rest:
            self._broken = None
            for batch in _batches(rest):
                self._store(batch)

    def _store(self, jobs: list[_Job]) -> None:
        """Commits `jobs`; once that has failed, all others wait for the end of the run."""
        if self._broken is None:
            packed, others = self._packed(jobs), [job for job in jobs if job[0] is not PUT]
            try:
                stored = self._server.call(lambda database: _commit(database, packed, others))
                self._others.update(row[0] for row in packed if row[0] not in stored)
            except LedgerError as why:
                self._broken = why
            except Exception as why:  # a writer that dies of anything would leave all who wait for it waiting
                self._broken = LedgerError(f"cannot write to the ledger {self.address}: {why}", hint="please report it")
        if self._broken is not None:
            self._unstored += jobs
            return
        for file, rows in Counter(file for _, _, _, file in jobs if file is not None).items():
            self._journal.forget(file, rows)

    def _packed(self, jobs: Sequence[_Job]) -> list[tuple[Any, ...]]:
        """The replies among `jobs`, compressed; by key, so that two processes never wait for each other in a circle."""
        rows = sorted(row for statement, row, _, _ in jobs if statement is PUT)
        return [(*row[:-1], self._packer.compress(row[-1])) for row in rows]

    def _look_up(self, key: bytes) -> asyncio.Future[Reply | None]:
        loop = asyncio.get_running_loop()
        found: asyncio.Future[Reply | None] = loop.create_future()
        self._asked.append((loop, found, key))
        if not self._has_asked.is_set():
            self._has_asked.set()
        return found

    def _look_up_all(self) -> None:
        """The reader thread: all keys that are asked for at a moment are one query."""
        while not self._is_closing:
            self._has_asked.wait()
            self._has_asked.clear()
            while self._asked:
                asked = [self._asked.popleft() for _ in range(min(BATCH, len(self._asked)))]
                keys = [key for _, _, key in asked]
                problem: Exception | None = None
                found: dict[bytes, Reply | LedgerError] = {}
                try:
                    found = self._for_reading.call(
                        lambda database, keys=keys: find_replies(database, keys, self._unpack, self.address)  # type: ignore[misc]
                    )
                except Exception as why:  # as in the writer
                    problem = why
                answers = [(loop, future, problem or found.get(key)) for loop, future, key in asked]
                for loop in {loop for loop, _, _ in answers}:
                    with contextlib.suppress(RuntimeError):
                        loop.call_soon_threadsafe(_answer, [row[1:] for row in answers if row[0] is loop])


def _batches(jobs: Iterable[_Job]) -> Iterator[list[_Job]]:
    """`jobs` by what is committed at once."""
    batch: list[_Job] = []
    size = 0
    for job in jobs:
        batch.append(job)
        size += len(job[1][-1]) if job[0] is PUT else 0
        if len(batch) == BATCH or size >= _BATCH_BYTES:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch


def _answer(answers: Iterable[tuple[asyncio.Future[Reply | None], Reply | Exception | None]]) -> None:
    for future, found in answers:
        if future.cancelled():
            continue
        if isinstance(found, Exception):
            future.set_exception(found)
        else:
            future.set_result(found)


def _commit(database: Any, replies: list[tuple[Any, ...]], others: list[_Job]) -> set[bytes]:
    """Stores it all; gives the keys of the replies that were not there."""
    stored: set[bytes] = set()
    with database.transaction():
        if replies:
            done = database.execute(PUT, (*map(list, zip(*replies, strict=True)), time.time()), binary=True)
            stored = {bytes(key) for (key,) in done}
        for statement, values, _, _ in others:
            database.execute(statement, values)
    return stored


def _text(text: str) -> str:
    """`text` as PostgreSQL can hold it."""
    return text.replace("\0", "").encode("utf-8", "replace").decode()

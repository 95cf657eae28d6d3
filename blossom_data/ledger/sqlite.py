"""The ledger in one SQLite file: WAL, synchronous=FULL, one writer thread with group commit.

    replies(key, stage, model, created, tokens_in, tokens_out, tokens_cached, job, body)     body: zstd of JSON
    totals(job, stage, model, replies, tokens_in, tokens_out, tokens_cached)        sums over what was billed
    facts(name, value)                                                             what was found out about endpoints
    failures(at, key, stage, status, cause, detail)
    calls(at, job, stage, model, outcome, bin, tries)                              call_times.py

Look into it by hand: sqlite3 .blossom/ledger.sqlite "select stage, model, count(*) from replies group by 1, 2".
It must lie on a local disk: WAL does not work over a network. A reply whose commit fails (a full disk) is kept in
memory and written again, into the room that reserve.py held back; one whose commit a SIGKILL prevents is in journal.py.
"""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
import threading
import time
from collections import Counter, deque
from pathlib import Path
from typing import Any

import zstandard

from blossom_data.asks import Ask, Reply, Usage
from blossom_data.bitmap import Bitmap
from blossom_data.errors import ConfigError, LedgerError, is_full, system_hint
from blossom_data.ledger.call_times import CallTimes
from blossom_data.ledger.journal import Journal
from blossom_data.ledger.lock import lock_of, real_ledger, take_lock
from blossom_data.ledger.place import emptied, is_emptied
from blossom_data.ledger.reserve import Reserve
from blossom_data.ledger.store import StageTotals
from blossom_data.ledger.stored_reply import damaged_reply, read_body, stored_text
from blossom_data.ledger.waiting import wake

VERSION = 1
LINGER_S = 0.01
BATCH = 256
_LAST_BATCH = 16
"""Jobs of one commit when the rest is tried for the last time: what does not fit must not take down what does."""
_VIEW_AFTER = 8
"""Replies that are looked up in a row, and none stored, before one view serves for those that follow."""
_SCHEMA = """
CREATE TABLE IF NOT EXISTS replies(
    key BLOB PRIMARY KEY, stage TEXT NOT NULL, model TEXT NOT NULL, created REAL NOT NULL,
    tokens_in INTEGER NOT NULL, tokens_out INTEGER NOT NULL, tokens_cached INTEGER NOT NULL, job TEXT NOT NULL,
    body BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS totals(
    job TEXT NOT NULL, stage TEXT NOT NULL, model TEXT NOT NULL, replies INTEGER NOT NULL,
    tokens_in INTEGER NOT NULL, tokens_out INTEGER NOT NULL, tokens_cached INTEGER NOT NULL,
    PRIMARY KEY (job, stage, model));
CREATE TABLE IF NOT EXISTS facts(name TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS failures(
    at REAL NOT NULL, key BLOB NOT NULL, stage TEXT NOT NULL, status INTEGER NOT NULL, cause TEXT NOT NULL,
    detail TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS calls(
    at INTEGER NOT NULL, job TEXT NOT NULL, stage TEXT NOT NULL, model TEXT NOT NULL, outcome TEXT NOT NULL,
    bin INTEGER NOT NULL, tries INTEGER NOT NULL);
CREATE INDEX IF NOT EXISTS calls_of_job ON calls(job);
"""
_PUT = "INSERT OR IGNORE INTO replies VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)"
_TOTAL = """INSERT INTO totals VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET
    replies = replies + excluded.replies, tokens_in = tokens_in + excluded.tokens_in,
    tokens_out = tokens_out + excluded.tokens_out, tokens_cached = tokens_cached + excluded.tokens_cached"""
_FACT = "INSERT INTO facts VALUES (?, ?) ON CONFLICT DO UPDATE SET value = excluded.value"
_FAIL = "INSERT INTO failures VALUES (?, ?, ?, ?, ?, ?)"
_CALLS = "INSERT INTO calls VALUES (?, ?, ?, ?, ?, ?, ?)"

_Waiting = tuple[asyncio.AbstractEventLoop, "asyncio.Future[None]", int | None]
"""The last is the file of the journal that holds the row, None where it could not be written there."""
_Job = tuple[str, tuple[Any, ...], _Waiting | None]


class SqliteLedger:
    """A Ledger (store.py) in the file `path`; one process at a time, guarded by a kernel lock.

    `job` says which job buys: it is stored with each reply, so that a budget can hold over all runs of the job.

    Raises:
        ConfigError: `path` can be no file.
        Locked: another process uses it.
        LedgerError: not a ledger, made by a newer version, damaged, or not writable.
    """

    def __init__(self, path: Path, *, job: str = "") -> None:
        path = real_ledger(path)
        self.path, self.job, self._times = path, job, CallTimes(job)
        try:
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        except OSError as why:
            told = f"cannot make the folder of the ledger {path}: {why.strerror}"
            kind = LedgerError if is_full(why) else ConfigError
            raise kind(told, hint=system_hint(why)) from why
        self._lock = take_lock(lock_of(path))
        try:
            self._reserve = Reserve(path.with_name(path.name + ".reserve"))
            is_new = not path.exists()
            self._unpack = zstandard.ZstdDecompressor()
            self._packer = zstandard.ZstdCompressor(level=3, write_checksum=True)
            self._journal = Journal(path)
            if not is_new:
                self._refuse_emptied()
            self._reader = _open(path)
            if not is_new:
                self._store_what_a_kill_left()
            self._journal.begin()
            self._known = self._known_keys()
        except BaseException:
            self._lock.close()
            raise
        self._in_a_row = self._viewed = self._commits = 0
        self._jobs: deque[_Job] = deque()
        self._has_jobs = threading.Event()
        self._is_closing = False
        self._unstored: list[_Job] = []
        self._broken: LedgerError | None = None
        self._writer = threading.Thread(target=self._write_all, name="ledger", daemon=True)
        self._writer.start()

    def get(self, key: bytes) -> Reply | None:
        """The stored reply of `key`, or None."""
        # Most keys are new, and a query beside a busy writer costs a tenth of all that a call costs.
        if key not in self._known:
            return None
        self._hold_view()
        try:
            row = self._reader.execute("SELECT body FROM replies WHERE key = ?", (key,)).fetchone()
        except sqlite3.Error as why:
            raise self._damaged(why) from why
        if row is None:
            return None
        try:
            return read_body(key, row[0], self._unpack)
        except ValueError as why:
            raise damaged_reply(self.path, key, why) from why

    async def put(self, key: bytes, ask: Ask, reply: Reply) -> None:
        """Stores `reply`; comes back when it is durable. After a failed write all raise; `close` tries once more."""
        usage, body = reply.usage, stored_text(reply)
        loop = asyncio.get_running_loop()
        done: asyncio.Future[None] = loop.create_future()
        tokens = (usage.tokens_in, usage.tokens_out, usage.tokens_cached)
        row = (key, ask.stage, reply.model, time.time(), *tokens, self.job, body)
        self._release_view()
        self._known.add(key)
        self._queue((_PUT, row, (loop, done, self._journal.note(row))))
        await done

    def note_failure(self, key: bytes, stage: str, status: int, cause: str, detail: str) -> None:
        """Notes a call that brought no reply."""
        self._queue((_FAIL, (time.time(), key, stage, status, cause, detail[:2000]), None))

    def note_try(self, stage: str, model: str, outcome: str, took_s: float) -> None:
        """Counts a call by the time that it took; `outcome` is "" for an answer, else the cause of the failure."""
        for row in self._times.note(stage, model, outcome, took_s):
            self._queue((_CALLS, row, None))

    def book(self, stage: str, model: str, usage: Usage) -> None:
        """Adds to the totals what was billed without an answer that could be kept."""
        tokens = (usage.tokens_in, usage.tokens_out, usage.tokens_cached)
        self._queue((_TOTAL, (self.job, stage, model, 0, *tokens), None))

    def recall(self, name: str) -> str | None:
        """What `remember` was told under `name`, by this run or an earlier one."""
        rows = self._read("SELECT value FROM facts WHERE name = ?", name)
        return str(rows[0][0]) if rows else None

    def remember(self, name: str, value: str) -> None:
        """Keeps a small fact about an endpoint for the next run."""
        self._queue((_FACT, (name, value), None))

    def totals(self, job: str | None = None) -> list[StageTotals]:
        """What was bought so far, by stage and model; of one job alone where one is named."""
        sums = "sum(replies), sum(tokens_in), sum(tokens_out), sum(tokens_cached)"
        where, named = ("", ()) if job is None else ("WHERE job = ?", (job,))
        rows = self._read(f"SELECT stage, model, {sums} FROM totals {where} GROUP BY 1, 2 ORDER BY 1, 2", *named)
        return [StageTotals(*row) for row in rows]

    def _refuse_emptied(self) -> None:
        """Raises LedgerError for a file without content that was a ledger before.

        One without all of this is what a kill leaves of a ledger that was being made.
        """
        wal = self.path.with_name(f"{self.path.name}-wal")
        left = [*self._journal.files_left(), *([wal] if wal.exists() else [])]
        if is_emptied(self.path) and left:
            raise emptied(self.path, f"{left[0].name} beside it")

    def _store_what_a_kill_left(self) -> None:
        try:
            left: list[_Job] = [(_PUT, row, None) for row in self._journal.rows()]
        except OSError as why:
            raise LedgerError(
                f"cannot read {why.filename or self.path}: {why.strerror}",
                hint="it holds replies that were paid for: make it readable, or move it away to do without them",
            ) from why
        if left and (problem := self._commit(self._reader, left)):
            raise problem

    def _known_keys(self) -> Bitmap:
        """The keys of all stored replies; about 0.7 s for a million of them."""
        known = Bitmap()
        try:
            for (key,) in self._reader.execute("SELECT key FROM replies"):
                known.add(key)
        except sqlite3.Error as why:
            raise self._damaged(why) from why
        return known

    def _hold_view(self) -> None:
        """Keeps one view of the database open while replies are looked up in a row: opening it is half of a look-up.

        A view does not see later commits and keeps the WAL from being emptied, so it ends with the next of either.
        """
        if self._reader.in_transaction and self._viewed != self._commits:
            self._release_view()
        self._in_a_row += 1
        if self._in_a_row > _VIEW_AFTER and not self._reader.in_transaction:
            self._viewed = self._commits
            self._reader.execute("BEGIN")

    def _release_view(self) -> None:
        self._in_a_row = 0
        if self._reader.in_transaction:
            self._reader.execute("COMMIT")

    def _read(self, query: str, *values: str) -> list[tuple[Any, ...]]:
        self._release_view()
        try:
            return self._reader.execute(query, values).fetchall()
        except sqlite3.Error as why:
            raise self._damaged(why) from why

    def _damaged(self, why: Exception) -> LedgerError:
        return LedgerError(f"ledger {self.path} is damaged: {why}", hint="keep a copy of it before anything else")

    def close(self) -> None:
        """Writes what is queued, folds the WAL into the file and lets the lock go.

        Raises:
            LedgerError: replies that were paid for could be written nowhere.
        """
        self._release_view()
        for row in self._times.rest():
            self._queue((_CALLS, row, None))
        self._is_closing = True
        self._has_jobs.set()
        self._writer.join()
        self._reader.close()
        self._journal.close(is_all_stored=not self._unstored)
        self._lock.close()
        lost = sum(waiting is not None and waiting[2] is None for _, _, waiting in self._unstored)
        if lost and self._broken:
            raise LedgerError(f"{self._broken}; {lost:,} paid replies are lost", hint=self._broken.hint)

    def _write_all(self) -> None:
        """The writer thread: takes what has come within LINGER_S, commits it at once, tells those who wait."""
        try:
            database = _open(self.path)
        except LedgerError as why:
            self._broken = why
            database = None
        while not self._is_closing or self._jobs:
            self._has_jobs.wait()
            if not self._is_closing:
                time.sleep(LINGER_S)
            self._has_jobs.clear()
            jobs = [self._jobs.popleft() for _ in range(min(BATCH, len(self._jobs)))]
            if self._jobs or self._is_closing:
                self._has_jobs.set()
            if jobs:
                self._store(database, jobs)
            wake([waiting[:2] for _, _, waiting in jobs if waiting is not None], self._broken)
        self._store_rest(database)
        if database is not None:
            # Without room for it the WAL stays beside the file and is read with it.
            with contextlib.suppress(sqlite3.Error):
                database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            database.close()

    def _store(self, database: sqlite3.Connection | None, jobs: list[_Job]) -> None:
        """Commits `jobs`, at need into the room held back, else they wait for the end; the ledger is broken by then."""
        problem = self._broken if database is None else self._commit(database, jobs)
        if problem is not None:
            self._broken = self._broken or problem
            self._reserve.let_go()
            if database is None or self._commit(database, jobs) is not None:
                self._unstored += jobs
                return
        self._commits += 1
        for file, rows in Counter(waiting[2] for _, _, waiting in jobs if waiting is not None).items():
            if file is not None:
                self._journal.forget(file, rows)

    def _store_rest(self, database: sqlite3.Connection | None) -> None:
        """Tries for the last time what could not be written."""
        rest, self._unstored = self._unstored, []
        for start in range(0, len(rest), _LAST_BATCH):
            self._store(database, rest[start : start + _LAST_BATCH])

    def _queue(self, job: _Job) -> None:
        self._jobs.append(job)
        if not self._has_jobs.is_set():
            self._has_jobs.set()

    def _commit(self, database: sqlite3.Connection, jobs: list[_Job]) -> LedgerError | None:
        try:
            sums: Counter[tuple[Any, ...]] = Counter()
            database.execute("BEGIN IMMEDIATE")
            for statement, row, _ in jobs:
                if statement is not _PUT:
                    database.execute(statement, row)
                    continue
                is_new = database.execute(statement, (*row[:-1], self._packer.compress(row[-1]))).rowcount
                if is_new:
                    _, stage, model, _, *tokens, job, _ = row
                    for place, number in enumerate((1, *tokens)):
                        sums[job, stage, model, place] += number
            for name in {name[:3] for name in sums}:
                database.execute(_TOTAL, (*name, *(sums[*name, place] for place in range(4))))
            database.execute("COMMIT")
        except Exception as why:  # a writer that dies of anything would leave all who wait for it waiting
            with contextlib.suppress(sqlite3.Error):
                if database.in_transaction:
                    database.execute("ROLLBACK")
            return LedgerError(
                f"cannot write to the ledger {self.path}: {why}",
                hint="free some space and run the same command again: it goes on from there",
            )
        return None


def _open(path: Path) -> sqlite3.Connection:
    try:
        is_new = not path.exists()
        database = sqlite3.connect(path.absolute(), isolation_level=None, check_same_thread=False, timeout=30)
        if is_new:
            path.chmod(0o600)
        version = database.execute("PRAGMA user_version").fetchone()[0]
        if version > VERSION:
            raise LedgerError(
                f"ledger {path} is of version {version}, this program knows {VERSION}", hint="upgrade blossom-data"
            )
        database.execute("PRAGMA journal_mode=WAL")
        database.execute("PRAGMA synchronous=FULL")
        # At once: who looks in meanwhile sees all tables or none.
        database.executescript(f"BEGIN IMMEDIATE; {_SCHEMA} PRAGMA user_version={VERSION}; COMMIT;")
    except (sqlite3.Error, OSError) as why:
        raise LedgerError(
            f"cannot open the ledger {path}: {why}", hint="it is never rebuilt by itself; keep a copy"
        ) from why
    return database

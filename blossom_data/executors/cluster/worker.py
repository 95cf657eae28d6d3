"""A worker of a run: claims blocks, buys what they need, writes them where all see them; the last one finishes.

    code = Worker(make_job, finish, lease_s=60, of=4).work()

It ends when the run is finished, by whomever. Killed, it leaves its claims to the others and its replies in the ledger.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any, Self

import zstandard

from blossom_data.counters import Counters
from blossom_data.errors import ConfigError, Locked
from blossom_data.executors.cluster.claimed_blocks import ClaimedBlocks
from blossom_data.executors.identity import code_digest, what_is_asked
from blossom_data.executors.job import Job
from blossom_data.executors.local import drive, fastest_loop, open_ledger, rare_collections
from blossom_data.executors.open_files import allow_open_files
from blossom_data.executors.stopping import heard, noting, stopped_by
from blossom_data.ledger.address import PostgresAddress
from blossom_data.ledger.postgres.claims import Claims, LeaseLost, Standing
from blossom_data.shards import SharedBuilding, refuse_foreign_folder, sees_place

_LOOK_S = 0.5
_ENDING_S = 5.0
"""How long a worker that has just begun waits for a run of its output that goes on alone, and may be at its end."""
_MARK_S = 2.0
"""How long the mark on the storage of the run is looked for: who makes it may be doing so just now."""


def claims_of(job: Job, *, lease_s: float) -> Claims:
    """The claims of the run of `job`; raises ConfigError where several cannot work on it."""
    if not isinstance(job.ledger, PostgresAddress):
        raise ConfigError("workers need one ledger for all", hint="give --ledger postgresql://HOST/DATABASE")
    if job.batch is not None:
        raise ConfigError("a worker asks call by call", hint="leave out --batch")
    if job.serving is not None:
        raise ConfigError(
            "each worker would start an engine of its own", hint="start the engine yourself and give its --base-url"
        )
    return Claims(
        job.ledger,
        job=job.identity,
        identity=_identity(job),
        lease_s=lease_s,
        say=lambda told: job.counters.notes.update([told]),
    )


class Finishing:
    """The Ending of a job (job.py) that any of its workers may finish."""

    def __init__(self, claims: Claims) -> None:
        self._claims = claims

    def begin(self) -> None:
        """Takes the turn."""
        self._claims.begin_finishing()

    def check(self) -> None:
        """Raises Locked where another process has taken it since: this one was taken for dead."""
        if not self._claims.still_finishes():
            raise Locked("another process finishes this run", hint="nothing to do: it writes the data set")

    def end(self) -> None:
        """Clears the run away."""
        self._claims.end_run()


class Worker:
    """One process that works on a run.

    Args:
        make_job: the job, anew with each pass through the input.
        finish: runs a job to its end, when all blocks are done; gives the exit code. None: others do that.
        lease_s: seconds without a sign of life after which others may claim its blocks.
        of: so many workers are expected: each takes on records for its part of the calls in flight, or for a smaller
            one where more are at work.

    Raises:
        ConfigError: several cannot work on the job.
    """

    def __init__(
        self, make_job: Callable[[], Job], finish: Callable[[Job], int] | None, *, lease_s: float, of: int = 1
    ) -> None:
        self._make_job, self._finish, self._of = make_job, finish, of
        self._fresh: Job | None = make_job()
        self.job = self._fresh
        refuse_foreign_folder(self.job.out, is_replacing=self.job.is_replacing)
        self.counters = Counters(is_asking=bool(self.job.endpoints))
        self.counters.stages = dict.fromkeys(self.job.stages)
        self._claims = claims_of(self.job, lease_s=lease_s)
        self._building: SharedBuilding | None = None
        self._has_place = False
        self._began_s = time.monotonic()
        self._stop = _Signals()

    def work(self) -> int:
        """Works until the run is finished; gives the exit code.

        Raises:
            Interrupted, EndpointError, StoppedEarly, LedgerError ...: it stopped; others, or the same again, go on.
        """
        with self._claims as claims, self._stop:
            claims.join()
            try:
                while (code := self._take_turn(claims)) is None:
                    pass
            finally:
                self._leave_place()
        return code

    def _take_turn(self, claims: Claims) -> int | None:
        """Buys what is free, or finishes, or waits a little; the exit code where there is nothing left to do."""
        try:
            self._stop.check()
            claims.check()
            standing = claims.standing()
            if standing.is_gone:
                return 0
            if standing.is_free:
                self._try_to_buy(claims, standing)
            elif not standing.is_bought:
                time.sleep(_LOOK_S)
            elif self._finish is None:
                return 0
            else:
                return self._try_to_finish(claims, self._finish)
        except LeaseLost:
            self.counters.notes["the lease of this worker went; it joined again"] += 1
            self._leave_place()
            claims.join()
        return None

    def _try_to_buy(self, claims: Claims, standing: Standing) -> None:
        """Goes through the input once, unless a run of this output goes on alone; one that ends just now is waited for.

        Raises:
            Locked: it does not end.
        """
        job = self._take_job()
        try:
            self._buy(job, claims, standing)
        except Locked:
            self._fresh = job
            if time.monotonic() > self._began_s + _ENDING_S:
                raise
            time.sleep(_LOOK_S)

    def _buy(self, fresh: Job, claims: Claims, standing: Standing) -> None:
        """Works on what it can claim."""
        job = replace(fresh, workers=max(self._of, standing.workers), counters=self.counters)
        allow_open_files(job.endpoints)
        with open_ledger(job) as ledger:
            self._find_place(claims)
            feed = ClaimedBlocks(job, claims, self._building)
            try:
                self._stop.check()
                with asyncio.Runner(loop_factory=fastest_loop()) as runner, rare_collections():
                    runner.run(drive(job, ledger, feed, feed.take_outcome, feed.stopping))
            finally:
                self._stop.hear()
                feed.close()

    def _take_job(self) -> Job:
        """A job whose input nobody has read from."""
        job, self._fresh = self._fresh or self._make_job(), None
        return job

    def _find_place(self, claims: Claims) -> None:
        """Opens the folder of the run's shards, where this machine sees it; whoever comes first says where it is."""
        if self._building is not None:
            return
        out, until_s = self.job.out, time.monotonic() + _MARK_S
        mark = os.urandom(8).hex()
        if claims.move_place(mark):
            self._open_place()
            assert self._building is not None, "just opened"
            self._building.mark(mark)
            return
        while not sees_place(out, claims.place()):
            if time.monotonic() > until_s:
                return
            time.sleep(_LOOK_S / 5)
        claims.see_place()
        self._open_place()

    def _open_place(self) -> None:
        self._building = SharedBuilding(self.job.out, shard_records=self.job.shard_records)
        self._has_place = True

    def _leave_place(self) -> None:
        if self._building is not None:
            self._building.close()
            self._building = None

    def _try_to_finish(self, claims: Claims, finish: Callable[[Job], int]) -> int | None:
        """Writes the data set, unless another process does; the exit code once it is written."""
        if not (self._has_place or sees_place(self.job.out, claims.place()) or claims.move_place("")):
            time.sleep(_LOOK_S)
            return None
        self._leave_place()
        job = replace(self._take_job(), ending=Finishing(claims))
        try:
            with self._stop.left_alone():
                return finish(job)
        except Locked:
            self._fresh = None if job.counters.read else job
            time.sleep(_LOOK_S)
            return None


class _Signals:
    """The first signal ends a worker at the next step, the second one at once; an engine at work hears them itself."""

    def __init__(self) -> None:
        self._got: list[int] = []
        self._before: dict[int, Any] = {}

    def __enter__(self) -> Self:
        self._before = {number: signal.getsignal(number) for number in heard()}
        self.hear()
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def hear(self) -> None:
        """Begins again to listen, behind an event loop that has put signals back to what kills."""
        for number in self._before:
            signal.signal(number, noting(self._got))

    def check(self) -> None:
        """Raises Interrupted where one came."""
        if self._got:
            raise stopped_by(self._got[0])

    @contextmanager
    def left_alone(self) -> Iterator[None]:
        """Signals do meanwhile what they did before."""
        self.__exit__()
        try:
            yield
        finally:
            self.hear()


def _identity(job: Job) -> dict[str, str]:
    """By what two processes know that they work on the same: the digest of each thing that decides the data set."""
    about = job.about
    parts = {
        "input": about["sources"],
        "prompts": about["prompts"],
        "models and their settings": [(stage, what_is_asked(job.endpoints, stage)) for stage in job.stages],
        "version of blossom-data": (code_digest(), zstandard.ZSTD_VERSION),
        # All of these and the rest: limits, sizes, stages, how sources are read, the bytes of their files.
        "settings or input files": (about["identity"], job.decides),
    }
    return {what: hashlib.blake2b(repr(part).encode(), digest_size=8).hexdigest() for what, part in parts.items()}

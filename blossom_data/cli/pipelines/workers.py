"""`run --workers` and `run --executor ray`: worker processes, here or on a cluster, and this one writes behind them."""

from __future__ import annotations

import os
import socket
import sys
import time
from collections.abc import Iterable, Sequence
from contextlib import closing
from dataclasses import replace

from blossom_data.cli import output
from blossom_data.cli.flags.common import Common
from blossom_data.cli.flags.workers import Workers
from blossom_data.cli.jobs import finish, wants_to_follow
from blossom_data.cli.progress import Progress
from blossom_data.cli.stop_notice import telling_stops
from blossom_data.counters import Counters
from blossom_data.errors import BlossomError, Locked
from blossom_data.executors.cluster.fleet import Fleet
from blossom_data.executors.cluster.worker import Finishing, claims_of
from blossom_data.executors.job import Job
from blossom_data.ledger.opening import open_snapshot
from blossom_data.ledger.postgres.claims import Claims, Standing

_RESTARTS = 3
_LOOK_S, _TELL_S = 0.2, 1.0
_OF_RUN = {"--workers": True, "--executor": True, "--address": True, "--json": False, "--follow": False}
"""Flags that are for the first process alone, and whether a value follows."""


def run_with_workers(job: Job, flags: Workers, common: Common, *, keys: Iterable[str]) -> int:
    """Has the workers buy and write blocks, then finishes the run; gives the exit code.

    Args:
        keys: names of the variables that hold the endpoints' keys.

    Raises:
        ConfigError: several cannot work on the job, or Ray is not there.
        Interrupted: they were stopped, and have drained.
        WorkerFailed: one ended with an error, and blocks are left; the same command again goes on.
    """
    is_followed = wants_to_follow(common)
    with claims_of(job, lease_s=flags.lease.lease_s) as claims:
        worker = [sys.executable, "-m", "blossom_data", "worker", "--no-finish", "--quiet", "--of", str(flags.workers)]
        argv = [*worker, *_for_worker(sys.argv[2:])]
        if flags.executor == "ray":
            from blossom_data.executors.cluster.ray_workers import driver_command

            driver = driver_command(argv, workers=flags.workers, address=flags.address, variables=_variables(keys))
            fleet = Fleet([driver], restarts=0, on_loss=_nothing, name="Ray")
        else:
            fleet = Fleet([argv] * flags.workers, restarts=_RESTARTS, on_loss=lambda pid: _strike_off(claims, pid))
        counters = Counters(readings={"buying": job.counters.records_total})
        before = _replies_of(job)
        if common.is_told:
            buy = "workers buy and write" if flags.workers > 1 else "worker buys and writes"
            output.say(f"{flags.workers} {buy} blocks, then this process finishes")
        with (
            telling_stops(job.label, counters, job.ledger, is_told=common.is_told),
            Progress(job.label, counters, is_quiet=common.is_quiet, is_followed=is_followed),
        ):
            _watch(fleet, claims, counters)
        if common.is_told:
            output.say(f"the workers bought {_replies_of(job) - before:,} replies")
        standing = _standing(claims)
        if not standing.is_bought and (fleet.failures or not standing.is_gone):
            raise _why(fleet, standing)
        while True:
            try:
                return finish(job if standing.is_gone else replace(job, ending=Finishing(claims)), common)
            except Locked:
                if job.counters.read:
                    raise
                # Another worker finishes; what it writes is taken over as it is.
                time.sleep(_TELL_S)


def _replies_of(job: Job) -> int:
    """How many replies the ledger holds that were bought for the job."""
    assert job.ledger is not None, "claims are in it"
    with closing(open_snapshot(job.ledger)) as ledger:
        return sum(total.replies for total in ledger.totals(job.identity))


def _watch(fleet: Fleet, claims: Claims, counters: Counters) -> None:
    told_s = 0.0
    with fleet:
        while fleet.is_at_work():
            time.sleep(_LOOK_S)
            if time.monotonic() - told_s > _TELL_S:
                told_s, standing = time.monotonic(), _standing(claims)
                counters.through["buying"] = max(counters.through["buying"], standing.records)


def _standing(claims: Claims) -> Standing:
    return claims.standing() if claims.attach() else Standing(is_gone=True)


def _strike_off(claims: Claims, pid: int) -> None:
    if claims.attach():
        claims.strike_off(f"{pid} {socket.gethostname()}")


def _nothing(pid: int) -> None:
    """Ray tells of its workers itself."""


def _variables(keys: Iterable[str]) -> list[str]:
    """Names of the variables by which a worker elsewhere finds endpoint, keys and ledger as this process does."""
    shared = ("BLOSSOM_", "OPENAI_", "PG", "XDG_STATE_HOME")
    return sorted({*keys, *(name for name in os.environ if name.startswith(shared))})


def _why(fleet: Fleet, standing: Standing) -> BlossomError:
    if fleet.failures:
        return fleet.failures[0]
    left = (
        "" if standing.blocks is None else f": {standing.blocks - standing.done:,} of {standing.blocks:,} blocks left"
    )
    return BlossomError(
        f"the workers have ended before all was bought{left}", hint="the same command again goes on where it stopped"
    )


def _for_worker(words: Sequence[str]) -> list[str]:
    """The command line of `run` without what is for the first process alone."""
    kept: list[str] = []
    given = iter(words)
    for word in given:
        if word == "--":
            return [*kept, word, *given]
        name, _, value = word.partition("=")
        if name not in _OF_RUN:
            kept.append(word)
        elif _OF_RUN[name] and not value:
            next(given, None)
    return kept

"""Which worker works on which block of a run: claims with leases, in the database of the ledger.

    with Claims(address, job="/data/math", identity={"input": "9f2c..."}, lease_s=60, say=print) as claims:
        claims.join()                       a worker of the run, which renews its lease from now on
        claim = claims.claim(at_least=0)    Claim(block=0, token=1); None: nothing is free just now
        claims.finish_block(claim, 10_000)  True; False: the lease went, and the block is another's

A block is claimed in a short transaction (FOR UPDATE SKIP LOCKED) and worked on outside of it. A worker that is not
heard of for the time of its lease is struck off by whoever claims next, and its blocks are free again; each claim has a
token out of a growing sequence, without which no block can be marked as done. Times are the server's; while it was away
nobody could renew anything, so after its start all leases begin anew. Rows are few: hundreds of blocks, not records.
"""

from __future__ import annotations

import json
import os
import socket
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Self

from blossom_data.errors import BlossomError, ConfigError, LedgerError
from blossom_data.ledger.address import PostgresAddress
from blossom_data.ledger.postgres.schema import migrate
from blossom_data.ledger.postgres.server import Server

_MOST_SILENT_S = 5.0
"""Longest time between two renewals, which tell how far a worker is, too."""
_LEAVING_PATIENCE_S = 15.0
_LIVE = """
seen > now() - make_interval(secs => lease_s) OR pg_postmaster_start_time() > now() - make_interval(secs => lease_s)
"""


class LeaseLost(BlossomError):
    """The lease went; what was paid for is in the ledger, and the worker may join again."""


@dataclass(frozen=True, slots=True)
class Claim:
    """A block of the input that is this worker's, until a claim with a higher token takes it."""

    block: int
    token: int


@dataclass(frozen=True, slots=True)
class Standing:
    """How far a run is."""

    is_gone: bool = False
    """It was finished, or another one took its place."""
    is_bought: bool = False
    """All blocks are done."""
    is_free: bool = False
    """There is a block that can be claimed, or one that was never claimed."""
    blocks: int | None = None
    """Blocks of the input; None until somebody has read its end."""
    done: int = 0
    claimed: int = 0
    records: int = 0
    """Records in the blocks that are done, and those that are through in the ones at work."""
    workers: int = 0
    """Workers whose lease holds."""


class Claims:
    """The claims of one worker.

    Args:
        job: the output that the run is for.
        identity: by what its input, prompts, models and settings are known: a worker with other ones is refused.
        lease_s: seconds after which blocks of a worker that is not heard of any more are free, 1 at least. Renewed
            three times in its length: a worker may be unheard of for two thirds of it without losing a block.
        say: told in a line when the server was away.

    Raises:
        LedgerError: the server cannot be reached or refuses.
        ConfigError: psycopg is not installed.
    """

    def __init__(
        self,
        address: PostgresAddress,
        *,
        job: str,
        identity: Mapping[str, str],
        lease_s: float,
        say: Callable[[str], None] = lambda told: None,
    ) -> None:
        self._address, self._job, self._identity, self._lease_s = address, job, dict(identity), lease_s
        self._server = Server(address, on_connect=lambda database: migrate(database, str(address)), say=say)
        self._run = self._worker = 0
        self._finisher = 0
        self._held: set[int] = set()
        self._lost: BlossomError | None = None
        self.on_loss: Callable[[BlossomError], None] = lambda why: None
        """Told by the thread that renews, once the lease went."""
        self.records = 0
        """Records that are through in the blocks at work: told with each renewal."""
        self._is_over = threading.Event()
        self._heart: threading.Thread | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.leave()
        self._server.close()

    def join(self) -> None:
        """Makes this a worker of the run, which begins here if nobody is at it.

        Raises:
            ConfigError: workers are at one of other input, prompts, models or settings.
        """
        name = f"{os.getpid()} {socket.gethostname()}"

        def enter(database: Any) -> tuple[int, int]:
            with database.transaction():
                run = self._find_run(database)
                row = database.execute(
                    "INSERT INTO blossom_data.workers(run, name, lease_s) VALUES (%s, %s, %s) RETURNING id",
                    (run, name, self._lease_s),
                ).fetchone()
                return run, int(row[0])

        self._run, self._worker = self._server.call(enter)
        self._lost, self.records, self._held = None, 0, set()
        self._is_over = threading.Event()
        self._heart = threading.Thread(target=self._beat, args=(self._is_over,), name="lease", daemon=True)
        self._heart.start()

    def attach(self) -> bool:
        """Looks for the run without being a worker of it; False where nobody has begun it."""
        row = self._server.call(
            lambda database: database.execute(
                "SELECT id FROM blossom_data.runs WHERE job = %s AND identity = %s", (self._job, self._identity_text)
            ).fetchone()
        )
        self._run = int(row[0]) if row else 0
        return bool(row)

    def leave(self) -> None:
        """Gives back what is claimed; that the server is away just then costs the others the lease."""
        self._is_over.set()
        if self._heart is None:
            return
        self._heart, self._server.patience_s = None, min(self._server.patience_s, _LEAVING_PATIENCE_S)
        with suppress(LedgerError):
            self._server.call(
                lambda database: database.execute("DELETE FROM blossom_data.workers WHERE id = %s", (self._worker,))
            )

    def check(self) -> None:
        """Raises LeaseLost, or what else ended the renewing, once it has."""
        if self._lost is not None:
            raise self._lost

    def claim(self, at_least: int) -> Claim | None:
        """The first free block from `at_least` on; None where there is none just now.

        Raises:
            LeaseLost: this worker was struck off.
        """

        def take(database: Any) -> tuple[int, int] | None:
            with database.transaction():
                _strike_off(database, self._run)
                self._hold(database)
                # What was claimed by a question whose answer the network lost, nobody would work on.
                database.execute(
                    "UPDATE blossom_data.blocks SET worker = NULL WHERE worker = %s AND block <> ALL(%s)",
                    (self._worker, sorted(self._held)),
                )
                found = database.execute(
                    "SELECT block FROM blossom_data.blocks WHERE run = %s AND worker IS NULL AND NOT is_done "
                    "AND block >= %s ORDER BY block LIMIT 1 FOR UPDATE SKIP LOCKED",
                    (self._run, at_least),
                ).fetchone()
                if found is None:
                    found = database.execute(
                        "UPDATE blossom_data.runs SET next = next + 1 WHERE id = %s AND blocks IS NULL "
                        "RETURNING next - 1",
                        (self._run,),
                    ).fetchone()
                if found is None:
                    return None
                return database.execute(  # type: ignore[no-any-return]
                    "INSERT INTO blossom_data.blocks AS known(run, block, worker, token) "
                    "VALUES (%s, %s, %s, nextval('blossom_data.tokens')) "
                    "ON CONFLICT (run, block) DO UPDATE SET worker = excluded.worker, token = excluded.token "
                    "RETURNING block, token",
                    (self._run, found[0], self._worker),
                ).fetchone()

        taken = self._server.call(take)
        if taken is None:
            return None
        self._held.add(int(taken[0]))
        return Claim(int(taken[0]), int(taken[1]))

    def finish_block(self, claim: Claim, records: int) -> bool:
        """Marks the block as done, with its `records`; False where it is not this worker's any more."""
        query = (
            "UPDATE blossom_data.blocks SET is_done = true, worker = NULL, records = %s "
            "WHERE run = %s AND block = %s AND token = %s AND (is_done OR worker = %s) RETURNING block"
        )
        values = (records, self._run, claim.block, claim.token, self._worker)
        is_ours = self._server.call(lambda database: database.execute(query, values).fetchone()) is not None
        self._held.discard(claim.block)  # not before: a claim made meanwhile frees what is not held
        return is_ours

    def end_at(self, blocks: int) -> None:
        """Notes that the input has so many blocks; what was claimed behind its end is nothing."""

        def note(database: Any) -> None:
            with database.transaction():
                database.execute("UPDATE blossom_data.runs SET blocks = %s WHERE id = %s", (blocks, self._run))
                database.execute("DELETE FROM blossom_data.blocks WHERE run = %s AND block >= %s", (self._run, blocks))

        self._server.call(note)

    def standing(self) -> Standing:
        """How far the run is; who is not heard of any more is struck off."""

        def look(database: Any) -> tuple[Any, ...] | None:
            _strike_off(database, self._run)
            return database.execute(  # type: ignore[no-any-return]
                "SELECT runs.blocks, count(*) FILTER (WHERE is_done), count(worker), coalesce(sum(blocks.records), 0),"
                " count(blocks.block),"
                " (SELECT count(*) FROM blossom_data.workers WHERE run = runs.id),"
                " (SELECT coalesce(sum(records), 0) FROM blossom_data.workers WHERE run = runs.id)"
                " FROM blossom_data.runs LEFT JOIN blossom_data.blocks ON run = id WHERE id = %s GROUP BY id",
                (self._run,),
            ).fetchone()

        row = self._server.call(look)
        if row is None:
            return Standing(is_gone=True)
        blocks, done, claimed, records, known, workers, through = row
        return Standing(
            is_bought=blocks is not None and done == blocks,
            is_free=blocks is None or done + claimed < known,
            blocks=blocks,
            done=done,
            claimed=claimed,
            records=int(records + through),
            workers=workers,
        )

    def place(self) -> str:
        """The mark of the storage that the run's shards are written to, "" where there is none yet."""
        row = self._server.call(
            lambda database: database.execute(
                "SELECT place FROM blossom_data.runs WHERE id = %s", (self._run,)
            ).fetchone()
        )
        return str(row[0]) if row else ""

    def see_place(self) -> None:
        """Tells that this worker sees that storage."""
        query = "UPDATE blossom_data.workers SET sees_place = true WHERE id = %s"
        self._server.call(lambda database: database.execute(query, (self._worker,)))

    def move_place(self, place: str) -> bool:
        """Makes the storage with the mark `place` that of the run, unless another worker at work sees today's."""

        def move(database: Any) -> bool:
            with database.transaction():
                database.execute("SELECT 1 FROM blossom_data.runs WHERE id = %s FOR UPDATE", (self._run,))
                _strike_off(database, self._run)
                seen = "SELECT 1 FROM blossom_data.workers WHERE run = %s AND id <> %s AND sees_place"
                if database.execute(seen, (self._run, self._worker)).fetchone():
                    return False
                database.execute("UPDATE blossom_data.runs SET place = %s WHERE id = %s", (place, self._run))
                database.execute("UPDATE blossom_data.workers SET sees_place = true WHERE id = %s", (self._worker,))
                return True

        return self._server.call(move)

    def begin_finishing(self) -> None:
        """Makes this process the one that finishes; only while it alone holds the job's lock."""
        query = (
            "UPDATE blossom_data.runs SET finisher = nextval('blossom_data.tokens') WHERE id = %s RETURNING finisher"
        )
        row = self._server.call(lambda database: database.execute(query, (self._run,)).fetchone())
        self._finisher = int(row[0]) if row else 0

    def still_finishes(self) -> bool:
        """Whether nobody has begun to finish since, nor finished."""
        query = "SELECT 1 FROM blossom_data.runs WHERE id = %s AND finisher = %s"
        row = self._server.call(lambda database: database.execute(query, (self._run, self._finisher)).fetchone())
        return row is not None

    def end_run(self) -> None:
        """The run is finished: nothing of it is kept here."""
        self._server.call(
            lambda database: database.execute("DELETE FROM blossom_data.runs WHERE id = %s", (self._run,))
        )

    def strike_off(self, name: str) -> None:
        """Frees what the worker `name` (pid and host) has claimed, who is known to have ended."""
        query = "DELETE FROM blossom_data.workers WHERE run = %s AND name = %s"
        self._server.call(lambda database: database.execute(query, (self._run, name)))

    @property
    def _identity_text(self) -> str:
        return json.dumps(self._identity, sort_keys=True)

    def _find_run(self, database: Any) -> int:
        """The run of this job and identity, made where it is not there; one that nobody works on makes room."""
        values = (self._job, self._identity_text)
        begin = "INSERT INTO blossom_data.runs(job, identity) VALUES (%s, %s) ON CONFLICT (job) DO NOTHING"
        database.execute(begin, values)
        look = "SELECT id, identity FROM blossom_data.runs WHERE job = %s FOR UPDATE"
        run, identity = database.execute(look, (self._job,)).fetchone()
        if identity == self._identity_text:
            return int(run)
        _strike_off(database, run)
        others = "SELECT name FROM blossom_data.workers WHERE run = %s ORDER BY id LIMIT 1"
        if other := database.execute(others, (run,)).fetchone():
            pid, _, host = str(other[0]).partition(" ")
            differs = [what for what, value in self._identity.items() if json.loads(identity).get(what) != value]
            raise ConfigError(
                f"another worker of {self._job} (pid {pid} on {host}) works with other {' and other '.join(differs)}",
                hint="give all workers the same, or name another output; when all of them have ended, yours may begin",
            )
        database.execute("DELETE FROM blossom_data.runs WHERE id = %s", (run,))
        database.execute(begin, values)
        return int(database.execute(look, (self._job,)).fetchone()[0])

    def _hold(self, database: Any) -> None:
        """Keeps others from striking this worker off until the transaction ends; raises LeaseLost if they have."""
        query = "SELECT 1 FROM blossom_data.workers WHERE id = %s FOR KEY SHARE"
        if database.execute(query, (self._worker,)).fetchone() is None:
            raise _lost()

    def _beat(self, is_over: threading.Event) -> None:
        """The thread that renews the lease, so that nothing else that this process does can cost it."""
        query = "UPDATE blossom_data.workers SET seen = now(), records = %s WHERE id = %s RETURNING id"
        while not is_over.wait(min(self._lease_s / 3, _MOST_SILENT_S)):
            try:
                row = self._server.call(
                    lambda database: database.execute(query, (self.records, self._worker)).fetchone()
                )
            except BlossomError as why:
                self._lose(why)
                return
            if row is None:
                if not is_over.is_set():
                    self._lose(_lost())
                return

    def _lose(self, why: BlossomError) -> None:
        self._lost = why
        self.on_loss(why)


def _lost() -> LeaseLost:
    return LeaseLost("the lease of this worker went: it was not heard of for too long", hint="give a longer --lease")


def _strike_off(database: Any, run: int) -> None:
    """Removes the workers that are not heard of any more, and with them their claims."""
    database.execute(
        "DELETE FROM blossom_data.workers WHERE id IN (SELECT id FROM blossom_data.workers "
        f"WHERE run = %s AND NOT ({_LIVE}) FOR UPDATE SKIP LOCKED)",
        (run,),
    )

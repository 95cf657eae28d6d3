"""A look into a ledger in PostgreSQL that takes no lock and makes nothing.

PostgresSnapshot(address)     a Ledger that serves what is stored and takes nothing
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from typing import Any

import zstandard

from blossom_data.asks import Ask, Reply
from blossom_data.errors import LedgerError
from blossom_data.ledger.address import PostgresAddress
from blossom_data.ledger.postgres.schema import FIND, SUMS, check_version
from blossom_data.ledger.postgres.server import NAME, Server
from blossom_data.ledger.snapshot import Glance
from blossom_data.ledger.store import NothingIsBought, StageTotals
from blossom_data.ledger.stored_reply import damaged_reply, read_body

_PACE_S = 300.0
_FEW = 20


def find_replies(
    database: Any, keys: Sequence[bytes], unpack: zstandard.ZstdDecompressor, address: PostgresAddress
) -> dict[bytes, Reply | LedgerError]:
    """The replies that are stored under `keys`; LedgerError in place of one that is damaged."""
    found: dict[bytes, Reply | LedgerError] = {}
    for key, body in database.execute(FIND, (list(keys),), binary=True):
        try:
            found[bytes(key)] = read_body(key, body, unpack)
        except ValueError as why:
            found[bytes(key)] = damaged_reply(address, key, why)
    return found


def read_totals(database: Any, job: str | None) -> list[StageTotals]:
    """What was bought, by stage and model; of one job alone where one is named."""
    where, named = ("", ()) if job is None else ("WHERE job = %s", (job,))
    query = f"SELECT stage, model, {SUMS} FROM blossom_data.totals {where} GROUP BY 1, 2 ORDER BY 1, 2"
    return [StageTotals(*row) for row in database.execute(query, named)]


def holder_of_job(database: Any, lock: int) -> str:
    """Who holds the advisory lock `lock`, in words."""
    row = database.execute(
        "SELECT application_name, backend_start FROM pg_locks JOIN pg_stat_activity USING (pid) "
        "WHERE locktype = 'advisory' AND classid = %s AND objid = %s LIMIT 1",
        (lock >> 32 & 0xFFFFFFFF, lock & 0xFFFFFFFF),
    ).fetchone()
    if row is None:
        return "holder unknown"
    who = _who(*row)
    return f"pid {who['pid']} on {who['host']} since {who['since']}"


class PostgresSnapshot(NothingIsBought):
    """A Ledger (store.py) for a dry run: what the database holds.

    Raises:
        LedgerError: the server cannot be reached, or a newer version made the ledger.
    """

    def __init__(self, address: PostgresAddress) -> None:
        self.address = address
        self._unpack = zstandard.ZstdDecompressor()
        self._server = Server(address, is_read_only=True)
        self._is_made = bool(self._server.call(lambda database: check_version(database, str(address))))

    def get(self, key: bytes) -> Reply | None:
        """The stored reply of `key`, or None."""
        if not self._is_made:
            return None
        found = self._server.call(lambda database: find_replies(database, [key], self._unpack, self.address)).get(key)
        if isinstance(found, LedgerError):
            raise found
        return found

    def model_of(self, key: bytes) -> str:
        """The model that was asked for the stored reply of `key`, "" where that is not known."""
        rows = self._read("SELECT model FROM blossom_data.replies WHERE key = %s", key)
        return str(rows[0][0]) if rows else ""

    def failures_of(self, keys: Sequence[bytes]) -> list[tuple[float, int, str, str]]:
        """(time, HTTP status, cause, detail) of the calls for `keys` that brought no reply, in order."""
        return self._read(
            "SELECT at, status, cause, detail FROM blossom_data.failures WHERE key = ANY(%s) ORDER BY at", list(keys)
        )

    async def put(self, key: bytes, ask: Ask, reply: Reply) -> None:
        raise LedgerError("a dry run buys nothing", hint="this is a bug; please report it")

    def totals(self, job: str | None = None) -> list[StageTotals]:
        """What was bought so far, by stage and model; of one job alone where one is named."""
        return self._server.call(lambda database: read_totals(database, job)) if self._is_made else []

    def close(self) -> None:
        self._server.close()

    def _read(self, query: str, value: object) -> list[tuple[Any, ...]]:
        if not self._is_made:
            return []
        return self._server.call(lambda database: database.execute(query, (value,)).fetchall())


@contextmanager
def _looking(address: PostgresAddress) -> Iterator[tuple[Server, bool]]:
    """A connection, and whether there is a ledger."""
    with closing(Server(address, is_read_only=True)) as server:
        yield server, bool(server.call(lambda database: check_version(database, str(address))))


def look_into(address: PostgresAddress) -> Glance | None:
    """What the ledger holds, None where none was made yet."""
    with _looking(address) as (server, is_made):
        return server.call(_glance) if is_made else None


def bought_by_job(address: PostgresAddress) -> list[tuple[str, StageTotals]]:
    """What was bought for each output (job), by stage and model."""
    query = f"SELECT job, stage, model, {SUMS} FROM blossom_data.totals GROUP BY 1, 2, 3 ORDER BY 1, 2, 3"
    with _looking(address) as (server, is_made):
        rows = server.call(lambda database: database.execute(query).fetchall()) if is_made else []
    return [(job, StageTotals(*row)) for job, *row in rows]


def holder_in(address: PostgresAddress) -> dict[str, str] | None:
    """One of the processes that buy with the ledger (`pid`, `host`, `since`), None where there is none."""
    query = (
        "SELECT application_name, backend_start FROM pg_stat_activity JOIN pg_locks USING (pid) "
        "WHERE locktype = 'advisory' AND datname = current_database() AND application_name LIKE %s "
        "ORDER BY backend_start LIMIT 1"
    )
    with _looking(address) as (server, _):
        row = server.call(lambda database: database.execute(query, (f"{NAME} %",)).fetchone())
    return _who(*row) if row else None


def work_in(address: PostgresAddress, job: str) -> dict[str, Any] | None:
    """Who works on the run of `job`, and how far it is; None where nobody has begun one that is not finished.

    {"began": "...", "blocks": 40, "done": 12, "records": 120000, "workers": [
        {"pid": "4711", "host": "gpu3", "since": "...", "blocks": [12, 14], "records": 3100, "silent_s": 1.2}]}
    """
    run = (
        "SELECT id, began, blocks, count(block) FILTER (WHERE is_done), coalesce(sum(records), 0)::int8 "
        "FROM blossom_data.runs LEFT JOIN blossom_data.blocks ON run = id WHERE job = %s GROUP BY id"
    )
    workers = (
        "SELECT name, began, array_remove(array_agg(block ORDER BY block), NULL), workers.records, "
        "extract(epoch FROM now() - seen)::float8 FROM blossom_data.workers LEFT JOIN blossom_data.blocks "
        "ON worker = id WHERE workers.run = %s GROUP BY id ORDER BY id"
    )

    def look(database: Any) -> dict[str, Any] | None:
        if database.execute("SELECT to_regclass('blossom_data.runs')").fetchone()[0] is None:
            return None
        found = database.execute(run, (job,)).fetchone()
        if found is None:
            return None
        number, began, blocks, done, records = found
        told = [
            {**_who(name, since), "blocks": held, "records": through, "silent_s": round(silent_s, 1)}
            for name, since, held, through, silent_s in database.execute(workers, (number,))
        ]
        return {
            "began": began.isoformat(timespec="seconds"),
            "blocks": blocks,
            "done": done,
            "records": records,
            "workers": told,
        }

    with _looking(address) as (server, is_made):
        return server.call(look) if is_made else None


def _who(name: str, since: Any) -> dict[str, str]:
    pid, host = [*name.removeprefix(f"{NAME} ").split(" ", 1), ""][:2]
    return {"pid": pid, "host": host, "since": since.isoformat(timespec="seconds")}


def _glance(database: Any) -> Glance:
    totals = read_totals(database, None)
    replies = sum(row.replies for row in totals)
    size, failures = database.execute(
        "SELECT pg_total_relation_size('blossom_data.replies'), (SELECT count(*) FROM blossom_data.failures)"
    ).fetchone()
    count, first, last = database.execute(
        "SELECT sum(replies)::int8, min(at), max(at) FROM blossom_data.totals "
        "WHERE replies > 0 AND at > (SELECT max(at) FROM blossom_data.totals) - %s",
        (_PACE_S,),
    ).fetchone()
    is_paced = (count or 0) >= _FEW and last > first
    return Glance(
        replies=replies,
        bytes=size,
        totals=totals,
        failures=failures,
        pace=count / (last - first) if is_paced else None,
        reply_bytes=size / replies if replies else None,
    )

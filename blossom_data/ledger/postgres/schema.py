"""The tables of a ledger in PostgreSQL, and how those of an earlier version become today's.

    blossom_data.replies(key, stage, model, created, tokens_in, tokens_out, tokens_cached, job, body)
    blossom_data.totals(at, job, stage, model, replies, tokens_in, tokens_out, tokens_cached)
    blossom_data.facts(name, value)     blossom_data.failures(at, key, stage, status, cause, detail)
    blossom_data.calls(at, job, stage, model, outcome, bin, tries)     blossom_data.migrations(number, at)
    blossom_data.runs, workers, blocks      who works on what just now (claims.py)
    blossom_data.rate_windows, leases       what processes at work hold of rates and budgets (rate_leases.py)

`totals` is only added to, a row for each commit, stage and model: one row that all workers raised would make each wait
for the commit of the others. Old rows are summed up when a ledger is opened, and when a budget reads too many.

Look into it by hand: psql URL -c "select stage, model, count(*) from blossom_data.replies group by 1, 2".
"""

from __future__ import annotations

from typing import Any

from blossom_data.errors import LedgerError

MIGRATIONS = (
    """
    CREATE TABLE blossom_data.replies(
        key bytea PRIMARY KEY, stage text NOT NULL, model text NOT NULL, created double precision NOT NULL,
        tokens_in bigint NOT NULL, tokens_out bigint NOT NULL, tokens_cached bigint NOT NULL, job text NOT NULL,
        body bytea NOT NULL);
    ALTER TABLE blossom_data.replies ALTER COLUMN body SET STORAGE EXTERNAL;
    CREATE TABLE blossom_data.totals(
        at double precision NOT NULL, job text NOT NULL, stage text NOT NULL, model text NOT NULL,
        replies bigint NOT NULL, tokens_in bigint NOT NULL, tokens_out bigint NOT NULL, tokens_cached bigint NOT NULL);
    CREATE TABLE blossom_data.facts(name text PRIMARY KEY, value text NOT NULL);
    CREATE TABLE blossom_data.failures(
        at double precision NOT NULL, key bytea NOT NULL, stage text NOT NULL, status integer NOT NULL,
        cause text NOT NULL, detail text NOT NULL);
    """,
    """
    CREATE TABLE blossom_data.runs(
        id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, job text NOT NULL UNIQUE, identity text NOT NULL,
        began timestamptz NOT NULL DEFAULT now(), place text NOT NULL DEFAULT '', next integer NOT NULL DEFAULT 0,
        blocks integer, finisher bigint NOT NULL DEFAULT 0);
    CREATE TABLE blossom_data.workers(
        id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        run bigint NOT NULL REFERENCES blossom_data.runs ON DELETE CASCADE, name text NOT NULL,
        began timestamptz NOT NULL DEFAULT now(), lease_s double precision NOT NULL,
        seen timestamptz NOT NULL DEFAULT now(), sees_place boolean NOT NULL DEFAULT false,
        records bigint NOT NULL DEFAULT 0);
    CREATE INDEX ON blossom_data.workers(run);
    CREATE TABLE blossom_data.blocks(
        run bigint NOT NULL REFERENCES blossom_data.runs ON DELETE CASCADE, block integer NOT NULL,
        worker bigint REFERENCES blossom_data.workers ON DELETE SET NULL, token bigint NOT NULL DEFAULT 0,
        records integer NOT NULL DEFAULT 0, is_done boolean NOT NULL DEFAULT false, PRIMARY KEY (run, block));
    CREATE INDEX ON blossom_data.blocks(worker) WHERE worker IS NOT NULL;
    CREATE SEQUENCE blossom_data.tokens;
    """,
    """
    CREATE TABLE blossom_data.rate_windows(
        name text NOT NULL, epoch bigint NOT NULL, requests_at double precision NOT NULL,
        tokens_at double precision NOT NULL, paused_until double precision NOT NULL, PRIMARY KEY (name, epoch));
    CREATE TABLE blossom_data.leases(
        name text NOT NULL, epoch bigint NOT NULL, member text NOT NULL, expires double precision NOT NULL,
        wants integer NOT NULL DEFAULT 0, slots integer NOT NULL DEFAULT 0, usd double precision NOT NULL DEFAULT 0,
        tokens double precision NOT NULL DEFAULT 0, PRIMARY KEY (name, epoch, member));
    """,
    """
    CREATE TABLE blossom_data.calls(
        at bigint NOT NULL, job text NOT NULL, stage text NOT NULL, model text NOT NULL, outcome text NOT NULL,
        bin integer NOT NULL, tries bigint NOT NULL);
    CREATE INDEX calls_of_job ON blossom_data.calls(job);
    """,
)
"""Each is run once, in order, in a transaction of its own; what has gone out is never changed, only added to."""
VERSION = len(MIGRATIONS)
_LOCK = 0x626C6F73736F6D
"""The advisory lock under which tables are made and changed."""
_SUM_UP_ROWS, _SUM_UP_AGE_S, _SUM_UP_S = 10_000, 60.0, 10.0
"""Of so many rows those older than a minute become one each ten seconds, job, stage and model ..."""
_PACE_AGE_S = 3600.0
"""... and those older than that, of which nobody asks how fast they came, one each job, stage and model."""

PUT = """
WITH stored AS (
    INSERT INTO blossom_data.replies
    SELECT * FROM unnest(%s::bytea[], %s::text[], %s::text[], %s::float8[], %s::int8[], %s::int8[], %s::int8[],
                         %s::text[], %s::bytea[])
    ON CONFLICT (key) DO NOTHING
    RETURNING key, stage, model, job, tokens_in, tokens_out, tokens_cached),
counted AS (
    INSERT INTO blossom_data.totals
    SELECT %s, job, stage, model, count(*), sum(tokens_in), sum(tokens_out), sum(tokens_cached)
    FROM stored GROUP BY job, stage, model)
SELECT key FROM stored
"""
"""Stores replies that are not there yet, counts those alone (done twice, it counts once), and gives their keys."""
BOOK = "INSERT INTO blossom_data.totals VALUES (%s, %s, %s, %s, 0, %s, %s, %s)"
FACT = "INSERT INTO blossom_data.facts VALUES (%s, %s) ON CONFLICT (name) DO UPDATE SET value = excluded.value"
FAIL = "INSERT INTO blossom_data.failures VALUES (%s, %s, %s, %s, %s, %s)"
CALLS = "INSERT INTO blossom_data.calls VALUES (%s, %s, %s, %s, %s, %s, %s)"
FIND = "SELECT key, body FROM blossom_data.replies WHERE key = ANY(%s)"
SUMS = "sum(replies)::int8, sum(tokens_in)::int8, sum(tokens_out)::int8, sum(tokens_cached)::int8"


def is_made(database: Any) -> bool:
    """Whether the database holds a ledger."""
    return database.execute("SELECT to_regclass('blossom_data.migrations')").fetchone()[0] is not None


def check_version(database: Any, shown: str) -> int:
    """The version of the ledger in the database, 0 where there is none; raises LedgerError for a newer one."""
    if not is_made(database):
        return 0
    version = int(database.execute("SELECT coalesce(max(number), 0) FROM blossom_data.migrations").fetchone()[0])
    if version > VERSION:
        raise LedgerError(
            f"ledger {shown} is of version {version}, this program knows {VERSION}", hint="upgrade blossom-data"
        )
    return version


def migrate(database: Any, shown: str) -> None:
    """Makes the tables, or brings them to this version; whoever comes first does it, others wait."""
    if check_version(database, shown) == VERSION:
        return
    with database.transaction():
        database.execute("SELECT pg_advisory_xact_lock(%s)", (_LOCK,))
        database.execute("CREATE SCHEMA IF NOT EXISTS blossom_data")
        database.execute(
            "CREATE TABLE IF NOT EXISTS blossom_data.migrations("
            "number integer PRIMARY KEY, at timestamptz NOT NULL DEFAULT now())"
        )
        for number in range(check_version(database, shown) + 1, VERSION + 1):
            database.execute(MIGRATIONS[number - 1])
            database.execute("INSERT INTO blossom_data.migrations(number) VALUES (%s)", (number,))


def sum_up_totals(database: Any, now_s: float) -> None:
    """Puts old rows of `totals` together, where there are many."""
    rows = database.execute("SELECT count(*) FROM blossom_data.totals").fetchone()[0]
    if rows < _SUM_UP_ROWS:
        return
    with database.transaction():
        database.execute("SELECT pg_advisory_xact_lock(%s)", (_LOCK,))
        database.execute(
            "WITH old AS (DELETE FROM blossom_data.totals WHERE at < %s RETURNING *) INSERT INTO blossom_data.totals "
            f"SELECT max(at), job, stage, model, {SUMS} FROM old "
            f"GROUP BY job, stage, model, CASE WHEN at < %s THEN 0 ELSE floor(at / {_SUM_UP_S}) END",
            (now_s - _SUM_UP_AGE_S, now_s - _PACE_AGE_S),
        )

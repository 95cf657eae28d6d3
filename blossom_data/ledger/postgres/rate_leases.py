"""What processes at work hold of an endpoint's limits, leased in slices from the database of the ledger.

    grant = leases.renew(Demand(name="https://api.example.com/v1 m", wants=64, ...))
    grant.slots, grant.requests.granted, grant.pause_s          24, 19, 0.0

Calls in flight are shared by max-min fairness: who wants less than an equal part leaves the rest to the others, and
nobody is granted what another still holds. Requests and tokens are two buckets for all, kept as the time up to which
they are handed out; where one is empty, a little is handed out for a moment to come, so that those who wait are served
in turn. A pause is the latest that anybody told. All times are the server's.

One renewal is one round trip, a few index look-ups under a lock that ends with it. Each `EPOCH_S` begins new rows: else
a session that holds a snapshot would make every look-up walk through all that was written since.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from blossom_data.ledger.address import PostgresAddress
from blossom_data.ledger.postgres.schema import migrate
from blossom_data.ledger.postgres.server import Server

LEASE_S = 10.0
"""A process that is not heard of for so long loses what it holds."""
EPOCH_S = 10.0
SLICE_S = 2.0
"""How long requests and tokens may be used once they may be."""
BURST_S = 1.0
"""Seconds' worth of a rate that a bucket holds."""
MOST_AHEAD_S = 5.0
"""How far ahead a bucket is handed out."""


@dataclass(frozen=True, slots=True)
class Rate:
    """What one bucket for all holds and gives, from a limit a minute.

    In any minute no more is used than `per_minute`: what may be used in it was handed out in it or SLICE_S before.
    """

    per_s: float
    capacity: float

    @classmethod
    def of(cls, per_minute: float) -> Rate:
        """The rate to hand out for a limit of `per_minute`, above 0."""
        capacity = max(1.0, per_minute / 60.0 * BURST_S)
        return cls(max(per_minute - capacity, per_minute / 2.0) / (60.0 + SLICE_S), capacity)


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a process wants of one bucket; all 0 where the endpoint has no such limit."""

    rate: Rate | None = None
    back: float = 0.0
    """Leased before, and given back unused."""
    most: float = 0.0
    """As much as can be used, if it is there."""
    least: float = 0.0
    """So much for a moment to come, if less is there."""


@dataclass(frozen=True, slots=True)
class Granted:
    """What a process was granted of one bucket, and in how many seconds it may be used."""

    amount: float = 0.0
    wait_s: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Demand:
    """What a process holds and wants of one endpoint."""

    name: str
    most: int
    """Calls that all may have in flight together."""
    wants: int = 0
    holds: int = 0
    """Calls that it has in flight, or might by now."""
    requests: Wanted = field(default_factory=Wanted)
    tokens: Wanted = field(default_factory=Wanted)
    pause_s: float = 0.0
    """A pause that it met."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Grant:
    """What a process may use of one endpoint until LEASE_S after it asked."""

    slots: int
    members: int
    """Processes that use the endpoint, this one too."""
    requests: Granted
    tokens: Granted
    pause_s: float
    """So long nobody sends anything."""


class Leases:
    """One connection for the leases of a process; not to be used by two threads at once.

    Args:
        member: by what this process is known; no other has the same.

    Raises:
        LedgerError: the server cannot be reached or refuses.
    """

    def __init__(self, address: PostgresAddress, *, member: str) -> None:
        def prepare(database: Any) -> None:
            migrate(database, str(address))
            # What a crash of the server takes with it is told again with the next renewal.
            database.execute("SET synchronous_commit = off")

        self.member = member
        self.server = Server(address, on_connect=prepare)
        self.server.call(lambda database: database.execute(_SWEEP))
        # From here on one that is away is asked again with the next renewal, not by waiting for it.
        self.server.patience_s = 0.0

    def renew(self, demand: Demand) -> Grant:
        """Says what this process wants of an endpoint, and gives what it may use.

        Raises:
            LedgerError: the server is away; what was granted before still counts.
        """
        rows = self._run(_RENEW, demand, {**_values("requests", demand.requests), **_values("tokens", demand.tokens)})
        slots, members, requests, requests_wait_s, tokens, tokens_wait_s, pause_s = rows
        return Grant(
            slots=int(slots),
            members=int(members),
            requests=Granted(float(requests), float(requests_wait_s)),
            tokens=Granted(float(tokens), float(tokens_wait_s)),
            pause_s=float(pause_s),
        )

    def leave(self, demands: Sequence[Demand]) -> None:
        """Gives all back; raises LedgerError where the server is away: others have it when the lease ends."""
        for demand in demands:
            self.renew(demand)
        self.server.call(
            lambda database: database.execute("DELETE FROM blossom_data.leases WHERE member = %s", (self.member,))
        )

    def close(self) -> None:
        self.server.close()

    def _run(self, statement: str, demand: Demand, rates: dict[str, float | None]) -> Sequence[Any]:
        import psycopg

        values = {
            "name": demand.name,
            "member": self.member,
            "most": demand.most,
            "wants": demand.wants,
            "holds": demand.holds,
            "pause_s": demand.pause_s,
            **rates,
        }

        def renew(database: Any) -> tuple[Any, ...]:
            # One message of two statements is one round trip, and the second one sees what was done under the lock.
            with psycopg.ClientCursor(database) as cursor:
                cursor.execute(f"{_LOCK}; {statement}", values)
                cursor.nextset()
                row: tuple[Any, ...] | None = cursor.fetchone()
            assert row is not None, "it gives one row"
            return row

        return self.server.call(renew)


def _values(kind: str, wanted: Wanted) -> dict[str, float | None]:
    rate = wanted.rate
    return {
        f"{kind}_per_s": rate.per_s if rate else None,
        f"{kind}_capacity": rate.capacity if rate else None,
        f"{kind}_back": wanted.back,
        f"{kind}_most": wanted.most,
        f"{kind}_least": wanted.least,
    }


def _bucket(kind: str) -> tuple[str, str, str]:
    """SQL of one bucket, in three steps: where it stands, what is granted if it can be soon, and when."""
    rate, capacity = f"%({kind}_per_s)s::float8", f"%({kind}_capacity)s::float8"
    stands = f"greatest({kind}_at - %({kind}_back)s / {rate}, at - {capacity} / {rate}) AS {kind}_at"
    there = f"floor((at - {kind}_at) * {rate} + 1e-6)"
    granted = f"greatest(least(%({kind}_most)s::float8, {there}), %({kind}_least)s::float8, 0) AS {kind}"
    waits = f"greatest(0, {kind}_at + least({kind}, {capacity}) / {rate} - at) AS {kind}_wait_s"
    return stands, granted, waits


_LOCK = "SELECT pg_advisory_xact_lock(hashtextextended('blossom-data rate ' || %(name)s, 0))"
_STEPS = list(zip(_bucket("requests"), _bucket("tokens"), strict=True))
_GRANTED = {kind: f"CASE WHEN {kind}_wait_s <= {MOST_AHEAD_S} THEN {kind} END" for kind in ("requests", "tokens")}
_RENEW = f"""
WITH clock AS MATERIALIZED (
    SELECT at, floor(at / {EPOCH_S})::int8 AS epoch, extract(epoch FROM pg_postmaster_start_time())::float8 AS started
    FROM (SELECT extract(epoch FROM clock_timestamp())::float8 AS at) AS now),
others AS MATERIALIZED (
    -- While the server was away nobody could renew anything.
    SELECT DISTINCT ON (member) wants, slots FROM blossom_data.leases, clock
    WHERE name = %(name)s AND leases.epoch >= clock.epoch - 1 AND member <> %(member)s
    AND greatest(expires, started + {LEASE_S}) > at
    ORDER BY member, leases.epoch DESC),
fair AS MATERIALIZED (
    SELECT count(*) + 1 AS members, coalesce(sum(slots), 0) AS taken, greatest(1, %(most)s / (count(*) + 1)) AS part
    FROM others),
slots AS MATERIALIZED (
    SELECT members, greatest(0, least(%(wants)s, %(most)s - taken, greatest(part, %(most)s
        - (SELECT coalesce(sum(least(wants, part)), 0) FROM others)))) AS slots
    FROM fair),
before AS (
    SELECT requests_at, tokens_at, paused_until FROM blossom_data.rate_windows WHERE name = %(name)s
    ORDER BY epoch DESC LIMIT 1),
stands AS MATERIALIZED (
    SELECT at, epoch, greatest(paused_until, at + %(pause_s)s::float8) AS paused_until, {", ".join(_STEPS[0])}
    FROM clock LEFT JOIN before ON true),
granted AS MATERIALIZED (SELECT *, {", ".join(_STEPS[1])} FROM stands),
waits AS MATERIALIZED (SELECT *, {", ".join(_STEPS[2])} FROM granted),
taken AS MATERIALIZED (
    SELECT at, epoch, paused_until, requests_at, tokens_at, coalesce({_GRANTED["requests"]}, 0) AS requests,
        coalesce({_GRANTED["tokens"]}, 0) AS tokens, coalesce(requests_wait_s, 0) AS requests_wait_s,
        coalesce(tokens_wait_s, 0) AS tokens_wait_s
    FROM waits),
kept AS (
    INSERT INTO blossom_data.rate_windows AS known
    SELECT %(name)s, epoch, coalesce(requests_at + requests / %(requests_per_s)s::float8, 0),
        coalesce(tokens_at + tokens / %(tokens_per_s)s::float8, 0), paused_until FROM taken
    ON CONFLICT (name, epoch) DO UPDATE SET requests_at = excluded.requests_at, tokens_at = excluded.tokens_at,
        paused_until = excluded.paused_until),
told AS (
    INSERT INTO blossom_data.leases(name, epoch, member, expires, wants, slots)
    SELECT %(name)s, epoch, %(member)s, at + {LEASE_S}, %(wants)s, greatest(%(holds)s, slots) FROM clock, slots
    ON CONFLICT (name, epoch, member) DO UPDATE
    SET expires = excluded.expires, wants = excluded.wants, slots = excluded.slots)
SELECT slots, members, requests, requests_wait_s, tokens, tokens_wait_s, greatest(0, paused_until - at)
FROM slots, taken
"""
_SWEEP = f"""
WITH clock AS MATERIALIZED (SELECT floor(extract(epoch FROM clock_timestamp()) / {EPOCH_S})::int8 AS now),
windows AS (
    DELETE FROM blossom_data.rate_windows AS old USING clock WHERE epoch < now - 1 AND EXISTS (
        SELECT FROM blossom_data.rate_windows AS newer WHERE newer.name = old.name AND newer.epoch > old.epoch))
DELETE FROM blossom_data.leases USING clock WHERE epoch < now - 60
"""

"""What processes at work hold of the budget of a job, leased in slices from the database of the ledger.

    drawn = leases.draw(spent_of, [Purse(budget=10.0, owed=0.02, needs=0.001, most=0.5), ...])
    drawn.granted, drawn.spent, drawn.held_by_others        [0.05, ...], [3.18, ...], [0.1, ...]

What was spent is in the ledger's totals; beside it each process holds what its calls may take and its slice. A process
that dies holds its slice until the lease ends; what it booked is in the totals. Rows begin anew as those of rates do.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from blossom_data.ledger.address import PostgresAddress
from blossom_data.ledger.postgres.rate_leases import EPOCH_S, LEASE_S
from blossom_data.ledger.postgres.schema import SUMS, migrate, sum_up_totals
from blossom_data.ledger.postgres.server import Server
from blossom_data.ledger.store import StageTotals

PARTS = 200
"""A slice is at most so small a part of what is left."""
_MANY_ROWS = 20_000
SpentOf: TypeAlias = Callable[[Sequence[StageTotals]], tuple[float, float]]
"""USD and tokens of totals."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Purse:
    """What a process wants of one budget, in USD or tokens."""

    budget: float
    """Infinite: no limit."""
    owed: float
    """What its calls in flight may take, and what of those that have ended may not be in the totals yet."""
    needs: float
    most: float
    """Most of a slice."""


@dataclass(frozen=True, slots=True)
class Drawn:
    """What came of it, in USD and tokens."""

    is_granted: bool
    slices: tuple[float, float]
    """Beyond what is owed; nothing where it is not granted."""
    spent: tuple[float, float]
    """Over all runs of the job."""
    is_held_by_others: bool
    """What others hold may come back."""


class BudgetLeases:
    """One connection for the budget of `job`; `member` is by what this process is known, and no other.

    Raises:
        LedgerError: the server cannot be reached or refuses.
    """

    def __init__(self, address: PostgresAddress, *, job: str, member: str) -> None:
        self._job, self._name, self._member = job, f"budget {job}", member
        self._server = Server(address, on_connect=lambda database: migrate(database, str(address)))
        self._server.patience_s = 0.0

    def draw(self, spent_of: SpentOf, purses: tuple[Purse, Purse]) -> Drawn:
        """Takes a slice of each, if what is needed of both is left; else holds no more than what is owed.

        Raises:
            LedgerError: the server is away.
        """
        rows = 0

        def take(database: Any) -> Drawn:
            nonlocal rows
            with database.transaction():
                database.execute(
                    "SELECT pg_advisory_xact_lock(hashtextextended('blossom-data ' || %s, 0))", (self._name,)
                )
                found = database.execute(_TOTALS, (self._job,)).fetchall()
                rows = sum(row[-1] for row in found)
                spent = spent_of([StageTotals(*row[:-1]) for row in found])
                others = database.execute(_OTHERS, (self._name, self._member)).fetchone()
                free = [
                    purse.budget - gone - held - purse.owed
                    for purse, gone, held in zip(purses, spent, others, strict=True)
                ]
                is_granted = all(purse.needs <= left for purse, left in zip(purses, free, strict=True))
                slices = [
                    min(left, max(purse.needs, min(purse.most, left / PARTS))) if is_granted else 0.0
                    for purse, left in zip(purses, free, strict=True)
                ]
                held = [purse.owed + more for purse, more in zip(purses, slices, strict=True)]
                database.execute(_HOLD, (self._name, self._member, *held))
            return Drawn(is_granted, (slices[0], slices[1]), spent, any(other > 0.0 for other in others))

        drawn = self._server.call(take)
        if rows > _MANY_ROWS:
            self._server.call(lambda database: sum_up_totals(database, time.time()))
        return drawn

    def hold(self, usd: float, tokens: float) -> None:
        """Says what this process holds; its lease begins anew. Raises LedgerError while the server is away."""
        self._server.call(lambda database: database.execute(_HOLD, (self._name, self._member, usd, tokens)))

    def close(self) -> None:
        self._server.close()


_AT = "extract(epoch FROM clock_timestamp())::float8"
_TOTALS = f"SELECT stage, model, {SUMS}, count(*) FROM blossom_data.totals WHERE job = %s GROUP BY 1, 2"
_OTHERS = f"""
SELECT coalesce(sum(usd), 0), coalesce(sum(tokens), 0) FROM (
    SELECT DISTINCT ON (member) usd, tokens FROM blossom_data.leases
    WHERE name = %s AND epoch >= floor({_AT} / {EPOCH_S})::int8 - 1 AND member <> %s
    AND greatest(expires, extract(epoch FROM pg_postmaster_start_time())::float8 + {LEASE_S}) > {_AT}
    ORDER BY member, epoch DESC) AS others
"""
_HOLD = f"""
INSERT INTO blossom_data.leases(name, epoch, member, expires, usd, tokens)
SELECT %s, floor(at / {EPOCH_S})::int8, %s, at + {LEASE_S}, %s, %s FROM (SELECT {_AT} AS at) AS now
ON CONFLICT (name, epoch, member) DO UPDATE
SET expires = excluded.expires, usd = excluded.usd, tokens = excluded.tokens
"""

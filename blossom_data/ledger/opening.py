"""Opens a ledger, or looks into one, wherever it is."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from blossom_data.ledger.address import LedgerAddress
from blossom_data.ledger.lock import holder_of, lock_of
from blossom_data.ledger.snapshot import Glance, LedgerSnapshot, glance, totals_by_job
from blossom_data.ledger.store import Ledger, StageTotals

if TYPE_CHECKING:
    from blossom_data.ledger.postgres.snapshot import PostgresSnapshot

    Snapshot = LedgerSnapshot | PostgresSnapshot


def open_ledger(address: LedgerAddress, *, job: str, say: Callable[[str], None], is_shared: bool = False) -> Ledger:
    """The ledger at `address`, to buy with; raises as SqliteLedger and PostgresLedger.

    Args:
        is_shared: other processes that say so may buy for the same job meanwhile; not with a file.
    """
    if isinstance(address, Path):
        from blossom_data.ledger.sqlite import SqliteLedger

        return SqliteLedger(address, job=job)
    from blossom_data.ledger.postgres.ledger import PostgresLedger

    return PostgresLedger(address, job=job, say=say, is_shared=is_shared)


def open_snapshot(address: LedgerAddress) -> Snapshot:
    """The ledger at `address` for a run that buys nothing; raises as LedgerSnapshot and PostgresSnapshot."""
    if isinstance(address, Path):
        return LedgerSnapshot(address)
    from blossom_data.ledger.postgres.snapshot import PostgresSnapshot

    return PostgresSnapshot(address)


def look_into(address: LedgerAddress) -> Glance | None:
    """What the ledger holds, None where there is none; raises LedgerError."""
    if isinstance(address, Path):
        return glance(address)
    from blossom_data.ledger.postgres import snapshot

    return snapshot.look_into(address)


def bought_by_job(address: LedgerAddress) -> list[tuple[str, StageTotals]]:
    """What was bought for each output (job), by stage and model; raises LedgerError."""
    if isinstance(address, Path):
        return totals_by_job(address)
    from blossom_data.ledger.postgres import snapshot

    return snapshot.bought_by_job(address)


def ledger_holder(address: LedgerAddress) -> dict[str, str] | None:
    """Who buys with the ledger (`pid`, `host`, `since`), None where nobody does; raises LedgerError."""
    if isinstance(address, Path):
        return holder_of(lock_of(address))
    from blossom_data.ledger.postgres import snapshot

    return snapshot.holder_in(address)


def work_at(address: LedgerAddress, job: str) -> dict[str, Any] | None:
    """Who works together on `job` (an output) and how far they are, None where nobody does; raises LedgerError."""
    if isinstance(address, Path):
        return None
    from blossom_data.ledger.postgres import snapshot

    return snapshot.work_in(address, job)

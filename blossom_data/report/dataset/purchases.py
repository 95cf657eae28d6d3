"""What was bought for a data set, by stage and model: from its ledger where it is there, else from its manifest."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from blossom_data.ledger.address import LedgerAddress
from blossom_data.ledger.opening import bought_by_job
from blossom_data.ledger.place import job_of, ledger_named
from blossom_data.ledger.store import StageTotals
from blossom_data.ledger.timeline import Timeline, timeline
from blossom_data.llm.money.spending import Spending


@dataclass(frozen=True, slots=True)
class Purchase:
    """The replies of a stage and model."""

    total: StageTotals
    cost_usd: float | None
    """None where the price is not known."""


@dataclass(frozen=True, slots=True)
class Purchases:
    """All that was bought, and when."""

    rows: list[Purchase] = field(default_factory=list)
    timeline: Timeline = field(default_factory=Timeline)
    is_of_ledger: bool = False
    """Whether the figures are those of all runs; else they are those behind the records alone."""
    prices: tuple[str, ...] = ()
    """Who says what tokens cost."""

    @property
    def cost_usd(self) -> float | None:
        """What all of it cost; None where the price of a part is not known."""
        costs = [row.cost_usd for row in self.rows]
        return None if None in costs else sum(cost for cost in costs if cost is not None)


def read_purchases(
    dataset: Path, manifest: Mapping[str, Any], spending: Spending, ledger: LedgerAddress | None = None
) -> Purchases:
    """What was bought for the data set at `dataset`: by `ledger`, else by the file that its manifest names.

    Raises:
        LedgerError: a ledger is there and cannot be read.
    """
    totals: list[StageTotals] = []
    when = Timeline()
    for address in (ledger, ledger_named(dataset)):
        if address is None or totals or (isinstance(address, Path) and not address.is_file()):
            continue
        job = job_of(dataset)
        totals = [row for name, row in bought_by_job(address) if name == job]
        when = timeline(address, job)
    is_of_ledger = bool(totals)
    asked = manifest.get("asked")
    for row in asked if not totals and isinstance(asked, list) else ():
        if isinstance(row, dict):
            replies, tokens_in, tokens_out = (int(row.get(key) or 0) for key in ("replies", "tokens_in", "tokens_out"))
            totals.append(StageTotals(str(row.get("stage")), str(row.get("model")), replies, tokens_in, tokens_out, 0))
    prices = {spending.price_of(row.model) for row in totals}
    origins = sorted({price.origin for price in prices if price is not None and price.origin})
    return Purchases([_priced(row, spending) for row in totals], when, is_of_ledger, tuple(origins))


def _priced(row: StageTotals, spending: Spending) -> Purchase:
    price = spending.price_of(row.model)
    cost_usd = price.cost_usd(row.tokens_in, row.tokens_out, row.tokens_cached) if price else None
    return Purchase(row, cost_usd)

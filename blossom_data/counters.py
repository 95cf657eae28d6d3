"""What a run has done so far: one plain object that client and engine write and the display reads.

Everything runs on one event loop, so no lock is needed; a display samples it as often as it likes.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import TypeVar

Item = TypeVar("Item")


@dataclass(slots=True)
class Counters:
    """Counts since the run began; tokens and cost are of paid calls of this run, replays are not among them."""

    records_total: int | None = None
    """Records in the input, None while unknown."""
    read: int = 0
    added: int = 0
    """Records that a stage made beyond one for one (a source kept beside its translation)."""
    kept: int = 0
    skipped: int = 0
    not_drawn: int = 0
    """Part of skipped that a sample did not draw; the rest are exact duplicates."""
    rejected: Counter[str] = field(default_factory=Counter)
    """Rejects by "stage/code"."""
    failed: Counter[str] = field(default_factory=Counter)
    """Records that the endpoint would not answer, by "stage/code"."""
    passed: Counter[str] = field(default_factory=Counter)
    """Records that each stage let through."""
    stages: dict[str, int | None] = field(default_factory=dict)
    """The stages in their order, with the input records that go through each, None while unknown."""
    readings: dict[str, int | None] = field(default_factory=dict)
    """The parts of work that asks nobody ("reading", "writing"), with the records of each, None while unknown."""
    through: Counter[str] = field(default_factory=Counter)
    """Records that each stage or reading is done with, whatever came of them."""
    paid_through: Counter[str] = field(default_factory=Counter)
    """Part of `through`: records that have needed a paid call by then."""
    is_asking: bool = False
    """Whether stages may ask a model: then rates count paid records only."""
    calls: int = 0
    """Paid replies received."""
    replayed: int = 0
    """Replies that came from the ledger instead."""
    taken_over: int = 0
    """Input records whose shards an earlier run had written: neither worked on nor looked up."""
    is_stopping: bool = False
    """A signal came: nothing more is bought, calls in flight end."""
    in_flight: int = 0
    waiting: int = 0
    """Calls that are waiting for a slot, a rate window or a pause."""
    retries: Counter[str] = field(default_factory=Counter)
    """Calls that were sent again, by cause: 429, 5xx, reset, timeout, body."""
    paid_records: int = 0
    """Finished records that needed at least one paid call: what rate and ETA count."""
    tokens_in: int = 0
    tokens_out: int = 0
    tokens_cached: int = 0
    tokens_estimated: int = 0
    """Part of the tokens above that the endpoint did not report."""
    cost_usd: float = 0.0
    """Cost of the calls whose price is known."""
    unpriced_calls: int = 0
    """Paid replies of a model whose price is unknown."""
    price_origins: tuple[str, ...] = ()
    """Whose prices the costs are told at, with their dates."""
    budget_usd: float | None = None
    spent_before_usd: float = 0.0
    """What earlier runs of the same job spent, where a price is known."""
    notes: Counter[str] = field(default_factory=Counter)
    """Findings that are worth a line in the summary, by text (a tolerated fence, a downgraded JSON mode)."""

    def count_cost(self, cost_usd: float | None) -> None:
        """Counts what one call cost; None: it has no price."""
        if cost_usd is None:
            self.unpriced_calls += 1
        else:
            self.cost_usd += cost_usd

    def counted(self, reading: str, items: Iterable[Item], *, total: int | None = None) -> Iterator[Item]:
        """`items` as they are, each counted as one that `reading` is done with; of `total`, None while unknown."""
        self.readings[reading] = total
        for item in items:
            self.through[reading] += 1
            yield item

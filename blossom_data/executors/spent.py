"""What the replies of a job cost, by stage and model, over all its runs.

    spent_by_stage(ledger.totals(job.identity), job.spending, job.stages)
    ->  [{"stage": "translate", "model": "m", "replies": 57, "tokens_in": 29200, "tokens_out": 59, "cost_usd": 0.0079}]

Calls that the endpoint billed without a readable reply are in no ledger; they count in the run's own cost alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from blossom_data.ledger.store import StageTotals
from blossom_data.llm.money.spending import Spending


def spent_by_stage(totals: Iterable[StageTotals], spending: Spending, stages: Sequence[str]) -> list[dict[str, Any]]:
    """A row per stage and model, in the order of `stages`; the cost is None where a price is unknown."""
    rows = []
    for total in totals:
        price = spending.price_of(total.model)
        cost_usd = price.cost_usd(total.tokens_in, total.tokens_out, total.tokens_cached) if price else None
        rows.append(
            {
                "stage": total.stage,
                "model": total.model,
                "replies": total.replies,
                "tokens_in": total.tokens_in,
                "tokens_out": total.tokens_out,
                "cost_usd": None if cost_usd is None else round(cost_usd, 6),
            }
        )
    order = {stage: place for place, stage in enumerate(stages)}
    return sorted(rows, key=lambda row: order.get(row["stage"], len(order)))

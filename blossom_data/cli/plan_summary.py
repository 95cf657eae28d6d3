"""What a plan tells: records, calls and tokens by stage, cost, time and disk."""

from __future__ import annotations

from typing import Any

from blossom_data.cli.tables import Columns
from blossom_data.llm.batch.settings import PRICE_SHARE

_NAME = 13
_STAGES = ("stage", "records", "in ledger", "to pay", "calls", "tokens")


def plan_summary(plan: dict[str, Any]) -> list[str | Columns]:
    """What `plan_job` gave, for people."""
    before = [
        # What rounds will bring nobody knows yet.
        *([] if plan.get("is_rounds") else [("records", f"{plan['records']:,}   ({plan['finished']:,} need no call)")]),
        *_left_out(plan),
        ("in the ledger", f"{plan['in_ledger']:,} replies"),
        ("to ask", f"{plan['calls']:,} calls at least"),
    ]
    stages = [Columns([_stage(row) for row in plan["stages"]], _STAGES, right=range(1, 5), indent=4)]
    return [
        "dry run: nothing is asked",
        Columns(before, least=(_NAME,)),
        *(stages if plan["stages"] else []),
        Columns([*_cost_rows(plan), *_further(plan)], least=(_NAME,)),
    ]


def _left_out(plan: dict[str, Any]) -> list[tuple[str, str]]:
    """What the measures of the whole set leave out, and the calls that it would have been."""
    counts = plan["left_out"]
    if not counts:
        return []
    told = ", ".join(f"{name} {number:,}" for name, number in counts.items())
    saved = f"saves {plan['saved']['calls']:,} calls at least{_cost(plan['saved']['cost_usd'])}"
    return [("left out", f"{sum(counts.values()):,}   ({told}): {saved}")]


def _stage(row: dict[str, Any]) -> tuple[str, ...]:
    told = ""
    if row["calls"]:
        out = f"out {row['tokens_out_low']:,} to {row['tokens_out_high']:,}"
        told = f"in {row['tokens_in']:,}, {out}{_cost(row['cost_usd'])} ({row['basis']})"
    return (row["stage"], *(f"{row[key]:,}" for key in ("records", "in_ledger", "to_pay", "calls")), told)


def _cost_rows(plan: dict[str, Any]) -> list[tuple[str, str]]:
    """What it will cost, and has cost."""
    if not plan["calls"]:
        told = "nothing to pay"
    elif plan["cost_usd"] is None:
        told = "price unknown; give --price-in and --price-out (USD per million tokens), or --prices"
    else:
        origins = sorted({row["price"] for row in plan["stages"] if row["calls"]})
        low, high = plan["cost_usd"]
        told = f"${low:,.4f} to ${high:,.4f}   (prices: {', '.join(origins)})"
    spent = [("spent so far", f"${plan['spent_usd']:,.4f}")] if plan["spent_usd"] else []
    return [("cost", told), *spent]


def _further(plan: dict[str, Any]) -> list[tuple[str, str]]:
    """Time, disk, batches, and what comes behind the run."""
    rows = []
    if plan["calls"]:
        rows.append(("time", f"{_span(plan['seconds'])}   ({plan['seconds_basis']})"))
        needed, free = plan["disk_needed_bytes"], plan["disk_free_bytes"]
        is_short = "   too little" if needed > free else ""
        rows.append(("disk", f"{_size(needed)} at most, {_size(free)} free{is_short}"))
    if plan["is_batch"]:
        share = f"at {PRICE_SHARE:g} x the price, or the provider's own for batches"
        rows.append(("--batch", f"{share}; within a day per round of asks"))
    rows += [("mix", f"{mix['name']}: {', '.join(mix['parts'])}") for mix in plan.get("mixes", ())]
    if published := plan.get("publish"):
        rows.append(("publish", f"{published['name']} in {published['root']}: {', '.join(published['parts'])}"))
    return rows


def _cost(cost: list[float] | None) -> str:
    return f", ${cost[0]:,.4f} to ${cost[1]:,.4f}" if cost else ""


def _span(seconds: int) -> str:
    """`1 h 12 min`, `45 s`."""
    if seconds < 90:
        return f"{seconds} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 90 else f"{minutes // 60} h {minutes % 60:02} min"


def _size(number: float) -> str:
    """1234567 -> 1.2 MB."""
    for unit in ("B", "kB", "MB", "GB"):
        if number < 1000:
            return f"{number:.1f} {unit}" if unit != "B" else f"{number:.0f} B"
        number /= 1000
    return f"{number:.1f} TB"

"""The plan of a run as text."""

from __future__ import annotations

from typing import Any

from blossom_data.llm.batch.settings import PRICE_SHARE


def render_plan(plan: dict[str, Any]) -> str:
    """What `plan_job` gave, for people."""
    lines = [
        "dry run: nothing is asked",
        f"  records        {plan['records']:,}   ({plan['finished']:,} need no call)",
        *_left_out(plan),
        f"  in the ledger  {plan['in_ledger']:,} replies",
        f"  to ask         {plan['calls']:,} calls at least",
    ]
    if plan["stages"]:
        lines.append(f"    {'stage':<12}{'records':>10}{'in ledger':>11}{'to pay':>10}{'calls':>10}   tokens")
    for row in plan["stages"]:
        counts = f"{row['records']:>10,}{row['in_ledger']:>11,}{row['to_pay']:>10,}{row['calls']:>10,}"
        told = ""
        if row["calls"]:
            out = f"out {row['tokens_out_low']:,} to {row['tokens_out_high']:,}"
            told = f"   in {row['tokens_in']:,}, {out}{_cost(row['cost_usd'])} ({row['basis']})"
        lines.append(f"    {row['stage']:<12}{counts}{told}")
    if not plan["calls"]:
        lines.append("  cost           nothing to pay")
    elif plan["cost_usd"] is None:
        lines.append(
            "  cost           price unknown; give --price-in and --price-out (USD per million tokens), or --prices"
        )
    else:
        origins = sorted({row["price"] for row in plan["stages"] if row["calls"]})
        low, high = plan["cost_usd"]
        lines.append(f"  cost           ${low:,.4f} to ${high:,.4f}   (prices: {', '.join(origins)})")
    if plan["spent_usd"]:
        lines.append(f"  spent so far   ${plan['spent_usd']:,.4f}")
    if plan["calls"]:
        lines.append(f"  time           {_span(plan['seconds'])}   ({plan['seconds_basis']})")
        needed, free = plan["disk_needed_bytes"], plan["disk_free_bytes"]
        is_short = "   too little" if needed > free else ""
        lines.append(f"  disk           {_size(needed)} at most, {_size(free)} free{is_short}")
    if plan["is_batch"]:
        share = f"at {PRICE_SHARE:g} x the price, or the provider's own for batches"
        lines.append(f"  --batch        {share}; within a day per round of asks")
    lines += [_mix(mix) for mix in plan.get("mixes", ())]
    if published := plan.get("publish"):
        lines.append(f"  publish        {published['name']} in {published['root']}: {', '.join(published['parts'])}")
    return "\n".join(lines)


def _left_out(plan: dict[str, Any]) -> list[str]:
    """What the measures of the whole set leave out, and the calls that it would have been."""
    counts = plan["left_out"]
    if not counts:
        return []
    told = ", ".join(f"{name} {number:,}" for name, number in counts.items())
    saved = f"saves {plan['saved']['calls']:,} calls at least{_cost(plan['saved']['cost_usd'])}"
    return [f"  left out       {sum(counts.values()):,}   ({told}): {saved}"]


def _mix(mix: dict[str, Any]) -> str:
    return f"  mix            {mix['name']}: {', '.join(mix['parts'])}"


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

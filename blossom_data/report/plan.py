"""The plan of a run as text."""

from __future__ import annotations

from typing import Any


def render_plan(plan: dict[str, Any]) -> str:
    """What `plan_job` gave, for people."""
    lines = [
        "dry run: nothing is asked",
        f"  records        {plan['records']:,}   ({plan['finished']:,} need no call)",
        f"  in the ledger  {plan['in_ledger']:,} replies",
        f"  to ask         {plan['calls']:,} calls at least",
    ]
    for row in plan["stages"]:
        told = f"{row['calls']:,} calls, in {row['tokens_in']:,} tokens"
        out = f"out {row['tokens_out_low']:,} to {row['tokens_out_high']:,}"
        lines.append(f"    {row['stage']:<13}{told}, {out} ({row['basis']})")
    cost = plan["cost_usd"]
    if not plan["calls"]:
        lines.append("  cost           nothing to pay")
    elif cost is None:
        lines.append(
            "  cost           price unknown; give --price-in and --price-out (USD per million tokens), or --prices"
        )
    else:
        lines.append(f"  cost           ${cost[0]:,.4f} to ${cost[1]:,.4f}")
    if plan["spent_usd"]:
        lines.append(f"  spent so far   ${plan['spent_usd']:,.4f}")
    return "\n".join(lines)

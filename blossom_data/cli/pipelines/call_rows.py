"""The lines of `status` that tell how calls went.

latency   half within 1.3 s, 95 % within 4.2 s      ▂▂▃▅█▃  over 24 min
failed    14 of 826 tries: 429 12, timeout 2        ▁▁▁▅▁▁
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any

_HEIGHTS = "▁▂▃▄▅▆▇█"
_MINUTE_S = 60.0


def call_rows(calls: dict[str, Any] | None) -> list[tuple[str, str]]:
    """What `call_state` tells, as rows of two cells; none where it tells nothing."""
    if calls is None:
        return []
    steps, failed = calls["steps"], calls["failed"]
    took = f"half within {calls['median_s']:g} s, 95 % within {calls['p95_s']:g} s"
    over = f"over {_duration(len(steps) * calls['step_s'])}"
    rows = [("latency", f"{took}   {_drawn([step['median_s'] for step in steps])}  {over}")]
    if lost := sum(failed.values()):
        causes = ", ".join(f"{cause} {number:,}" for cause, number in failed.items())
        told = f"{lost:,} of {calls['answered'] + lost:,} tries: {causes}"
        rows.append(("failed", f"{told}   {_drawn([step['failed'] for step in steps])}"))
    return rows


def _drawn(numbers: Sequence[float | None]) -> str:
    """`numbers` in a sign each, a blank where there is none; nothing on a terminal without such signs."""
    if len(numbers) < 2 or "utf" not in (sys.stdout.encoding or "").lower():
        return ""
    top = max((number for number in numbers if number is not None), default=0) or 1
    return "".join(" " if each is None else _HEIGHTS[round(each / top * (len(_HEIGHTS) - 1))] for each in numbers)


def _duration(seconds: float) -> str:
    return f"{seconds:,.0f} s" if seconds < 2 * _MINUTE_S else f"{seconds / _MINUTE_S:,.0f} min"

"""How the calls of an output went: how long answers took, what failed, both over its time.

{"answered": 812, "failed": {"429": 14}, "median_s": 1.3, "p95_s": 4.2, "start": 1796125019.0, "step_s": 60.0,
 "steps": [{"answered": 40, "failed": 0, "median_s": 1.2}, ...]}
"""

from __future__ import annotations

from typing import Any

from blossom_data.ledger.address import LedgerAddress
from blossom_data.ledger.call_times import STEP_S
from blossom_data.ledger.timeline import timeline

_STEPS = 24


def call_state(ledger: LedgerAddress, job: str) -> dict[str, Any] | None:
    """The calls of `job`, None where the ledger keeps no times of them; raises as timeline."""
    when = timeline(ledger, job, steps=_STEPS, multiple_s=STEP_S)
    if not when.times:
        return None
    answered = [
        sum(steps[step].total() for steps in when.times.values() if step in steps) for step in range(when.last + 1)
    ]
    failed = [sum(steps.get(step, 0) for steps in when.failures.values()) for step in range(when.last + 1)]
    return {
        "answered": sum(answered),
        "failed": {
            cause: sum(steps.values())
            for cause, steps in sorted(when.failures.items(), key=lambda each: -sum(each[1].values()))
        },
        "median_s": _rounded(when.quantile_s(0.5)),
        "p95_s": _rounded(when.quantile_s(0.95)),
        "start": when.start,
        "step_s": when.step_s,
        "steps": [
            {"answered": answered[step], "failed": failed[step], "median_s": _rounded(when.quantile_s(0.5, "", step))}
            for step in range(when.last + 1)
        ],
    }


def _rounded(took_s: float | None) -> float | None:
    return None if took_s is None else float(f"{took_s:.3g}")

"""What `doctor` looks at: the machine (machine.py) and the endpoint (endpoint.py), each finding with its fix.

    Finding("clock", "warn", "the endpoint's clock is 94 s ahead", "set the clock: timedatectl set-ntp true")

Settings are checked by the very functions that a run uses; cli/diagnose/doctor.py calls them through `attempt`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from blossom_data.errors import BlossomError

OK, WARN, FAIL = "ok", "warn", "fail"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at."""

    name: str
    state: str
    """ok, warn or fail."""
    told: str
    fix: str = ""


def attempt(name: str, look: Callable[[], str]) -> Finding:
    """What `look` tells, or the error that it raises as a finding."""
    try:
        return Finding(name, OK, look())
    except BlossomError as why:
        return Finding(name, FAIL, str(why), why.hint)

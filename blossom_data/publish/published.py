"""What a publish comes to, wherever the versions lie, and the name that a new one gets.

Published(name="math", version="2026-01-31T030000Z-ab12cd34", path=..., previous=None, is_new=True, ...)
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

_STAMP = "%Y-%m-%dT%H%M%SZ"


@dataclass(frozen=True, slots=True, kw_only=True)
class Published:
    """What a publish came to."""

    name: str
    version: str
    path: Path
    manifest: Mapping[str, Any]
    previous: str | None
    """The version that was `current` before; equal to `version` when nothing changed."""
    is_new: bool
    """False: this content had a version already, and no new one was made."""


def new_name(names: Sequence[str], content: str, now: datetime) -> str:
    """A version's name behind those of all others, `names` in their order, even when the clock went back."""
    stamp = now.astimezone(UTC).strftime(_STAMP)
    if names and stamp <= (newest := names[-1][: len(stamp)]):
        later = datetime.strptime(newest, _STAMP).replace(tzinfo=UTC) + timedelta(seconds=1)
        stamp = later.strftime(_STAMP)
    return f"{stamp}-{content[:8]}"

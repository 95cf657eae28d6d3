"""The signals that end a run: who listens to them, and how the end is told.

for number in heard(): ...              SIGINT, SIGTERM, SIGHUP, but for those that are ignored from the start
raise stopped_by(signal.SIGINT)         "stopped by SIGINT; replies that were paid for are kept"
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from types import FrameType

from blossom_data.errors import Interrupted

STOPPING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def heard() -> list[signal.Signals]:
    """The signals to listen to: one that is ignored from the start (nohup, a shell's background job) stays ignored."""
    return [number for number in STOPPING if signal.getsignal(number) is not signal.SIG_IGN]


def stopped_by(number: int) -> Interrupted:
    """The error of a run that a signal has ended."""
    name = signal.Signals(number).name
    return Interrupted(f"stopped by {name}; replies that were paid for are kept", signal_number=number)


def noting(got: list[int]) -> Callable[[int, FrameType | None], None]:
    """A handler that adds the first signal to `got`, for who looks there between two steps; the second ends at once."""

    def note(number: int, frame: FrameType | None) -> None:
        got.append(number)
        if len(got) > 1:
            os._exit(128 + number)

    return note

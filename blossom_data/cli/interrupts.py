"""Ctrl-C before, in and behind a command: no traceback at any moment, and what has begun cleans up behind itself.

before      modules are imported, flags are read: the process leaves at once with 130 (see __main__.py, too)
in          KeyboardInterrupt, or what the command sets itself: a run drains, a refresh writes its result
behind      all is printed and closed: the process leaves at once
"""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager

EXIT_CODE = 128 + signal.SIGINT


def leave_at_once() -> None:
    """Makes Ctrl-C end the process without a word; one that is ignored from the start (nohup) stays ignored."""
    if _is_heard():
        signal.signal(signal.SIGINT, _leave)


@contextmanager
def cleaning_up() -> Iterator[None]:
    """Makes Ctrl-C a KeyboardInterrupt while the block lasts."""
    is_heard = _is_heard()
    if is_heard:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        yield
    finally:
        if is_heard:
            signal.signal(signal.SIGINT, _leave)


def is_interrupt(why: BaseException | None) -> bool:
    """Whether an error is what a library made of a KeyboardInterrupt, that lies behind it."""
    while why is not None and not isinstance(why, KeyboardInterrupt):
        why = why.__cause__ or why.__context__
    return why is not None


def _leave(number: int, frame: object) -> None:
    os._exit(EXIT_CODE)


def _is_heard() -> bool:
    handler = signal.getsignal(signal.SIGINT)
    # None: a handler that is none of Python's, whose process we are only called in.
    return handler is not None and handler is not signal.SIG_IGN

"""Ctrl-C in a command: what has begun cleans up behind itself.

before      modules are imported, flags are read: the process leaves at once with 130 (blossom_data/__main__.py)
in          an Interrupted, or what the command sets itself: a run drains, a refresh writes its result
behind      all is printed and closed: the process leaves at once
"""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager

from blossom_data.errors import BlossomError, Interrupted


@contextmanager
def cleaning_up() -> Iterator[None]:
    """Makes Ctrl-C an Interrupted while the block lasts; one that is ignored from the start (nohup) stays so."""
    before = signal.getsignal(signal.SIGINT)
    # None: a handler that is none of Python's, in whose process we are only called.
    if before is None or before is signal.SIG_IGN:
        yield
        return
    signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        yield
    except KeyboardInterrupt as why:
        raise _interrupted() from why
    except Exception as why:
        if _is_interrupt(why) and not isinstance(why, BlossomError):
            raise _interrupted() from why
        raise
    finally:
        signal.signal(signal.SIGINT, before)


def _interrupted() -> Interrupted:
    return Interrupted("stopped by SIGINT", signal_number=signal.SIGINT)


def _is_interrupt(why: BaseException | None) -> bool:
    """Whether an error is what a library made of a KeyboardInterrupt, that lies behind it."""
    while why is not None and not isinstance(why, KeyboardInterrupt):
        why = why.__cause__ or why.__context__
    return why is not None

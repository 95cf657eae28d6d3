"""How the thread that commits wakes the coroutines that wait for it: one call into each event loop."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterable

Waiting = tuple[asyncio.AbstractEventLoop, "asyncio.Future[None]"]


def wake(waiting: Iterable[Waiting], problem: Exception | None) -> None:
    """Ends the futures that wait, with `problem` where there is one."""
    by_loop: dict[asyncio.AbstractEventLoop, list[asyncio.Future[None]]] = {}
    for loop, future in waiting:
        by_loop.setdefault(loop, []).append(future)

    def settle(futures: list[asyncio.Future[None]]) -> None:
        for future in futures:
            if future.cancelled():
                continue
            if problem:
                future.set_exception(problem)
            else:
                future.set_result(None)

    for loop, futures in by_loop.items():
        # A loop that is closed has nobody left who waits; it may be closed between any question and this call.
        with contextlib.suppress(RuntimeError):
            loop.call_soon_threadsafe(settle, futures)

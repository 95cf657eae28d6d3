"""An input that may stall (standard input, a hub), read by a thread of its own: the run goes on meanwhile.

    feed = Piped(blocks)
    await feed.take()       (0, (record, stages)); None at the end

While the next row is not there, replies are received and stored, and signals are heard. It costs some microseconds a
record, so files are read without it.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections import deque
from collections.abc import Iterable

from blossom_data.engine import Work

_AHEAD = 1_000
"""Records read before they are wanted."""


class Piped:
    """A Feed (engine.py) of what `work` gives; make it on the event loop that takes from it.

    The thread is a daemon: one that waits for a row when the run ends keeps nothing from ending.
    """

    def __init__(self, work: Iterable[Work]) -> None:
        self._items: deque[tuple[int, Work] | BaseException | None] = deque()
        self._room = threading.Semaphore(_AHEAD)
        self._arrived = asyncio.Event()
        self._is_stopped = False
        self._loop = asyncio.get_running_loop()
        threading.Thread(target=self._read, args=(work,), name="input", daemon=True).start()

    async def take(self) -> tuple[int, Work] | None:
        """The next item and its number, None behind the last and after `stop`.

        Raises:
            BlossomError: what reading raised.
        """
        while not self._items and not self._is_stopped:
            self._arrived.clear()
            # What came before the line above has set nothing that is still set.
            if not self._items:
                await self._arrived.wait()
        if self._is_stopped:
            return None
        item = self._items[0]
        if isinstance(item, BaseException):
            raise item
        if item is not None:
            self._items.popleft()
            self._room.release()
        return item

    def stop(self) -> None:
        """Nothing more is wanted: who waits for an item gets None."""
        self._is_stopped = True
        self._arrived.set()

    def _read(self, work: Iterable[Work]) -> None:
        try:
            for item in enumerate(work):
                self._room.acquire()
                self._tell(item)
            self._tell(None)
        except BaseException as why:  # whatever ends the reading has to end the run
            self._tell(why)

    def _tell(self, item: tuple[int, Work] | BaseException | None) -> None:
        self._items.append(item)
        if not self._arrived.is_set():
            with contextlib.suppress(RuntimeError):  # the loop is closed: the run has ended
                self._loop.call_soon_threadsafe(self._arrived.set)

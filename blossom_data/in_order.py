"""Puts what is finished in any order back into the order of the input.

order = InOrder(sink, window=2_000)
order.put(1, "b"); order.put(0, "a")        sink(0, "a"), sink(1, "b")
"""

from __future__ import annotations

import asyncio
import heapq
from collections.abc import Callable
from typing import Generic, TypeVar

Item = TypeVar("Item")


class InOrder(Generic[Item]):
    """Hands items on in the order of their index, and keeps workers from running more than `window` ahead."""

    def __init__(self, sink: Callable[[int, Item], None], window: int) -> None:
        self._sink, self._window = sink, window
        self._next = 0
        self._done: dict[int, Item] = {}
        self._waiting: list[tuple[int, asyncio.Future[None]]] = []

    def room(self, index: int) -> asyncio.Future[None] | None:
        """None when `index` lies within the window, else what ends when it does or `open` is called."""
        if index < self._next + self._window:
            return None
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        heapq.heappush(self._waiting, (index, turn))
        return turn

    def put(self, index: int, item: Item) -> None:
        self._done[index] = item
        while (ready := self._done.pop(self._next, None)) is not None:
            self._sink(self._next, ready)
            self._next += 1
        while self._waiting and self._waiting[0][0] < self._next + self._window:
            self._wake()

    def open(self) -> None:
        """Wakes all who wait: the run is stopping."""
        while self._waiting:
            self._wake()

    def _wake(self) -> None:
        _, turn = heapq.heappop(self._waiting)
        if not turn.done():
            turn.set_result(None)

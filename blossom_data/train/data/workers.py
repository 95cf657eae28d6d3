"""Work on batches in several processes, its outcomes in the order of the batches.

    for rows, outcomes in worked(maker, batches, workers=4): ...

A batch is handed out when a process is free, so that memory does not grow with the input. Each process works on its own
core: what libraries do in threads of their own is done in one.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
import sys
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from typing import Any, Protocol

from blossom_data.errors import BlossomError
from blossom_data.rows import BadRow, Row

_AHEAD = 2
"""Batches that wait for each process."""
_BATCH_RECORDS = 512
_BATCH_CHARACTERS = 1 << 20
_THREADS = "TOKENIZERS_PARALLELISM"

Rows = Sequence[Row | BadRow]


class Maker(Protocol):
    """Makes outcomes of rows, and counts on the side."""

    def make(self, rows: Rows, first: int) -> list[Any]:
        """An outcome for each row; `first` is the number of the first of them in the whole input."""

    def take_counts(self) -> tuple[int, ...]:
        """What was counted since the last time."""

    def add_counts(self, counts: tuple[int, ...]) -> None:
        """Adds what another process counted."""


def worked(maker: Maker, batches: Iterable[Rows], *, first: int, workers: int) -> Iterator[tuple[Rows, list[Any]]]:
    """Each batch with its outcomes, in order.

    Args:
        first: the number of the first row in the whole input.

    Raises:
        BlossomError: what `make` raised, or a process was killed.
    """
    if workers == 1:
        for rows in batches:
            yield rows, maker.make(rows, first)
            first += len(rows)
        return
    # Forked processes have the maker as it is; elsewhere it is sent to them.
    context = multiprocessing.get_context("fork" if sys.platform == "linux" else "spawn")
    with _one_thread_each(), ProcessPoolExecutor(workers, context, _begin, (maker,)) as pool:
        try:
            yield from _spread(pool, maker, batches, first, workers * _AHEAD)
        except BrokenProcessPool as why:
            raise BlossomError(
                "a process of this run was killed", hint="is there memory for all of them? give fewer --workers"
            ) from why
        finally:
            pool.shutdown(wait=True, cancel_futures=True)


def _spread(
    pool: ProcessPoolExecutor, maker: Maker, batches: Iterable[Rows], first: int, most: int
) -> Iterator[tuple[Rows, list[Any]]]:
    waiting: deque[tuple[Rows, Future[tuple[list[Any], tuple[int, ...]]]]] = deque()
    for rows in batches:
        waiting.append((rows, pool.submit(_make, rows, first)))
        first += len(rows)
        while len(waiting) > most or (waiting and waiting[0][1].done()):
            yield _ended(maker, *waiting.popleft())
    while waiting:
        yield _ended(maker, *waiting.popleft())


def _ended(maker: Maker, rows: Rows, future: Future[tuple[list[Any], tuple[int, ...]]]) -> tuple[Rows, list[Any]]:
    outcomes, counts = future.result()
    maker.add_counts(counts)
    return rows, outcomes


@contextlib.contextmanager
def _one_thread_each() -> Iterator[None]:
    before = os.environ.get(_THREADS)
    os.environ[_THREADS] = "false"
    try:
        yield
    finally:
        if before is None:
            del os.environ[_THREADS]
        else:
            os.environ[_THREADS] = before


_maker: list[Maker] = []
"""The maker of this process, where it is one of several."""


def _begin(maker: Maker) -> None:
    # Ctrl-C reaches all processes of a terminal; the first one ends the others.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    maker.take_counts()
    _maker[:] = [maker]


def _make(rows: Rows, first: int) -> tuple[list[Any], tuple[int, ...]]:
    (maker,) = _maker
    return maker.make(rows, first), maker.take_counts()


def row_batches(rows: Iterable[Row | BadRow]) -> Iterator[Rows]:
    """The rows, several at once, bounded in number and size."""
    batch: list[Row | BadRow] = []
    size = 0
    for row in rows:
        batch.append(row)
        size += _size(row.value) if isinstance(row, Row) else 0
        if len(batch) >= _BATCH_RECORDS or size >= _BATCH_CHARACTERS:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch


def _size(value: object) -> int:
    """About how many characters a row holds."""
    if isinstance(value, str):
        return len(value)
    if isinstance(value, dict):
        return sum(map(_size, value.values()))
    return sum(map(_size, value)) if isinstance(value, list) else 8

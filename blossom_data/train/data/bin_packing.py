"""Documents into rows, all of them at once and none of them cut.

    lengths 1500, 900, 600, 548, 448 in rows of 2,048   ->   [900, 600, 548], [1500, 448]

Two ways, of which the one with fewer rows is taken (best fit where they tie):

    best fit   decreasing: the longest document first, each into the row with the least room that still holds it
    exact fit  rows are filled with documents as they are drawn; as soon as one or two documents fill a row to the
               last token, they do

Best fit wins where many documents are longer than half a row, exact fit where they are short and alike. Both take the
time of a few integer operations of `capacity` bits a document.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Numbers = NDArray[np.int64]


def pack_rows(lengths: Numbers, capacity: int, seed: int) -> tuple[Numbers, Numbers]:
    """Packs documents of `lengths` (each 1 to `capacity`) into rows of `capacity` tokens.

    The order of rows, and of documents within a row, is drawn from `seed`.

    Returns:
        order: int64 [documents], the documents row by row; starts: int64 [rows + 1], where in `order` each row begins.
    """
    random = np.random.default_rng(seed)
    drawn = random.permutation(len(lengths))
    rows = min((best_fit(lengths, drawn, capacity), exact_fit(lengths, drawn, capacity)), key=_count)
    count = _count(rows)
    rows = random.permutation(count)[rows]
    order = np.lexsort((random.random(len(rows)), rows)).astype(np.int64)
    starts = np.zeros(count + 1, dtype=np.int64)
    np.cumsum(np.bincount(rows, minlength=count), out=starts[1:])
    return order, starts


def best_fit(lengths: Numbers, drawn: Numbers, capacity: int) -> Numbers:
    """The row of each document by best-fit-decreasing; documents of one length go in the order `drawn`."""
    falling = drawn[np.argsort(-lengths[drawn], kind="stable")]
    chosen = np.zeros(len(lengths), dtype=np.int64)
    rows_with: list[list[int]] = [[] for _ in range(capacity + 1)]
    # Bit r is set where some row has r tokens of room; the lowest bit from `length` on is the least room that suffices.
    room_bits, row_count = 0, 0
    for document in falling:
        length = int(lengths[document])
        suffices = room_bits >> length
        if suffices:
            room = length + (suffices & -suffices).bit_length() - 1
            row = rows_with[room].pop()
            if not rows_with[room]:
                room_bits ^= 1 << room
        else:
            room, row, row_count = capacity, row_count, row_count + 1
        chosen[document] = row
        if rest := room - length:
            rows_with[rest].append(row)
            room_bits |= 1 << rest
    return chosen


def exact_fit(lengths: Numbers, drawn: Numbers, capacity: int) -> Numbers:
    """The row of each document when rows are filled in the order `drawn` and completed to the last token."""
    chosen = np.zeros(len(lengths), dtype=np.int64)
    stock = _Stock(lengths, drawn, capacity)
    row = 0
    while stock.bits:
        room = capacity
        while room:
            taken = stock.completing(room) or stock.next_fitting(room)
            if not taken:
                break
            chosen[taken] = row
            room -= int(lengths[taken].sum())
        row += 1
    return chosen


class _Stock:
    """The documents that are not in a row yet, by length and in the order in which they are drawn."""

    def __init__(self, lengths: Numbers, drawn: Numbers, capacity: int) -> None:
        self._lengths, self._drawn, self._capacity = lengths, drawn, capacity
        self._by_length = drawn[np.argsort(lengths[drawn], kind="stable")]
        self._left = np.bincount(lengths, minlength=capacity + 1).tolist()
        self._next = np.concatenate(([0], np.cumsum(self._left)[:-1])).tolist()
        self._is_used = bytearray(len(lengths))
        self._position = 0
        # Bit n of `bits` is set where a document of n tokens is left, and so is bit capacity - n of `_mirrored`.
        present = [length for length, left in enumerate(self._left) if left]
        self.bits = sum(1 << length for length in present)
        self._mirrored = sum(1 << (capacity - length) for length in present)

    def completing(self, room: int) -> list[int]:
        """One document, else two, of `room` tokens together."""
        if self._left[room]:
            return [self._take(room)]
        pairs = self.bits & (self._mirrored >> (self._capacity - room))
        if room % 2 == 0 and self._left[room // 2] == 1:
            pairs &= ~(1 << (room // 2))
        if not pairs:
            return []
        longer = pairs.bit_length() - 1
        return [self._take(longer), self._take(room - longer)]

    def next_fitting(self, room: int) -> list[int]:
        """The next document drawn where it fits, else the longest that does."""
        while self._position < len(self._drawn) and self._is_used[self._drawn[self._position]]:
            self._position += 1
        if self._position < len(self._drawn):
            document = int(self._drawn[self._position])
            if self._lengths[document] <= room:
                self._use(document)
                return [document]
        fitting = self.bits & ((1 << (room + 1)) - 1)
        return [self._take(fitting.bit_length() - 1)] if fitting else []

    def _take(self, length: int) -> int:
        place = self._next[length]
        while self._is_used[self._by_length[place]]:
            place += 1
        self._next[length] = place + 1
        document = int(self._by_length[place])
        self._use(document)
        return document

    def _use(self, document: int) -> None:
        length = int(self._lengths[document])
        self._is_used[document] = 1
        self._left[length] -= 1
        if not self._left[length]:
            self.bits ^= 1 << length
            self._mirrored ^= 1 << (self._capacity - length)


def _count(rows: Numbers) -> int:
    return int(rows.max(initial=-1)) + 1

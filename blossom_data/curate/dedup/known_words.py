"""Which words the set itself knows: those that stand in several of its blocks. A misspelling stands in few.

    known = KnownWords()
    known.add(codes)            the words of one block
    known.has(code)

Counted are blocks, in 4 MB whatever the size of the set: a small set knows nothing. Rows beyond the first two million
change nothing of it.
"""

from __future__ import annotations

import numpy as np

from blossom_data.curate.dedup.signatures import Array, mixed

_BITS = 22
_MOST = 255
_KNOWN_BLOCKS = 4
_BLOCKS_COUNTED = 2_000


class KnownWords:
    """Counts of blocks by the hash of a word."""

    def __init__(self) -> None:
        self._counts = np.zeros(1 << _BITS, np.uint8)
        self._blocks = 0

    def add(self, codes: Array) -> None:
        """Counts the words of one block, each once."""
        if self._blocks == _BLOCKS_COUNTED:
            return
        self._blocks += 1
        places = mixed(codes) >> np.uint64(64 - _BITS)
        found = self._counts[places]
        # A place that comes twice is written twice with the same value.
        self._counts[places] = found + (found < _MOST)

    def has(self, code: int) -> bool:
        place = int(mixed(np.array([code], np.uint64))[0]) >> (64 - _BITS)
        return int(self._counts[place]) >= _KNOWN_BLOCKS

"""What the set itself knows of its language: which words are words, and which stand side by side.

    evidence.is_known(code)              the word stands in several blocks of the set
    evidence.is_seen(code, code)         so do these two, side by side (words of grammar between them left out)

A misspelling is no word that is known; two words that never stand side by side have lost one between them. Counted are
blocks, in a table of fixed size: a small set knows nothing. Rows beyond the first two million change nothing of it.
"""

from __future__ import annotations

import numpy as np

from blossom_data.curate.dedup.signatures import Array, bigram, unigram

_BITS = 26
_MOST = 255
_KNOWN_BLOCKS = 4
_SEEN_BLOCKS = 2
_BLOCKS_COUNTED = 2_000


class Evidence:
    """Counts of blocks by shingle; 64 MB at most, of which a small set touches little."""

    def __init__(self) -> None:
        self._counts = np.zeros(1 << _BITS, np.uint8)
        self._blocks = 0

    def add(self, hashes: Array) -> None:
        """Counts the shingles of one block, each once."""
        if self._blocks == _BLOCKS_COUNTED:
            return
        self._blocks += 1
        places = hashes >> np.uint64(64 - _BITS)
        found = self._counts[places]
        # A place that comes twice is written twice with the same value.
        self._counts[places] = found + (found < _MOST)

    def is_known(self, code: int) -> bool:
        return self._of(unigram(code)) >= _KNOWN_BLOCKS

    def is_seen(self, first: int, second: int) -> bool:
        return self._of(bigram(first, second)) >= _SEEN_BLOCKS

    def _of(self, shingle: int) -> int:
        return int(self._counts[shingle >> (64 - _BITS)])

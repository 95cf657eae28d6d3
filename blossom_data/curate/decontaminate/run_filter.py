"""Which texts share enough runs of words with the test items to hold one: few do, the others need no further look.

    runs = RunFilter({5: {(code, code, code, code, code): 3, ...}})
    runs.suspects([codes, ...])       bool of each text

With each run comes how many runs at least an item that has it wants. The runs of a whole block of texts are hashed at
once; a table tells most of them from those of the items, the sorted hashes of the items the rest. A text that is
shorter than a run is always a suspect.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from blossom_data.curate.tokens import COURTESY, KIND_BITS

Array = Any
"""A numpy array."""
_TABLE_BITS = 22
_CODE_BYTES = 8
_KIND = np.uint64((1 << KIND_BITS) - 1)
_FACTOR, _LAST = np.uint64(0x9E3779B97F4A7C15), np.uint64(0xFF51AFD7ED558CCD)


class RunFilter:
    """The hashes of the runs of all items, by the length of a run in tokens."""

    def __init__(self, runs: Mapping[int, Mapping[tuple[int, ...], int]]) -> None:
        self._hashes: dict[int, Array] = {}
        self._least: dict[int, Array] = {}
        self._tables: dict[int, Array] = {}
        for length, found in runs.items():
            codes = np.array(list(found), np.uint64).reshape(len(found), length)
            hashes = _hashes([codes[:, place] for place in range(length)])
            self._hashes[length], at = np.unique(hashes, return_inverse=True)
            self._least[length] = np.full(len(self._hashes[length]), np.iinfo(np.int32).max, np.int32)
            np.minimum.at(self._least[length], at, np.array(list(found.values()), np.int32))
            self._tables[length] = np.zeros(1 << _TABLE_BITS, bool)
            self._tables[length][_places(hashes)] = True
        self._longest = max(runs, default=0)

    def suspects(self, texts: Sequence[bytes]) -> Array:
        """Whether each text, as packed codes, may hold an item; words of courtesy count for nothing."""
        codes = np.frombuffer(b"".join(texts), np.uint64)
        text_of = np.repeat(np.arange(len(texts)), [len(text) // _CODE_BYTES for text in texts])
        is_told = (codes & _KIND) != COURTESY
        codes, text_of = codes[is_told], text_of[is_told]
        found = np.bincount(text_of, minlength=len(texts)) < self._longest
        for length, known in self._hashes.items():
            count = len(codes) - length + 1
            if count < 1:
                continue
            hashes = _hashes([codes[start : start + count] for start in range(length)])
            is_inside = text_of[:count] == text_of[length - 1 :]
            likely = np.flatnonzero(self._tables[length][_places(hashes)] & is_inside)
            at = np.minimum(np.searchsorted(known, hashes[likely]), len(known) - 1)
            is_run = known[at] == hashes[likely]
            owners = text_of[likely[is_run]]
            least = np.full(len(texts), np.iinfo(np.int32).max, np.int64)
            np.minimum.at(least, owners, self._least[length][at[is_run]])
            found |= np.bincount(owners, minlength=len(texts)) >= least
        return found


def _hashes(columns: Sequence[Array]) -> Array:
    """A hash of each row of codes, which are given column by column."""
    mixed = columns[0] * _FACTOR
    for column in columns[1:]:
        mixed = ((mixed ^ (mixed >> np.uint64(32))) + column) * _FACTOR
    return (mixed ^ (mixed >> np.uint64(29))) * _LAST


def _places(hashes: Array) -> Array:
    return (hashes >> np.uint64(64 - _TABLE_BITS)).astype(np.int64)

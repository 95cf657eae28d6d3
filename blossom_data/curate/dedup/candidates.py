"""Which rows are worth comparing: those that share a band key, each with few others, however many share it.

    with BandFiles() as bands:
        bands.add(keys)                     uint32 [BANDS, rows of a block]
        for pairs in bands.pairs(...): ...  int64 [n, 2], the better row first

The keys lie in the temporary folder, a file for each band, and are read one band at a time: 4 bytes a row and band on
disk, about 40 bytes a row in memory. Where very many rows share a key (a template filled in thousands of times) they
are grouped anew by their rarest words, and of what is still one group each row meets the best few alone.
"""

from __future__ import annotations

import tempfile
from collections import Counter, OrderedDict
from collections.abc import Callable, Iterator, Sequence
from types import TracebackType
from typing import Self

import numpy as np

from blossom_data.curate.dedup.signatures import BANDS, Array
from blossom_data.errors import BlossomError

_MOST_FULL = 24
"""Rows of one key that are all compared with each other."""
_MOST_BEST = 12
"""Of more than that, and with equal rarest words: so many best ones each row is compared with."""
_MOST_ALONE = 3
"""And so many, where it shares no rare word with any."""
_CACHED = 50_000
_KEY_SHIFT, _RANK = np.uint64(32), np.uint64(0xFFFFFFFF)
Words = Callable[[int], Sequence[int]]
"""The codes of the content words of a row, by its place."""


class BandFiles:
    """The band keys of all rows, on disk."""

    def __init__(self) -> None:
        self._files = [tempfile.TemporaryFile() for _ in range(BANDS)]  # noqa: SIM115

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, why: BaseException | None, at: TracebackType | None) -> None:
        for file in self._files:
            file.close()

    def add(self, keys: Array) -> None:
        """Keeps the keys of one more block of rows."""
        try:
            for band, file in enumerate(self._files):
                file.write(keys[band].tobytes())
        except OSError as why:
            raise BlossomError(
                f"cannot keep the signatures ({why.strerror})", hint="free some space in the temporary folder (TMPDIR)"
            ) from why

    def pairs(self, rank: Array, is_open: Array, words: Words) -> Iterator[Array]:
        """Pairs of rows that share a key, band by band.

        Args:
            rank: int32 of each row, smaller is better: of a pair the better one comes first.
            is_open: bool of each row: whether it is to be compared at all.
            words: content words of a row; asked for rows of large groups only.
        """
        rarest = _Rarest(words)
        for file in self._files:
            file.seek(0)
            keys = np.frombuffer(file.read(), np.uint32)
            yield pairs_of(keys, rank, is_open & (keys != 0), rarest)


def pairs_of(keys: Array, rank: Array, is_open: Array, rarest: _Rarest | None) -> Array:
    """Pairs of rows with equal keys, the better one first; `rarest` None: large groups are not grouped anew."""
    places = np.flatnonzero(is_open)
    # By key, and within a key the best first.
    if keys.dtype == np.uint32:
        # Sorting one number of both is ten times faster than sorting by two.
        packed = np.sort(keys[places].astype(np.uint64) << _KEY_SHIFT | rank[places].astype(np.uint64))
        by_rank = np.empty(len(rank), np.int64)
        by_rank[rank] = np.arange(len(rank))
        places, of = by_rank[(packed & _RANK).astype(np.int64)], packed >> _KEY_SHIFT
    else:
        places = places[np.lexsort((rank[places], keys[places]))]
        of = keys[places]
    starts = np.flatnonzero(np.concatenate([[True], of[1:] != of[:-1]])) if len(of) else np.zeros(0, np.int64)
    sizes = np.diff(np.append(starts, len(of)))
    found = [np.zeros((0, 2), np.int64)]
    for size in np.unique(sizes[(sizes > 1) & (sizes <= _MOST_FULL)]):
        groups = places[starts[sizes == size][:, None] + np.arange(size)]
        first, second = np.triu_indices(size, 1)
        found.append(np.stack([groups[:, first].ravel(), groups[:, second].ravel()], axis=1))
    for start, size in zip(starts[sizes > _MOST_FULL], sizes[sizes > _MOST_FULL], strict=True):
        members = places[start : start + size]
        found += map(_with_best, [members] if rarest is None else rarest.groups(members))
    return np.concatenate(found)


def _with_best(group: Array) -> Array:
    """Each row of a group (best first) with the best few before it."""
    best = min(_MOST_BEST if len(group) > _MOST_FULL else len(group), len(group) - 1)
    pairs = [np.stack([np.full(len(group) - place - 1, group[place]), group[place + 1 :]], 1) for place in range(best)]
    return np.concatenate(pairs) if pairs else np.zeros((0, 2), np.int64)


class _Rarest:
    """Cuts a large group by the words that are rare in it: what a template is filled with."""

    def __init__(self, words: Words) -> None:
        self._words = words
        self._cache: OrderedDict[int, frozenset[int]] = OrderedDict()

    def groups(self, members: Array) -> Iterator[Array]:
        """Rows that share one of their two rarest words, best first; a row without such a word meets the best few."""
        counts = Counter(word for member in members for word in self._of(int(member)))
        by_word: dict[int, list[int]] = {}
        for member in members:
            rare = [word for word in self._of(int(member)) if 1 < counts[word] <= len(members) // 2]
            for word in sorted(rare, key=lambda word: (counts[word], word))[:2]:
                by_word.setdefault(word, []).append(int(member))
            if not rare:
                best = [other for other in members[:_MOST_ALONE] if other != member]
                yield from (np.array([other, member], np.int64) for other in best)
        for group in by_word.values():
            if len(group) > 1:
                yield np.array(group, np.int64)

    def _of(self, place: int) -> frozenset[int]:
        found = self._cache.get(place)
        if found is None:
            if len(self._cache) >= _CACHED:
                self._cache.popitem(last=False)
            found = self._cache[place] = frozenset(self._words(place))
        return found

"""Counts that stay small whatever the data holds: of names, of lengths, of requests that repeat themselves."""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Hashable, Iterable
from typing import Generic, TypeVar

Name = TypeVar("Name", bound=Hashable)
_SIGNIFICANT_BITS = 5
_BUCKETS = 64
_BATCH = 4_096


class NameCounts(Generic[Name]):
    """How often each name occurs; once there are `most` of them, new ones are only counted together."""

    def __init__(self, most: int) -> None:
        self._most = most
        self.counts: Counter[Name] = Counter()
        self.others = 0
        """Occurrences of names beyond the most."""

    def add(self, name: Name, times: int = 1) -> bool:
        """Counts `name`; False where it is one too many."""
        if name in self.counts or len(self.counts) < self._most:
            self.counts[name] += times
            return True
        self.others += times
        return False

    def ordered(self) -> list[tuple[Name, int]]:
        """The most frequent first, equal ones by name."""
        return sorted(self.counts.items(), key=lambda pair: (-pair[1], str(pair[0])))


class Lengths:
    """How long things are, in bins of three percent: quantiles without keeping the lengths."""

    def __init__(self) -> None:
        self._bins: Counter[int] = Counter()
        self._new = array("Q")
        self._longest = 0

    @property
    def longest(self) -> int:
        """The largest of all lengths."""
        self._bin()
        return self._longest

    def extend(self, lengths: Iterable[int]) -> None:
        """Counts many; each is from 0 on."""
        self._new.extend(lengths)
        if len(self._new) >= _BATCH:
            self._bin()

    def _bin(self) -> None:
        """Puts what came last into its bins."""
        for length, count in Counter(self._new).items():
            spare = length.bit_length() - _SIGNIFICANT_BITS
            self._bins[length >> spare << spare if spare > 0 else length] += count
            self._longest = max(self._longest, length)
        del self._new[:]

    def merge(self, other: Lengths) -> None:
        """Adds the counts of `other`."""
        other._bin()
        self._bins.update(other._bins)
        self._longest = max(self._longest, other._longest)

    def quantiles(self, shares: Iterable[float]) -> list[int]:
        """The lengths that these shares, rising from 0 to 1, do not exceed."""
        self._bin()
        total, passed, found = self._bins.total(), 0, []
        ordered = iter(sorted(self._bins.items()))
        length = 0
        for share in shares:
            while passed < share * total:
                length, count = next(ordered)
                passed += count
            found.append(min(length + (1 << max(0, length.bit_length() - _SIGNIFICANT_BITS)) // 2, self._longest))
        return found

    def by_octave(self) -> dict[int, int]:
        """How many are shorter than each power of two, and not than the one before."""
        self._bin()
        found: Counter[int] = Counter()
        for length, count in self._bins.items():
            found[1 << length.bit_length()] += count
        return dict(sorted(found.items()))


class Repeats:
    """How many texts stand more than once, by their hashes: 8 bytes a text."""

    def __init__(self) -> None:
        self._buckets = [array("q") for _ in range(_BUCKETS)]

    def add(self, text: str) -> None:
        """One text."""
        digest = hash(text)
        self._buckets[digest % _BUCKETS].append(digest)

    def found(self) -> tuple[int, int]:
        """How many distinct texts stand more than once, and how many texts these are in all."""
        distinct = texts = 0
        for bucket in self._buckets:
            times = [count for count in Counter(bucket).values() if count > 1]
            distinct += len(times)
            texts += sum(times)
        return distinct, texts

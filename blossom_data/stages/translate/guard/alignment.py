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
from blossom_data.stages.translate.lexicon import dictionary, taxonomy
from blossom_data.stages.translate.lexicon.stems import irregular, stem

_WORD = re.compile(r"[a-z\u00e0-\u024f]+(?:['’][a-z]+)?")
_NEXT_WORD = re.compile(r" ([a-z]{3,})\b")
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
        pieces = _pieces(chinese, 1, dictionary.MOST_CHARS)
        segments = list(islice(_segments(chinese, pieces), _MOST_SEGMENTS))
        glossed = frozenset().union(*(entry.renderings for _, _, entry in segments))
        self.english: list[Word] = []
        for found in said:
            word = found.group()
            if len(word) > 1 and word not in unsaid():
                weight, renderings = _renderings(word)
                is_rendered = (
                    _cover(word, renderings, chinese, pieces, covered) or stem(word) in glossed or not renderings
                )
                self.english.append(Word(word, found.start(), weight, is_rendered))
        keys = frozenset(stem(found.group()) for found in said)
        self.chinese = [
            Word(
                text,
                place,
                _noun_weight(entry.noun_share),
                1 in covered[place : place + len(text)] or not keys.isdisjoint(entry.renderings) or text in english,
            )
            for place, text, entry in segments
            if text not in unsaid_in_chinese()
        ]
        lost = [word for word in self.english if not word.is_rendered and word.weight]
        added = [word for word in self.chinese if not word.is_rendered]
        if lost:
            bare = "".join(" " if hidden else sign for sign, hidden in zip(chinese, covered, strict=True))
            near = _near_share(lost, added, bare)
            self.english = [
                word if word.is_rendered else _weighed(word, near, _is_name(word, english)) for word in self.english
            ]
            self.chinese = [word if word.is_rendered else _weighed(word, near, False) for word in self.chinese]


def _near_share(lost: Sequence[Word], added: Sequence[Word], bare: str) -> dict[str, float]:
    """What is left of the weight of a word that stands beside something near to it, in the bare rest of the text."""
    shares: dict[str, float] = {}
    pieces = _pieces(bare, 2, 4)
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


def relation(english: str, chinese: str) -> str:
    """How what an English word names stands to what a Chinese one does: OTHER, NEAR (see taxonomy.py) or ""."""
    entry = dictionary.chinese(chinese)
    return taxonomy.relation(english, entry.renderings) if entry else ""


@lru_cache(maxsize=20_000)
def _nearness(english: str, chinese: str) -> float:
    """By how many renderings of an English word share a telling character with a Chinese one: 1 for none."""
    if relation(english, chinese) == taxonomy.NEAR:
        return _NEAR_WEIGHT
    renderings = _renderings(english)[1]
    signs = frozenset(chinese) - unsaid_signs()
    shared = sum(not signs.isdisjoint(rendering) for rendering in renderings)
    return 1.0 if not shared else _NEAR_WEIGHT if shared >= _NEAR_SHARE * len(renderings) else _LOOSE_WEIGHT


def _is_name(word: Word, english: str) -> bool:
    """Whether the word has a capital inside a sentence, or opens one and has done something: Bob increased it."""
    if not english[word.place].isupper():
        return False
    if english[max(0, word.place - 2) : word.place].strip(" ").isalpha():
        return True
    after = _NEXT_WORD.match(english, word.place + len(word.text))
    return after is not None and (after[1].endswith("ed") or after[1] in irregular())


def _weighed(word: Word, near: dict[str, float], is_name: bool) -> Word:
    """A word with the weight that it has where it is missing: less for a name, and beside something near to it."""
    return word._replace(weight=word.weight * near.get(word.text, 1.0) * (_NAME_WEIGHT if is_name else 1.0))


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


def _segments(chinese: str, pieces: set[str]) -> Iterator[tuple[int, str, dictionary.Entry]]:
    """(place, word, its entry) where the longest match from the left and that from the right find the same word."""
    ends: dict[int, int] = {}
    starts: dict[int, int] = {}
    for word in dictionary.chinese_words(chinese).keys() & pieces:
        start = chinese.find(word)
        while start >= 0:
            end = start + len(word)
            ends[start] = max(end, ends.get(start, 0))
            starts[end] = min(start, starts.get(end, start))
            start = chinese.find(word, start + 1)
    from_right, end = set(), len(chinese)
    while end:
        from_right.add((starts.get(end, end - 1), end))
        end = starts.get(end, end - 1)
    start = 0
    while start < len(chinese):
        end = ends.get(start, start + 1)
        if end - start > 1 and (start, end) in from_right and (entry := dictionary.chinese(chinese[start:end])):
            yield start, chinese[start:end], entry
        start = end

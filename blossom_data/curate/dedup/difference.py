"""Whether two requests ask for the same, judged by what differs between them.

    compare(kept, other, known, 0.7)      Verdict(is_same=True, score=0.91, words="clips|clip +please")

    How many clips did Natalia sell?  /  Please: how many clip did natalia sell     the same
    Write a poem about cats           /  Write a poem about dogs                    not: another word in its place
    3 more apples than Ann            /  3 fewer apples than Ann                    not: its opposite

What may differ: case, width, punctuation, grammar and courtesy, the writing of numbers; a misspelling, an inflection;
half of the text that stands elsewhere; and, where there is much text around it, a single word (of a script with blanks)
that is lost. Everything else is another request: a word in place of another one, words in another order, other numbers,
negations, question words and forms.
"""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from dataclasses import dataclass

from blossom_data.curate.dedup.known_words import KnownWords
from blossom_data.curate.dedup.request import Request, Turn
from blossom_data.curate.lexicon import lexicon
from blossom_data.curate.tokens import CONTENT, COURTESY, FUNCTION, KIND_BITS, NUMBER, Token, is_single

_WORDS_PER_FAULT = 12
"""A word may be lost for every so many tokens of its turn."""
_WORDS_PER_MISSPELLING = 5
_MOVED_LEAST = 4
"""Tokens of a passage that counts as the same one elsewhere."""
_SPELT_LEAST, _SPELT_LONG = 6, 9
_MOST_COMPARED, _MOST_TURNED = 100_000_000, 5_000
"""Of two turns: tokens of one times tokens of the other that are aligned (12 MB), and tokens of a swapped text."""
_SHOWN_WORDS = 8
_KIND = (1 << KIND_BITS) - 1
_ARTICLES = frozenset(("one", "a", "an", "一"))
"""What a 1 may stand for."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether one request may stand for the other, how alike they are (Jaccard, 0 to 1), and the words that differ."""

    is_same: bool
    score: float
    words: str = ""


@dataclass(frozen=True, slots=True)
class _Span:
    """Tokens that stand in one text from `start` to `end`."""

    turn: Turn
    start: int
    end: int

    @property
    def codes(self) -> array[int]:
        return self.turn.codes[self.start : self.end]

    @property
    def texts(self) -> list[str]:
        return [token.text for token in self.turn.tokens(self.start, self.end)]

    def __len__(self) -> int:
        return self.end - self.start

    def content(self) -> list[int]:
        """The places of what is left when grammar and courtesy are taken away."""
        codes = self.turn.codes
        return [place for place in range(self.start, self.end) if codes[place] & _KIND not in (FUNCTION, COURTESY)]


def compare(kept: Request, other: Request, known: KnownWords, threshold: float) -> Verdict:
    """Whether `other` is a copy of `kept`."""
    if not _may_be_same(kept, other):
        return Verdict(False, 0.0)
    score = similarity(kept, other)
    if score < threshold:
        return Verdict(False, score)
    told: list[str] = []
    for one, another in zip(kept.turns, other.turns, strict=True):
        if not _Turns(one, another, known).are_same(told):
            return Verdict(False, score)
    return Verdict(True, score, " ".join(told[:_SHOWN_WORDS]) + (" ..." if len(told) > _SHOWN_WORDS else ""))


def similarity(one: Request, other: Request) -> float:
    """The Jaccard similarity of their shingles: content words and the bigrams of these."""
    first, second = one.shingles, other.shingles
    both = len(first & second)
    either = len(first) + len(second) - both
    return both / either if either else 1.0


def _may_be_same(kept: Request, other: Request) -> bool:
    """Whether all agrees that no difference of words can make good."""
    if kept.lang != other.lang or kept.count != other.count:
        return False
    pairs = zip(kept.labels, other.labels, strict=True) if kept.has_labels and other.has_labels else ()
    return all(one == another or not (one and another) for one, another in pairs)


class _Turns:
    """One turn of each of two requests."""

    def __init__(self, kept: Turn, other: Turn, known: KnownWords) -> None:
        self._a, self._b, self._known = kept, other, known

    def are_same(self, told: list[str]) -> bool:
        """Whether they ask the same; what differs is added to `told`."""
        if self._a.codes == self._b.codes or _is_turned(self._a.codes, self._b.codes):
            return True
        size = min(len(self._a.codes), len(self._b.codes))
        faults, misspellings = size // _WORDS_PER_FAULT, size // _WORDS_PER_MISSPELLING + 1
        differences = self._differences()
        if differences is None or _are_reordered(differences):
            return False
        for one, other in differences:
            cost = self._cost(one, other)
            if cost is None:
                return False
            faults -= cost[0]
            misspellings -= cost[1]
            if faults < 0 or misspellings < 0:
                return False
            if len(one) and len(other):
                told.append(f"{' '.join(one.texts)}|{' '.join(other.texts)}")
            else:
                told.append(f"-{' '.join(one.texts)}" if len(one) else f"+{' '.join(other.texts)}")
        return True

    def _differences(self) -> list[tuple[_Span, _Span]] | None:
        """The spans that differ, in order; a passage that has moved is none. None where too much differs to tell."""
        from rapidfuzz.distance import Indel

        first, second = self._a.codes, self._b.codes
        start = _common(first, second)
        end = _common(first[: start - 1 if start else None : -1], second[: start - 1 if start else None : -1])
        first, second = first[start : len(first) - end], second[start : len(second) - end]
        # The work and the memory of an alignment grow with the product.
        if len(first) * len(second) > _MOST_COMPARED:
            return None
        spans: list[tuple[_Span, _Span]] = []
        open_a = open_b = last_a = last_b = 0
        # What lies between two equal runs is one difference.
        for block in (*Indel.opcodes(first, second), None):
            if block is not None and block.tag != "equal":
                last_a, last_b = block.src_end, block.dest_end
                continue
            if last_a > open_a or last_b > open_b:
                places = (open_a + start, last_a + start), (open_b + start, last_b + start)
                spans.append((_Span(self._a, *places[0]), _Span(self._b, *places[1])))
            if block is not None:
                open_a = last_a = block.src_end
                open_b = last_b = block.dest_end
        return _without_moved(spans)

    def _cost(self, one: _Span, other: _Span) -> tuple[int, int] | None:
        """(words lost, words misspelt) of a difference; None where it is another request."""
        first, second = one.content(), other.content()
        if first and len(first) == len(second):
            pairs = zip(first, second, strict=True)
            if all(self._is_misspelt(self._a.token(a), self._b.token(b)) for a, b in pairs):
                return 0, len(first)
        if not _is_harmless(set(one.texts), set(other.texts)):
            return None
        if _spelled(self._a, first) in ("", "1") and _spelled(self._b, second) in ("", "1"):
            return 0, 0
        if first and second:
            return None
        lost, place = (self._a, first) if first else (self._b, second)
        return (1, 0) if self._may_be_lost(lost, place) else None

    def _may_be_lost(self, turn: Turn, places: list[int]) -> bool:
        """Whether a text with these words and one without them ask the same: one word; a character says more."""
        token = turn.token(places[0])
        if len(places) > 1 or token.kind != CONTENT or is_single(token.text):
            return False
        before = _neighbour(turn.codes, range(places[0] - 1, -1, -1))
        behind = _neighbour(turn.codes, range(places[0] + 1, len(turn.codes)))
        # At the end of a text, or beside a number, a word says more than in between.
        return before is not None and behind is not None and NUMBER not in (before & _KIND, behind & _KIND)

    def _is_misspelt(self, one: Token, other: Token) -> bool:
        """Whether one is an inflection or a misspelling of the other."""
        if one.text == other.text:
            return True
        if one.kind != CONTENT or other.kind != CONTENT or (one.text, other.text) in lexicon().opposites:
            return False
        short, long = sorted((one.text, other.text), key=len)
        if len(short) >= 3 and long in (short + end for end in ("s", "es", "d", "ed", "ing")):
            return True
        if len(short) < _SPELT_LEAST - 1 or len(long) < _SPELT_LEAST or short[0] != long[0]:
            return False
        if self._known.has(one.code) and self._known.has(other.code):
            return False
        from rapidfuzz.distance import OSA

        return OSA.distance(short, long) <= (1 if len(short) < _SPELT_LONG else 2)


def _is_harmless(left: set[str], right: set[str]) -> bool:
    """Whether no word that stands on one side alone turns the text into another one."""
    words = lexicon()
    if any((a, b) in words.opposites for a in left - right for b in right - left):
        return False
    alone = left ^ right
    return not alone & (words.negation | words.asking | words.form) and ("1" not in alone or bool(alone & _ARTICLES))


def _spelled(turn: Turn, places: list[int]) -> str:
    return "".join(turn.token(place).text for place in places)


def _common(one: Sequence[int], other: Sequence[int]) -> int:
    """How many tokens both begin with."""
    place = 0
    for a, b in zip(one, other, strict=False):
        if a != b:
            return place
        place += 1
    return place


def _is_turned(first: array[int], second: array[int]) -> bool:
    """Whether one text is the other with its two parts swapped."""
    size = len(first)
    if size != len(second) or not 2 * _MOVED_LEAST <= size <= _MOST_TURNED:
        return False
    cut = _MOVED_LEAST - 1
    while first[0] in second[cut + 1 : size - _MOVED_LEAST + 1]:
        cut = second.index(first[0], cut + 1)
        if second[cut:] == first[: size - cut] and second[:cut] == first[-cut:]:
            return True
    return False


def _neighbour(codes: Sequence[int], places: range) -> int | None:
    """The next word that shingles are made of."""
    return next((codes[place] for place in places if codes[place] & _KIND != COURTESY), None)


def _are_reordered(spans: list[tuple[_Span, _Span]]) -> bool:
    """Whether a word is taken away in one place and added in another: who does what to whom has changed."""
    gone = {one.turn.codes[place] for one, _ in spans for place in one.content()}
    come = {other.turn.codes[place] for _, other in spans for place in other.content()}
    return not gone.isdisjoint(come)


def _without_moved(spans: list[tuple[_Span, _Span]]) -> list[tuple[_Span, _Span]]:
    """The spans without one pair that is the same passage, here taken away and there added."""
    for place, (one, _) in enumerate(spans):
        for there, (_, other) in enumerate(spans):
            if place != there and len(one) >= _MOVED_LEAST and one.codes == other.codes:
                rest = [pair for number, pair in enumerate(spans) if number not in (place, there)]
                rest += [(spans[there][0], _Span(one.turn, 0, 0))] if len(spans[there][0]) else []
                rest += [(_Span(other.turn, 0, 0), spans[place][1])] if len(spans[place][1]) else []
                return rest
    return spans

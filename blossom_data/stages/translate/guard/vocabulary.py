"""Verbs and common words of instructions and questions, and how Chinese translations render them.

    verbs()["summarize"]     ->  ("总结", "概括", "归纳", ...)
    verbs_of()["总结"]       ->  {"summarize", "summarise", "conclude", ...}
    words()["poem"]          ->  ("诗",)
    singular()["stories"]    ->  "story"

An answer holds the topic's words, but hardly the words of the request: a poem about the sea does not say "poem". The
tables are for recognising a request; they are no dictionary.
"""

from __future__ import annotations

from functools import cache

from blossom_data.stages.translate.lexicon import Lexicon, renderings
from blossom_data.stages.translate.lexicon.stems import stem

_STOPWORDS = Lexicon("stopwords")


@cache
def verbs() -> dict[str, tuple[str, ...]]:
    """English base form -> renderings, any one of which is enough."""
    return renderings("verbs")


@cache
def verbs_of() -> dict[str, frozenset[str]]:
    """Chinese rendering -> the English verbs that it may stand for."""
    return _reversed(verbs())


@cache
def words() -> dict[str, tuple[str, ...]]:
    """English word (singular) -> renderings, any one of which is enough."""
    return {
        word: tuple(dict.fromkeys((*signs, *verbs().get(word, ()))))
        for word, signs in renderings("nouns", "nouns_more").items()
    }


@cache
def own_renderings() -> dict[str, tuple[str, ...]]:
    """Stem -> renderings that the tables beside the dictionary have."""
    found: dict[str, tuple[str, ...]] = {}
    for table in (renderings("nouns", "nouns_more"), verbs(), renderings("renderings")):
        for word, signs in table.items():
            found[stem(word)] = (*found.get(stem(word), ()), *signs)
    return {key: tuple(dict.fromkeys(signs)) for key, signs in found.items()}


def renderings_of(word: str) -> tuple[str, ...]:
    """Renderings of an English word in any of its forms, by the tables beside the dictionary."""
    return own_renderings().get(stem(word), ())


def _reversed(table: dict[str, tuple[str, ...]]) -> dict[str, frozenset[str]]:
    found: dict[str, set[str]] = {}
    for word, signs in table.items():
        for sign in signs:
            found.setdefault(sign, set()).add(word)
    return {sign: frozenset(english) for sign, english in found.items()}


@cache
def singular() -> dict[str, str]:
    """Every form of the words of words() -> the word."""
    forms: dict[str, str] = {}
    for word in words():
        if len(word) < 3:  # "his" is no plural of "hi"
            continue
        forms[word + "s"] = word
        forms[word + "es"] = word
        if word.endswith("y"):
            forms[word[:-1] + "ies"] = word
    return forms | {word: word for word in words()}


def frequent() -> frozenset[str]:
    """The most frequent words of English: enough to tell it from the others with Latin letters."""
    return _STOPWORDS.words("english")


@cache
def foreign() -> tuple[frozenset[str], ...]:
    """The most frequent words of other languages; a text with more of one of these than of frequent() is no English."""
    return tuple(frozenset(listed.split()) for listed in _STOPWORDS.table("foreign").values())


def unsaid() -> frozenset[str]:
    """English words that have no rendering of their own, or any."""
    return _STOPWORDS.words("unsaid")


def unsaid_in_chinese() -> frozenset[str]:
    """Chinese words that render none, or any."""
    return _STOPWORDS.words("unsaid_in_chinese")


def unsaid_signs() -> frozenset[str]:
    """Characters that stand in so many Chinese words that one in common tells nothing."""
    return _STOPWORDS.words("unsaid_signs")


def links() -> frozenset[str]:
    """Words that stand within names."""
    return _STOPWORDS.words("links")

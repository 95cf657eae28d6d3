"""English words without their endings, so that a dictionary knows a word in all its forms.

    stem("stories")  ->  "stori"        stem("story")     ->  "stori"
    stem("erosion")  ->  "eros"         stem("broken")    ->  "break"

A stem is a key and no word. Two words with one key (`policy`, `police`) cost little: a key only finds more renderings.
The endings are those of Porter (1980, "An algorithm for suffix stripping"), fewer and in one pass.
"""

from __future__ import annotations

import re
from functools import cache, lru_cache

from blossom_data.stages.translate.lexicon import Lexicon

_LEXICON = Lexicon("stems")
_VOWEL = re.compile("[aeiouy]")
_FEWEST_LEFT, _FEWEST_LEFT_OF_VERB = 4, 3


@cache
def irregular() -> dict[str, str]:
    """Forms that no ending makes -> the base form: went, children."""
    return {form: base for base, forms in _LEXICON.table("irregular").items() for form in forms.split()}


@cache
def _endings() -> tuple[tuple[str, str], ...]:
    return tuple((ending, rest) for ending, rest in _LEXICON.table("endings").items())


@lru_cache(maxsize=20_000)
def stem(word: str) -> str:
    """The key of a word in lower case."""
    word = word.removesuffix("'s").removesuffix("’s")
    word = irregular().get(word, word)
    if len(word) <= 3:
        return word
    word = _without_inflection(word)
    for ending, rest in _endings():
        if word.endswith(ending) and len(word) - len(ending) >= _FEWEST_LEFT:
            word = word[: -len(ending)] + rest
            break
    if len(word) > 4 and word.endswith("e"):
        word = word[:-1]
    if len(word) > 3 and word.endswith("y"):
        word = word[:-1] + "i"
    return _undoubled(word) if len(word) > 4 else word


def _without_inflection(word: str) -> str:
    """The word without the endings of plural, past and participle."""
    if word.endswith("ies") and len(word) > 4:
        word = word[:-3] + "y"
    elif (word.endswith("es") and word[-3] in "sxzo") or word.endswith(("ches", "shes")):
        word = word[:-2]
    elif word.endswith("s") and not word.endswith(("ss", "us", "is")):
        word = word[:-1]
    for ending, rest in (
        ("iest", "y"),
        ("est", ""),
        ("ingly", ""),
        ("edly", ""),
        ("ing", ""),
        ("ied", "y"),
        ("ed", ""),
    ):
        left = word[: -len(ending)]
        if word.endswith(ending) and len(left) >= _FEWEST_LEFT_OF_VERB and _VOWEL.search(left):
            return _undoubled(left + rest) if len(left) > 3 else left + rest
    return word


def _undoubled(word: str) -> str:
    """`stopp` without its last letter, which an ending doubled; `fall` and `pass` as they are."""
    return word[:-1] if word[-1] == word[-2] and word[-1] not in "lsz" else word

"""Common words of instructions and questions, and their Chinese renderings.

    WORDS["poem"]  ->  ("诗",)

An answer holds the topic's words, but hardly the words of the request: a poem about the sea does not say "poem".
"""

from __future__ import annotations

from blossom_data.stages.translate.guard.act import nouns_a, nouns_b, nouns_c
from blossom_data.stages.translate.guard.act.verbs import VERBS


def _read(table: str) -> dict[str, tuple[str, ...]]:
    words: dict[str, tuple[str, ...]] = {}
    for entry in table.strip().replace("\n", "|").split("|"):
        names, _, renderings = entry.partition(":")
        for name in names.split():
            words[name] = tuple(dict.fromkeys((*words.get(name, ()), *renderings.split())))
    return words


WORDS = {
    word: tuple(dict.fromkeys((*signs, *VERBS.get(word, ()))))
    for word, signs in _read(nouns_a.TABLE + nouns_b.TABLE + nouns_c.TABLE).items()
}
"""English word (singular) -> renderings, any one of which is enough."""


def _reversed() -> dict[str, frozenset[str]]:
    wanted = {sign for signs in _read(nouns_a.TABLE + nouns_b.TABLE).values() for sign in signs if len(sign) >= 2}
    words: dict[str, frozenset[str]] = {}
    for word, signs in WORDS.items():
        for sign in signs:
            if sign in wanted:
                words[sign] = words.get(sign, frozenset()) | {word}
    return words


CHINESE = _reversed()
"""Chinese word of two or more characters -> English words, any one of which is enough; nouns_c.py adds none."""


def _forms() -> dict[str, str]:
    forms: dict[str, str] = {}
    for word in WORDS:
        if len(word) < 3:  # "his" is no plural of "hi"
            continue
        forms[word + "s"] = word
        forms[word + "es"] = word
        if word.endswith("y"):
            forms[word[:-1] + "ies"] = word
    return forms | {word: word for word in WORDS}


SINGULAR = _forms()
"""Every form of the words of WORDS -> the word."""

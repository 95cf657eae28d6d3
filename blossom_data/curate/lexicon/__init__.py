"""Closed classes of words as data (words.toml), read once."""

from __future__ import annotations

import functools
import tomllib
from dataclasses import dataclass
from importlib.resources import files


@dataclass(frozen=True, slots=True)
class Lexicon:
    """The classes; words are case-folded and without apostrophes."""

    function: frozenset[str]
    framing: frozenset[str]
    phrases: tuple[str, ...]
    """Chinese words of several characters that are cut as one, long ones first; those of courtesy are in `framing`."""
    negation: frozenset[str]
    asking: frozenset[str]
    form: frozenset[str]
    opposites: frozenset[tuple[str, str]]
    """Both ways round."""
    numbers: dict[str, str]
    """Words that are numbers, with their value."""


@functools.cache
def lexicon() -> Lexicon:
    """The words of words.toml."""
    text = files(__package__).joinpath("words.toml").read_text(encoding="utf-8").replace("'", "")
    words: dict[str, str] = tomllib.loads(text)
    pairs = [tuple(pair.split("/")) for name in ("opposites_en", "opposites_zh") for pair in words[name].split()]
    courtesy = words["framing_zh"].split()
    return Lexicon(
        function=frozenset(words["function_en"].split()) | frozenset(words["function_zh"]),
        framing=frozenset(words["framing_en"].split()) | frozenset(courtesy),
        phrases=tuple(sorted({*courtesy, *words["whole_zh"].split()}, key=lambda word: (-len(word), word))),
        negation=frozenset(words["negation_en"].split()) | frozenset(words["negation_zh"]),
        asking=frozenset(words["asking_en"].split()),
        form=frozenset(words["form_en"].split()),
        opposites=frozenset(order for one, other in pairs for order in ((one, other), (other, one))),
        numbers=dict(pair.split("=") for pair in words["numbers"].split()),
    )

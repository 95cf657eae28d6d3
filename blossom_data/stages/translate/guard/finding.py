"""What a check is, what it is given, and what it finds.

    Pair(source="What is 2+2?", output="4", source_lang="en", target_lang="zh")
    Finding(code="speech_act", is_hard=False, detail="the question is not asked any more")

A check is a pure function from a Pair to a detail: "" means that nothing was found.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

from blossom_data.languages.tags import base_of
from blossom_data.stages.translate.guard.alignment import Alignment
from blossom_data.stages.translate.script import HAN, LATIN_WORD

_SPACE = re.compile(r"\s+")


_Value = TypeVar("_Value")


class _Lazy(Generic[_Value]):
    """A value of an object that is made when it is first read; functools.cached_property takes a lock for that."""

    def __init__(self, make: Callable[..., _Value]) -> None:
        self.make, self.name = make, make.__name__
        self.__doc__ = make.__doc__

    def __get__(self, owner: object, kind: type | None = None) -> _Value:
        value = owner.__dict__[self.name] = self.make(owner)
        return value


@dataclass(frozen=True, slots=True)
class Finding:
    """A fault in a translation: `is_hard` when it is certain enough to reject, else a second opinion is wanted."""

    code: str
    is_hard: bool
    detail: str


def _checked_as(lang: str) -> str:
    """The language whose checks a text gets: en for en-GB, the tag itself for languages without checks of their own."""
    base = base_of(lang)
    return base if base in ("en", "zh") else lang


class Pair:
    """A source text and its translation, protected spans taken out of both (HOLE stands there).

    `wanted` and `got` are the protected spans, or their tokens, of source and output; `lost_material` is what a
    language task should have kept.
    """

    def __init__(
        self,
        source: str,
        output: str,
        *,
        source_lang: str = "en",
        target_lang: str = "zh",
        wanted: tuple[str, ...] = (),
        got: tuple[str, ...] = (),
        is_lang_task: bool = False,
        lost_material: str = "",
    ) -> None:
        self.source, self.output = source, output
        self.source_lang, self.target_lang = _checked_as(source_lang), _checked_as(target_lang)
        self.wanted, self.got = wanted, got
        self.is_lang_task, self.lost_material = is_lang_task, lost_material

    @_Lazy
    def source_lower(self) -> str:
        return self.source.lower()

    @_Lazy
    def output_lower(self) -> str:
        return self.output.lower()

    @_Lazy
    def source_han(self) -> int:
        return len(HAN.findall(self.source))

    @_Lazy
    def output_han(self) -> int:
        return len(HAN.findall(self.output))

    @_Lazy
    def source_words(self) -> list[str]:
        """Latin words of the source, lower case."""
        return LATIN_WORD.findall(self.source_lower)

    @_Lazy
    def output_words(self) -> list[str]:
        """Latin words of the output, lower case."""
        return LATIN_WORD.findall(self.output_lower)

    @_Lazy
    def source_word_set(self) -> frozenset[str]:
        return frozenset(self.source_words)

    @_Lazy
    def source_letters(self) -> int:
        """Latin letters of the source."""
        return sum(map(len, self.source_words))

    @_Lazy
    def output_letters(self) -> int:
        """Latin letters of the output."""
        return sum(map(len, self.output_words))

    @_Lazy
    def alignment(self) -> Alignment:
        """Which words of the two texts render each other; of an English and a Chinese one."""
        english, chinese = (self.source, self.output) if self.source_lang == "en" else (self.output, self.source)
        return Alignment(english, chinese.lower())

    @_Lazy
    def source_flat(self) -> str:
        """The source in lower case, each run of white space one space."""
        return _SPACE.sub(" ", self.source_lower).strip()

    @_Lazy
    def output_flat(self) -> str:
        """The output in lower case, each run of white space one space."""
        return _SPACE.sub(" ", self.output_lower).strip()


@dataclass(frozen=True, slots=True)
class Check:
    """One entry of the registry; `name` is what coverage.toml calls it."""

    code: str
    is_hard: bool
    find: Callable[[Pair], str]
    name: str

"""Regular expressions that are compiled when they are first used, and a cheap look before one is tried.

    _SUM = pattern(r"total|sum")          costs nothing at import
    _SUM.search("in total")               compiled here, once
    has_any("she might have 18", ("maybe", "might"))   -> True

About ninety patterns with Chinese character classes take longer to compile than everything else takes to import,
and a check needs few of them. Ten substring searches cost less than one case-insensitive alternation.
"""

from __future__ import annotations

import re
from typing import cast

_METHODS = ("match", "search", "fullmatch", "finditer", "findall", "sub", "split")


class _CompiledPattern:
    """Holds the methods of a compiled pattern as its own attributes."""


class _LazyPattern(_CompiledPattern):
    """Stands for a compiled pattern and turns into a holder of its methods at the first use.

    It changes its class because every attribute of a class with `__getattr__` is slow to look up. Two threads that
    come here at once compile the same pattern twice, which does no harm.
    """

    def __init__(self, source: str, flags: int) -> None:
        self._source = source
        self._flags = flags

    def __getattr__(self, name: str) -> object:
        compiled = re.compile(self._source, self._flags)
        for method in _METHODS:
            setattr(self, method, getattr(compiled, method))
        self.__class__ = _CompiledPattern  # type: ignore[assignment]
        return getattr(compiled, name)


def pattern(source: str, flags: int = 0) -> re.Pattern[str]:
    """Return something that behaves like `re.compile(source, flags)`."""
    return cast("re.Pattern[str]", _LazyPattern(source, flags))


def has_any(text: str, words: tuple[str, ...]) -> bool:
    """Tell whether one of `words` occurs in `text`, anywhere; `text` is in lower case already."""
    for word in words:  # noqa: SIM110 - any() with a generator takes three times as long here
        if word in text:
            return True
    return False

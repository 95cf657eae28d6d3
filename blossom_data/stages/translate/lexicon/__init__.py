"""The words and phrases that the checks of a translation look for: data files beside this one, read at first use.

    renderings("verbs")["copy"]                         ->  ("复制", "拷贝", "抄", "模仿")
    Lexicon("language").words("borrowed")               ->  frozenset({"email", "app", "blog", ...})
    Lexicon("polarity").pattern(r"\\b(?:{less})\\b")      ->  a pattern with the list `less` of polarity.toml in it

A list of phrases holds regular expressions, parted by `|` or a line end; a line that begins with two spaces goes on
with the one before, and `{name}` stands for another list of the file. The tables of an array are rules, two patterns
each: one and what it calls for, or what calls it off. What `opens` holds must stand at the very beginning.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Iterable, Iterator
from functools import cache
from importlib import resources
from typing import Any, cast

Find = Callable[[str], re.Match[str] | None]
Rule = tuple[Find, Find]

_REFERENCE = re.compile(r"\{([a-z_]+)\}")


def _text(name: str) -> str:
    return (resources.files(__package__) / name).read_text(encoding="utf-8")


def rows(name: str) -> list[str]:
    """The lines of `<name>.tsv` that are no comments."""
    return [line for line in _text(f"{name}.tsv").splitlines() if not line.startswith("#")]


@cache
def renderings(*names: str) -> dict[str, tuple[str, ...]]:
    """English word -> Chinese renderings, in file order, of each `<name>.tsv`; a word's lines add up."""
    found: dict[str, tuple[str, ...]] = {}
    for line in (line for name in names for line in rows(name)):
        words, _, signs = line.partition("\t")
        for word in words.split():
            found[word] = (*found.get(word, ()), *signs.split())
    return {word: tuple(dict.fromkeys(signs)) for word, signs in found.items()}


class Lexicon:
    """The lists of `<name>.toml`."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._words: dict[str, frozenset[str]] = {}
        self._rules: dict[str, tuple[Rule, ...]] = {}

    def table(self, key: str) -> Any:
        """What stands under `key`, as TOML gives it."""
        return _toml(self._name)[key]

    def words(self, key: str) -> frozenset[str]:
        """The words of a text that are parted by white space."""
        if key not in self._words:
            self._words[key] = frozenset(self.table(key).split())
        return self._words[key]

    def expression(self, frame: str, **more: Callable[[], Iterable[str]]) -> str:
        """`frame` with each `{name}` replaced by the phrases of that list, a group of their own."""

        def filled(found: re.Match[str]) -> str:
            key = found.group(1)
            return f"(?:{'|'.join(more[key]()) if key in more else self.expression(_joined(self.table(key)))})"

        return _REFERENCE.sub(filled, frame)

    def pattern(self, frame: str, flags: int = 0, **more: Callable[[], Iterable[str]]) -> re.Pattern[str]:
        """The pattern of `frame`, filled and compiled when it is first used; `more` are lists that code makes."""
        return cast("re.Pattern[str]", _Unread(lambda: re.compile(self.expression(frame, **more), flags)))

    def rules(self, key: str) -> tuple[Rule, ...]:
        """The two patterns of each table of an array of tables, in the order in which they stand."""
        if key not in self._rules:
            pairs = (rule.items() for rule in self.table(key))
            self._rules[key] = tuple((self._find(*first), self._find(*second)) for first, second in pairs)
        return self._rules[key]

    def unpaired(self, key: str, text: str, other: str) -> Iterator[re.Match[str]]:
        """What each rule's first pattern finds in `text` while its second one finds nothing in `other`."""
        for first, second in self.rules(key):
            if (found := first(text)) and not second(other):
                yield found

    def _find(self, key: str, phrases: str) -> Find:
        compiled = re.compile(self.expression(_joined(phrases)), re.IGNORECASE)
        return compiled.match if key == "opens" else compiled.search


class _Unread:
    """Stands for a pattern: compiling them all takes longer than the rest of the program's start."""

    def __init__(self, make: Callable[[], re.Pattern[str]]) -> None:
        self._make = make

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        compiled = self._make()
        for method in ("search", "match", "fullmatch", "findall", "finditer", "split", "sub", "pattern", "flags"):
            self.__dict__[method] = getattr(compiled, method)
        return getattr(compiled, name)


@cache
def _toml(name: str) -> dict[str, Any]:
    return tomllib.loads(_text(f"{name}.toml"))


def _joined(phrases: str) -> str:
    return phrases.strip("\n").replace("\n  ", "").replace("\n", "|")

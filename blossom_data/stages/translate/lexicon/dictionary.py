"""English and Chinese words that render each other, of CC-CEDICT; dictionary.tsv.zst is made by tools/dictionary.py.

english("whal")  ->  Entry(8, ("鲸", "捕", ...))        a stem (stems.py), and any one of its renderings
chinese("海豚")   ->  Entry(9, frozenset({"dolphin"}))   the stems of what glosses a Chinese word
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cache, lru_cache
from importlib import resources
from typing import NamedTuple

ENGLISH_BLOCK, CHINESE_BLOCK = 2, 1
"""Characters that the keys of a block of the file have in common."""
MOST_CHARS = 5
"""Characters of the longest Chinese word."""


class Entry(NamedTuple):
    """How an English word, or a Chinese one, is rendered."""

    noun_share: int
    """How much of it is no verb (and in Chinese no name), 0 to 9: nouns have fewer other renderings."""
    renderings: frozenset[str]


class _Table:
    """Lines of a key, a tab and a value, in blocks that are read when one of their keys is first asked for."""

    def __init__(self, text: str, length: int) -> None:
        self._length = length
        self._blocks = {block[:length]: block for block in text.split("\n\n")}
        self._lines: dict[str, str] = {}

    def opened(self, starts: Iterable[str]) -> Mapping[str, str]:
        """All lines read so far, those of blocks that begin with one of `starts` among them."""
        for start in self._blocks.keys() & set(starts):
            self.get(start)
        return self._lines

    def get(self, key: str) -> str | None:
        block = self._blocks.pop(key[: self._length], None)
        if block is not None:
            self._lines.update((name, value) for name, _, value in (line.partition("\t") for line in block.split("\n")))
        return self._lines.get(key)


@cache
def _tables() -> tuple[_Table, _Table]:
    import zstandard

    packed = (resources.files(__package__) / "dictionary.tsv.zst").read_bytes()
    first, _, second = zstandard.ZstdDecompressor().decompress(packed).decode().partition("\n\n\n")
    return _Table(first, ENGLISH_BLOCK), _Table(second, CHINESE_BLOCK)


def chinese_words(text: str) -> Mapping[str, str]:
    """A table with every known word that begins with a character of `text` among its keys."""
    return _tables()[1].opened(text)


@lru_cache(maxsize=50_000)
def english(stem: str) -> Entry | None:
    """The entry of a stem; None where it is not known."""
    line = _tables()[0].get(stem)
    if line is None:
        return None
    return _entry(line)


@lru_cache(maxsize=50_000)
def chinese(word: str) -> Entry | None:
    """The entry of a Chinese word of two to five characters; None where it is not known."""
    line = _tables()[1].get(word)
    return None if line is None else _entry(line)


def _entry(line: str) -> Entry:
    share, _, renderings = line.partition("\t")
    return Entry(int(share), frozenset(renderings.split(" ")))

"""English and Chinese words that render each other, of CC-CEDICT; dictionary.tsv.zst is made by tools/dictionary.py.

english("whal")  ->  Entry(8, ("鲸", "捕", ...))        a stem (stems.py), and any one of its renderings
chinese("海豚")   ->  Entry(9, frozenset({"dolphin"}))   the stems of what glosses a Chinese word
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache, lru_cache
from importlib import resources
from typing import NamedTuple

from blossom_data.stages.translate.lexicon.blocks import Blocks

ENGLISH_BLOCK, CHINESE_BLOCK = 2, 1
"""Characters that the keys of a block of the file have in common."""
MOST_CHARS = 5
"""Characters of the longest Chinese word."""


class Entry(NamedTuple):
    """How an English word, or a Chinese one, is rendered."""

    noun_share: int
    """How much of it is no verb (and in Chinese no name), 0 to 9: nouns have fewer other renderings."""
    renderings: frozenset[str]


@cache
def _tables() -> tuple[Blocks, Blocks]:
    import zstandard

    packed = (resources.files(__package__) / "dictionary.tsv.zst").read_bytes()
    first, _, second = zstandard.ZstdDecompressor().decompress(packed).decode().partition("\n\n\n")
    return Blocks(first, ENGLISH_BLOCK), Blocks(second, CHINESE_BLOCK)


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

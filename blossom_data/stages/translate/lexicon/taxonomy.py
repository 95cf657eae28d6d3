"""What kind of thing an English noun names, of WordNet; taxonomy.tsv.zst is made by tools/taxonomy.py.

relation("cello", {"violin"})   ->  OTHER     two sorts of artifact: the one is not the other
relation("cello", {"music"})    ->  ""        things of different kinds: nothing is known
relation("sparrow", {"bird"})    ->  NEAR      one names the other, or what it is a sort of

The words that something is compared with are stems (stems.py), for so the dictionary gives them.
"""

from __future__ import annotations

from collections.abc import Collection
from functools import cache, lru_cache
from importlib import resources
from typing import NamedTuple

from blossom_data.stages.translate.lexicon.blocks import Blocks
from blossom_data.stages.translate.lexicon.stems import stem

BLOCK = 2
"""Characters that the keys of a block of the file have in common."""
OTHER, NEAR = "other", "near"
_VAGUE = frozenset({"tops", "attribute", "cognition", "motive", "quantity", "relation", "shape"})
"""Classes of which two words for one thing may seem two things."""


class Noun(NamedTuple):
    """Nouns of one stem, the class of the most frequent one, what they may name, and that with what it is a sort of."""

    words: tuple[str, ...]
    kind: str
    senses: frozenset[str]
    wider: frozenset[str]


@cache
def _table() -> Blocks:
    import zstandard

    packed = (resources.files(__package__) / "taxonomy.tsv.zst").read_bytes()
    return Blocks(zstandard.ZstdDecompressor().decompress(packed).decode(), BLOCK)


@lru_cache(maxsize=20_000)
def noun(key: str) -> Noun | None:
    """The noun of a stem; None for what is none, or is so seldom."""
    if (line := _table().get(key)) is None:
        return None
    words, kind, senses, above = line.split("\t")
    own = frozenset(senses.split(" "))
    return Noun(tuple(words.split(" ")), kind, own, own | frozenset(above.split(" ")))


def relation(word: str, keys: Collection[str]) -> str:
    """How what a word in lower case names, alone or in the plural, stands to what is named by the stems `keys`."""
    one = noun(stem(word))
    if one is None or not any(word in (own, f"{own}s", f"{own}es", f"{own[:-1]}ies") for own in one.words):
        return ""
    others = [other for key in keys if (other := noun(key))]
    if any(not one.senses.isdisjoint(other.wider) or not other.senses.isdisjoint(one.wider) for other in others):
        return NEAR
    alike = sum(one.kind == other.kind for other in others)
    return OTHER if one.kind not in _VAGUE and 2 * alike > len(others) else ""

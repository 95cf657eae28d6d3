"""The measure `dedup`: of records that ask the same, the best stays.

Better is: a gold label before none, then the longer request, then the one that comes first. Every other one must be a
copy of the one that stays, not of another copy: nothing chains. What is compared is the person's side of the whole
conversation; two gold labels that differ, or two system prompts, make two records.

It reads everything before it gives the first item: rows lie in the temporary folder, with the codes of their words
(about three times their size, and 140 bytes a row more), memory is about 200 bytes a row.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np

from blossom_data.curate.dedup.candidates import BandFiles, pairs_of
from blossom_data.curate.dedup.difference import Verdict, compare
from blossom_data.curate.dedup.known_words import KnownWords
from blossom_data.curate.dedup.rows import CODE_BYTES, Rows
from blossom_data.curate.dedup.signatures import Array, band_keys, facts, shingles
from blossom_data.curate.item import Item, Ruled
from blossom_data.curate.tokens import CONTENT, KIND_BITS, NUMBER
from blossom_data.records import Record, Reject

NAME = "dedup"
THRESHOLD = 0.7
MEMORY_BYTES, MEMORY_ROW_BYTES = 200_000_000, 200
"""What it takes: so much, and so much a row, where a fifth of them are near copies."""
DISK_ROW_BYTES = 140
_BLOCK_RECORDS = 1_024
_BLOCK_BYTES = 8_000_000
_MOST_TOKENS = 500_000
"""Of a request that is compared; of longer ones only exact copies are found."""
_KIND = (1 << KIND_BITS) - 1
_EQUAL = Verdict(True, 1.0)
_DETAIL_MOST = 300


class Dedup:
    """A Step that rules out copies.

    Args:
        threshold: smallest Jaccard similarity of content words and their bigrams at which two are compared.
        is_exhaustive: compare all with all, in the square of the time: the oracle of the tests.
    """

    def __init__(self, threshold: float = THRESHOLD, *, is_exhaustive: bool = False) -> None:
        self._threshold, self._is_exhaustive = threshold, is_exhaustive

    def __call__(self, items: Iterable[Item]) -> Iterator[Item]:
        with Rows() as rows, BandFiles() as bands:
            known = _read(items, rows, bands)
            if not len(rows):
                return
            copies = _Copies(rows, known, self._threshold)
            copies.find_exact()
            copies.find_near(bands, is_exhaustive=self._is_exhaustive)
            for place, (content, tag) in enumerate(rows):
                reject = copies.reject_of(place) if isinstance(content, Record) else None
                yield (Ruled(NAME, content, reject), tag) if reject and isinstance(content, Record) else (content, tag)


def _read(items: Iterable[Item], rows: Rows, bands: BandFiles) -> KnownWords:
    """Keeps all items, with the band keys of each; gives the words of the set."""
    known = KnownWords()
    block: list[bytes] = []
    langs: list[int] = []
    size = 0
    for item in items:
        codes, lang = rows.add(item)
        block.append(codes)
        langs.append(lang)
        size += len(codes)
        if len(block) == _BLOCK_RECORDS or size >= _BLOCK_BYTES:
            _sign(block, langs, bands, known)
            block, langs, size = [], [], 0
    if block:
        _sign(block, langs, bands, known)
    return known


def _sign(block: list[bytes], langs: list[int], bands: BandFiles, known: KnownWords) -> None:
    codes = np.frombuffer(b"".join(block), np.uint64)
    rows = np.repeat(np.arange(len(block)), [len(row) // CODE_BYTES for row in block])
    found = shingles(codes, rows, len(block))
    known.add(codes)
    bands.add(band_keys(found, facts(codes, rows, len(block)) ^ np.array(langs, np.uint32)))


class _Copies:
    """Which rows are copies, of which row, and why."""

    def __init__(self, rows: Rows, known: KnownWords, threshold: float) -> None:
        self._rows, self._known, self._threshold = rows, known, threshold
        self._exact, self._rank, self._is_open = rows.exact, rows.rank(), rows.is_open
        self._is_long = rows.length > _MOST_TOKENS
        self._kept_of = np.full(len(rows), -1, np.int32)
        self._why: dict[int, Verdict] = {}

    def find_exact(self) -> None:
        self._settle(pairs_of(self._exact, self._rank, self._is_open, None))

    def find_near(self, bands: BandFiles, *, is_exhaustive: bool) -> None:
        """Compares what shares a band; exact copies are closed by then."""
        is_left = self._is_open & (self._kept_of < 0) & ~self._is_long
        exact = np.flatnonzero(self._kept_of >= 0)
        if is_exhaustive:
            places = np.flatnonzero(is_left)
            places = places[np.argsort(self._rank[places])]
            first, second = np.triu_indices(len(places), 1)
            self._settle(np.stack([places[first], places[second]], 1))
        else:
            packed = np.zeros(0, np.uint64)
            for pairs in bands.pairs(self._rank, is_left, self._content):
                new = pairs[:, 0].astype(np.uint64) << np.uint64(32) | pairs[:, 1].astype(np.uint64)
                packed = np.union1d(packed, new)
            split = np.stack([packed >> np.uint64(32), packed & np.uint64(0xFFFFFFFF)], 1)
            self._settle(split.astype(np.int64))
        self._follow(exact)

    def reject_of(self, place: int) -> Reject | None:
        """Why the record at `place` goes; None where it stays."""
        kept = int(self._kept_of[place])
        if kept < 0:
            return None
        verdict = self._why.get(place)
        stays = f"stays: {self._rows.record(kept).id}; score {verdict.score if verdict else 1:.2f}"
        if verdict is None:
            return Reject("exact", stays)
        differs = f"; differs: {verdict.words}" if verdict.words else "; the same words in another order"
        return Reject("near", stays + differs[:_DETAIL_MOST])

    def _settle(self, pairs: Array) -> None:
        """Judges pairs (better, worse), the better rows first: whether one stays is known before it is a measure."""
        order = np.lexsort((self._rank[pairs[:, 0]], self._rank[pairs[:, 1]]))
        for better, worse in pairs[order].tolist():
            if self._kept_of[worse] >= 0 or self._kept_of[better] >= 0:
                continue
            verdict = self._compare(better, worse)
            if verdict.is_same:
                self._note(worse, better, verdict)

    def _note(self, place: int, kept: int, verdict: Verdict) -> None:
        self._kept_of[place] = kept
        if self._exact[place] != self._exact[kept]:
            self._why[place] = verdict

    def _follow(self, exact: Array) -> None:
        """An exact copy of a row that went too is one of what that row is a copy of, or it stays."""
        for place in exact.tolist():
            kept = int(self._kept_of[self._kept_of[place]])
            if kept < 0:
                continue
            verdict = self._compare(kept, place)
            self._kept_of[place] = -1
            if verdict.is_same:
                self._note(place, kept, verdict)

    def _compare(self, kept: int, other: int) -> Verdict:
        if self._exact[kept] == self._exact[other] and not self._rows.may_differ_beside(kept, other):
            return _EQUAL
        return compare(self._rows.request(kept), self._rows.request(other), self._known, self._threshold)

    def _content(self, place: int) -> list[int]:
        return [code for code in self._rows.request(place).codes if code & _KIND in (CONTENT, NUMBER)]

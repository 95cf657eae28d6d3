"""The measure `dedup`: of records that ask the same, the best stays.

Better is: a gold label before none, then the longer request, then the one that comes first. Every other one must be a
copy of the one that stays, not of another copy: nothing chains. What is compared is the person's side of the whole
conversation; two gold labels that differ, or two system prompts, make two records.

It reads everything before it gives the first item: rows lie in the temporary folder (about their size, and 140 bytes
a row more), memory is about 200 bytes a row.
"""

from __future__ import annotations

import zlib
from array import array
from collections import OrderedDict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from hashlib import blake2b

import numpy as np

from blossom_data.curate.dedup.candidates import BandFiles, pairs_of
from blossom_data.curate.dedup.difference import Verdict, compare
from blossom_data.curate.dedup.known_words import KnownWords
from blossom_data.curate.dedup.request import Request, codes_of, request_of
from blossom_data.curate.dedup.signatures import Array, band_keys, facts, shingles
from blossom_data.curate.item import Item, Ruled
from blossom_data.curate.spool import Spool
from blossom_data.curate.tokens import CONTENT, NUMBER, Tokenizer
from blossom_data.records import Record, Reject

NAME = "dedup"
THRESHOLD = 0.7
MEMORY_BYTES, MEMORY_ROW_BYTES = 200_000_000, 200
"""What it takes: so much, and so much a row, where a fifth of them are near copies."""
DISK_ROW_BYTES = 140
_BLOCK_RECORDS = 1_024
_BLOCK_TOKENS = 1_000_000
_TOKENS_KEPT = 400_000
"""Of requests that were compared, about 200 bytes each: the next pair has one of them again."""
_MOST_TOKENS = 500_000
"""Of a request that is compared; of longer ones only exact copies are found."""
_NO_CODES = array("Q")
_EQUAL = Verdict(True, 1.0)
_DETAIL_MOST = 300


@dataclass(slots=True)
class _Columns:
    """What is kept of each item in memory; `is_open`: a record that asks something."""

    exact: array[int] = field(default_factory=lambda: array("Q"))
    length: array[int] = field(default_factory=lambda: array("I"))
    has_gold: bytearray = field(default_factory=bytearray)
    has_system: bytearray = field(default_factory=bytearray)
    is_open: bytearray = field(default_factory=bytearray)

    def add(self, record: Record | None, codes: array[int], about: bytes) -> None:
        digest = blake2b(codes, digest_size=8)
        digest.update(about)
        self.exact.append(int.from_bytes(digest.digest(), "little"))
        self.length.append(len(codes))
        self.has_gold.append(record is not None and bool(record.gold))
        self.has_system.append(record is not None and any(turn.role == "system" for turn in record.messages))
        self.is_open.append(bool(codes))

    def rank(self) -> Array:
        """The place of each item in the order of who stays."""
        count = len(self.exact)
        order = np.lexsort(
            (-np.frombuffer(self.length, np.uint32).astype(np.int64), ~np.frombuffer(self.has_gold, bool))
        )
        rank = np.empty(count, np.int32)
        rank[order] = np.arange(count, dtype=np.int32)
        return rank


class Dedup:
    """A Step that rules out copies.

    Args:
        threshold: smallest Jaccard similarity of content words and their bigrams at which two are compared.
        is_exhaustive: compare all with all, in the square of the time: the oracle of the tests.
    """

    def __init__(self, threshold: float = THRESHOLD, *, is_exhaustive: bool = False) -> None:
        self._threshold, self._is_exhaustive = threshold, is_exhaustive

    def __call__(self, items: Iterable[Item]) -> Iterator[Item]:
        with Spool() as spool, BandFiles() as bands:
            columns, known, tokenizer = _Columns(), KnownWords(), Tokenizer()
            _read(items, spool, bands, columns, known, tokenizer)
            if not len(spool):
                return
            copies = _Copies(spool, columns, known, tokenizer, self._threshold)
            copies.find_exact()
            copies.find_near(bands, is_exhaustive=self._is_exhaustive)
            for place, (content, tag) in enumerate(spool):
                reject = copies.reject_of(place) if isinstance(content, Record) else None
                yield (Ruled(NAME, content, reject), tag) if reject and isinstance(content, Record) else (content, tag)


def _read(
    items: Iterable[Item],
    spool: Spool,
    bands: BandFiles,
    columns: _Columns,
    known: KnownWords,
    tokenizer: Tokenizer,
) -> None:
    """Keeps all items, with the band keys of each."""
    block: list[array[int]] = []
    langs: list[int] = []
    tokens = 0
    for item in items:
        record = item[0] if isinstance(item[0], Record) else None
        codes = codes_of(record, tokenizer) if record is not None else _NO_CODES
        lang = record.lang.encode(errors="surrogatepass") if record is not None else b""
        spool.add(item)
        columns.add(record, codes, lang)
        block.append(codes)
        langs.append(zlib.crc32(lang) if record is not None else 0)
        tokens += len(codes)
        if len(block) == _BLOCK_RECORDS or tokens >= _BLOCK_TOKENS:
            _sign(block, langs, bands, known)
            block, langs, tokens = [], [], 0
    if block:
        _sign(block, langs, bands, known)


def _sign(block: list[array[int]], langs: list[int], bands: BandFiles, known: KnownWords) -> None:
    codes = np.frombuffer(b"".join(block), np.uint64)
    rows = np.repeat(np.arange(len(block)), [len(row) for row in block])
    found = shingles(codes, rows, len(block))
    known.add(codes)
    bands.add(band_keys(found, facts(codes, rows, len(block)) ^ np.array(langs, np.uint32)))


class _Copies:
    """Which rows are copies, of which row, and why."""

    def __init__(
        self, spool: Spool, columns: _Columns, known: KnownWords, tokenizer: Tokenizer, threshold: float
    ) -> None:
        self._spool, self._known, self._threshold = spool, known, threshold
        self._tokenizer = tokenizer
        self._exact = np.frombuffer(columns.exact, np.uint64)
        self._is_open = np.frombuffer(columns.is_open, bool).copy()
        self._has_gold, self._has_system = columns.has_gold, columns.has_system
        self._rank = columns.rank()
        self._kept_of = np.full(len(spool), -1, np.int32)
        self._why: dict[int, Verdict] = {}
        self._is_long = np.frombuffer(columns.length, np.uint32) > _MOST_TOKENS
        self._requests: OrderedDict[int, Request] = OrderedDict()
        self._tokens_kept = 0

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
        stays = f"stays: {self._id(kept)}; score {verdict.score if verdict else 1:.2f}"
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
        has_beside = (
            (self._has_gold[kept] and self._has_gold[other]) or self._has_system[kept] or self._has_system[other]
        )
        if self._exact[kept] == self._exact[other] and not has_beside:
            return _EQUAL
        return compare(self._request(kept), self._request(other), self._known, self._threshold)

    def _request(self, place: int) -> Request:
        found = self._requests.get(place)
        if found is None:
            found = self._requests[place] = request_of(self._record(place), self._tokenizer)
            self._tokens_kept += found.size
            while self._tokens_kept > _TOKENS_KEPT and len(self._requests) > 2:
                self._tokens_kept -= self._requests.popitem(last=False)[1].size
        return found

    def _content(self, place: int) -> list[int]:
        return [token.code for token in self._request(place).tokens if token.kind in (CONTENT, NUMBER)]

    def _record(self, place: int) -> Record:
        content = self._spool[place][0]
        assert isinstance(content, Record), "only records are compared"
        return content

    def _id(self, place: int) -> str:
        return self._record(place).id

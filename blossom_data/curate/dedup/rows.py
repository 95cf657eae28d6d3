"""The rows of a set on disk, each with the codes of what it asks, and what is kept of it in memory.

    with Rows() as rows:
        codes = rows.add(item)
        rows.rank()              who stays: int32 of each row, smaller is better
        rows.request(7)          Request, to be compared

Rows and codes lie in the temporary folder; memory is about 60 bytes a row.
"""

from __future__ import annotations

import zlib
from array import array
from collections import OrderedDict
from collections.abc import Iterator
from functools import partial
from hashlib import blake2b
from types import TracebackType
from typing import Self

import numpy as np

from blossom_data.curate.dedup.request import Request, codes_of
from blossom_data.curate.dedup.signatures import Array
from blossom_data.curate.item import Item
from blossom_data.curate.spool import Pieces, Spool
from blossom_data.curate.tokens import Tokenizer
from blossom_data.records import Record

CODE_BYTES = 8
_TOKENS_KEPT = 100_000
"""Of requests that were compared, about 300 bytes each: the next pair has one of them again."""


class Rows:
    """All rows, by their place."""

    def __init__(self) -> None:
        self._items, self._codes, self._tokenizer = Spool(), Pieces(), Tokenizer()
        self._exact, self._length, self._lang = array("Q"), array("I"), array("I")
        self._has_gold, self._has_system, self._is_open = bytearray(), bytearray(), bytearray()
        self._requests: OrderedDict[int, Request] = OrderedDict()
        self._tokens_kept = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, why: BaseException | None, at: TracebackType | None) -> None:
        self._items.close()
        self._codes.close()

    def __len__(self) -> int:
        return len(self._exact)

    def __iter__(self) -> Iterator[Item]:
        return iter(self._items)

    def add(self, item: Item) -> tuple[bytes, int]:
        """Keeps one more row; gives the codes of what it asks (none if it is no record), and its language's number."""
        record = item[0] if isinstance(item[0], Record) else None
        codes = codes_of(record, self._tokenizer) if record is not None else b""
        lang = record.lang.encode(errors="surrogatepass") if record is not None else b""
        self._items.add(item)
        self._codes.add(codes)
        digest = blake2b(codes, digest_size=8)
        digest.update(lang)
        self._exact.append(int.from_bytes(digest.digest(), "little"))
        self._length.append(len(codes) // CODE_BYTES)
        self._lang.append(zlib.crc32(lang))
        self._has_gold.append(record is not None and bool(record.gold))
        self._has_system.append(record is not None and any(turn.role == "system" for turn in record.messages))
        self._is_open.append(bool(codes))
        return codes, self._lang[-1]

    @property
    def exact(self) -> Array:
        """uint64 of each row: equal where language and words are."""
        return np.frombuffer(self._exact, np.uint64)

    @property
    def length(self) -> Array:
        """Tokens of each row."""
        return np.frombuffer(self._length, np.uint32)

    @property
    def is_open(self) -> Array:
        """Whether each row is a record that asks something."""
        return np.frombuffer(bytes(self._is_open), bool)

    def rank(self) -> Array:
        """The place of each row in the order of who stays."""
        has_gold = np.frombuffer(bytes(self._has_gold), bool)
        order = np.lexsort((-self.length.astype(np.int64), ~has_gold))
        rank = np.empty(len(self), np.int32)
        rank[order] = np.arange(len(self), dtype=np.int32)
        return rank

    def may_differ_beside(self, one: int, other: int) -> bool:
        """Whether two rows may differ in a gold label or a system prompt."""
        both_gold = self._has_gold[one] and self._has_gold[other]
        return bool(both_gold or self._has_system[one] or self._has_system[other])

    def record(self, place: int) -> Record:
        content = self._items[place][0]
        assert isinstance(content, Record), "only records are compared"
        return content

    def request(self, place: int) -> Request:
        """What the record at `place` asks for."""
        found = self._requests.get(place)
        if found is None:
            codes = array("Q", self._codes[place])
            has_labels = bool(self._has_gold[place] or self._has_system[place])
            found = Request(codes, self._lang[place], self._tokenizer, partial(self.record, place), has_labels)
            self._requests[place] = found
            self._tokens_kept += len(codes)
            while self._tokens_kept > _TOKENS_KEPT and len(self._requests) > 2:
                self._tokens_kept -= len(self._requests.popitem(last=False)[1].codes)
        return found

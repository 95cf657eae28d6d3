"""Builds an index, row by row, in memory that does not grow with the rows but for eight bytes each.

    with IndexWriter(folder) as writer:
        writer.add(KEPT, {"id": "9f2c...", "messages": [...]})
        writer.finish({"fingerprint": "..."})

Values of facets beyond some thousands are counted together as OTHER: a set whose every record has a tag of its own can
still be looked at.
"""

from __future__ import annotations

import json
import shutil
from array import array
from collections.abc import Mapping
from hashlib import blake2b
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import orjson
import zstandard

from blossom_data.view.index.facets import FACETS, KEPT, PAIR, Facets, facets_of

OTHER = "…"
FORMAT = 2
BLOCK_BYTES = 1 << 18
_LEVEL = 1
_CONTENT = ("messages", "prompt", *PAIR)
"""Of a pair: what changes where the record is said to be changed."""
_MOST_VALUES, _MOST_TAG_SETS, _MOST_COMBOS = 2_000, 20_000, 200_000
_BUFFERED_ROWS = 1 << 16
_PARTS = 16
"""A power of two: so many parts of all ids are sorted one by one."""
_STREAMS = ("text.zst", "blocks.u64", "combos.u32", "hashes.u64")


class IndexWriter:
    """An index in the making, in `folder`, which is its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        self._files = {name: (folder / name).open("w+b") for name in _STREAMS}
        self._ids_file = (folder / "ids.tmp").open("w+b")
        self._packer = zstandard.ZstdCompressor(level=_LEVEL)
        self._lines: list[bytes] = []
        self._bytes = self._first_row = 0
        self._combos, self._hashes, self._ids = array("I"), array("Q"), array("Q")
        self._values: list[dict[str, int]] = [{} for _ in FACETS]
        self._tags: dict[str, int] = {}
        self._tag_sets: dict[tuple[int, ...], int] = {}
        self._combo_of: dict[tuple[int, ...], int] = {}
        self._known: dict[Facets, int] = {}
        """Combinations by their facets as they came, of those that came last."""
        self._counts: list[int] = []
        self.rows = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, why: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Lets go of the files."""
        for file in (*self._files.values(), self._ids_file):
            file.close()

    def add(self, kind: str, row: dict[str, Any]) -> None:
        """Adds a row of the set; kept and rejected ones may come in any order."""
        line = _dumped(row) + b"\n"
        combo = self._combo(facets_of(row, kind))
        self._counts[combo] += 1
        self._combos.append(combo)
        content = row.get("messages") if PAIR[0] not in row else [row.get(name) for name in _CONTENT]
        self._hashes.append(hash64(_dumped(content)))
        if kind == KEPT:
            self._ids.extend((id_hash(str(row.get("id", ""))), self.rows))
        self.rows += 1
        self._lines.append(line)
        self._bytes += len(line)
        if self._bytes >= BLOCK_BYTES:
            self._end_block()
            if len(self._combos) >= _BUFFERED_ROWS:
                self._flush()

    def finish(self, about: Mapping[str, Any]) -> None:
        """Makes what was added so far whole; more may be added and finished behind it."""
        self._end_block()
        self._flush()
        self._sort_ids()
        meta = {
            "format": FORMAT,
            "rows": self.rows,
            "values": [list(values) for values in self._values],
            "tags": list(self._tags),
            "tag_sets": [list(tags) for tags in self._tag_sets],
            "combos": [list(combo) for combo in self._combo_of],
            "counts": self._counts,
            **about,
        }
        (self.folder / "meta.json").write_bytes(orjson.dumps(meta))

    def _combo(self, facets: Facets) -> int:
        if (known := self._known.get(facets)) is not None:
            return known
        if len(self._known) >= _MOST_COMBOS:
            self._known.clear()
        known = self._known[facets] = self._numbered(facets)
        return known

    def _numbered(self, facets: Facets) -> int:
        codes = [_code(values, value) for values, value in zip(self._values, facets.values, strict=True)]
        tags = tuple(sorted({_code(self._tags, tag) for tag in facets.tags}))
        if tags not in self._tag_sets and len(self._tag_sets) >= _MOST_TAG_SETS:
            tags = (_code(self._tags, OTHER),)
        combo = (*codes, self._tag_sets.setdefault(tags, len(self._tag_sets)))
        if combo not in self._combo_of:
            if len(self._combo_of) >= _MOST_COMBOS:
                tags = (_code(self._tags, OTHER),)
                combo = (*codes, self._tag_sets.setdefault(tags, len(self._tag_sets)))
            if combo not in self._combo_of:
                self._combo_of[combo] = len(self._combo_of)
                self._counts.append(0)
        return self._combo_of[combo]

    def _end_block(self) -> None:
        if not self._lines:
            return
        text = self._files["text.zst"]
        self._files["blocks.u64"].write(array("Q", (text.tell(), self._first_row)).tobytes())
        text.write(self._packer.compress(b"".join(self._lines)))
        self._first_row, self._lines, self._bytes = self.rows, [], 0

    def _flush(self) -> None:
        for name, values in (("combos.u32", self._combos), ("hashes.u64", self._hashes)):
            self._files[name].write(values.tobytes())
            del values[:]
        self._ids_file.write(self._ids.tobytes())
        del self._ids[:]
        for file in (*self._files.values(), self._ids_file):
            file.flush()

    def _sort_ids(self) -> None:
        """ids.u64: the hashes in order, then the rows in the same order; a part of all hashes at a time."""
        import numpy

        shift = numpy.uint64(64 - _PARTS.bit_length() + 1)
        hashes_file, rows_file = self.folder / "ids.new", self.folder / "rows.new"
        with hashes_file.open("wb") as hashes, rows_file.open("wb") as rows:
            for part in range(_PARTS if self.rows > _BUFFERED_ROWS else 1):
                found = [numpy.empty((0, 2), dtype="<u8")]
                with (self.folder / "ids.tmp").open("rb") as file:
                    while len(read := numpy.fromfile(file, dtype="<u8", count=2 * _BUFFERED_ROWS)):
                        pairs = read.reshape(-1, 2)
                        found.append(pairs[pairs[:, 0] >> shift == part] if self.rows > _BUFFERED_ROWS else pairs)
                chosen = numpy.concatenate(found)
                order = numpy.argsort(chosen[:, 0], kind="stable")
                chosen[order, 0].tofile(hashes)
                chosen[order, 1].tofile(rows)
            hashes.flush()
        with hashes_file.open("ab") as whole, rows_file.open("rb") as rest:
            shutil.copyfileobj(rest, whole)
        rows_file.unlink()
        hashes_file.replace(self.folder / "ids.u64")


def _code(values: dict[str, int], value: str) -> int:
    """The number of `value`; OTHER's where there are too many."""
    if (known := values.get(value)) is not None:
        return known
    if len(values) >= _MOST_VALUES and value != OTHER:
        return _code(values, OTHER)
    return values.setdefault(value, len(values))


def _dumped(value: object) -> bytes:
    """JSON on one line; of a whole number that has more than 64 bits too."""
    try:
        return orjson.dumps(value)
    except TypeError:
        return json.dumps(value, ensure_ascii=False).encode("utf-8", "replace")


def id_hash(record_id: str) -> int:
    """The 64-bit hash by which a row is found by its id."""
    return hash64(record_id.encode(errors="surrogatepass"))


def hash64(data: bytes) -> int:
    return int.from_bytes(blake2b(data, digest_size=8).digest(), "little")


def discard(folder: Path) -> None:
    """Takes an index away."""
    shutil.rmtree(folder, ignore_errors=True)

"""Answers about the rows of a set out of its index; what it maps into memory is a few bytes for each row.

    index = Index(folder)
    chosen = index.choose({"lang": ["zh"], "code": ["translate/speech_act"]})
    chosen.total                      12,408
    index.facets({"lang": ["zh"]})    {"source": [("gsm8k", 7000), ...], ...}: each without its own filter
    index.after(chosen, 9_999_950, 50)                                         row numbers
    index.row(9_999_950)                                                       {"id": ..., "messages": [...]}

Rows are found by number: the last page costs what the first one costs.
"""

from __future__ import annotations

import os
import threading
import weakref
from collections import OrderedDict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson
import zstandard

from blossom_data.view.index.facets import FACETS, TAG
from blossom_data.view.index.writing import id_hash

_SLICE_ROWS = 1 << 20
_KEPT_BLOCKS = 8
Filter = Mapping[str, Sequence[str]]


@dataclass(frozen=True, slots=True)
class Chosen:
    """The rows that a filter lets through: which combinations of values, and, where marks are asked for, which rows."""

    combos: Any
    """bool [combinations]; None: all."""
    total: int
    rows: Any = None
    """Ascending row numbers, where only so few are meant; None: any."""


class Index:
    """The index in `folder`."""

    def __init__(self, folder: Path) -> None:
        """
        Raises:
            OSError, ValueError: it is not there, or damaged.
        """
        import numpy

        self._numpy = numpy
        self.folder = folder
        self.meta: dict[str, Any] = orjson.loads((folder / "meta.json").read_bytes())
        self.rows = int(self.meta["rows"])
        self._blocks = _mapped(numpy, folder / "blocks.u64", "<u8").reshape(-1, 2)
        self._row_combos = _mapped(numpy, folder / "combos.u32", "<u4")[: self.rows]
        self.hashes = _mapped(numpy, folder / "hashes.u64", "<u8")[: self.rows]
        ids = _mapped(numpy, folder / "ids.u64", "<u8")
        self.id_hashes, self.id_rows = ids[: len(ids) // 2], ids[len(ids) // 2 :]
        self._text_bytes = (folder / "text.zst").stat().st_size
        self._lock = threading.Lock()
        self._open_blocks: OrderedDict[int, list[bytes]] = OrderedDict()
        self._combos = numpy.array(self.meta["combos"], dtype="u4").reshape(-1, len(FACETS) + 1)
        self._counts = numpy.array(self.meta["counts"], dtype="i8")
        self._tag_sets = [frozenset(tags) for tags in self.meta["tag_sets"]]
        self._text = os.open(folder / "text.zst", os.O_RDONLY | os.O_CLOEXEC)
        self.close = weakref.finalize(self, os.close, self._text)
        """Lets go of the file; so does whoever lets go of the index."""

    def choose(self, wanted: Filter, rows: Iterable[int] | None = None) -> Chosen:
        """The rows whose values are among those `wanted` of every facet; of `rows` alone where they are given."""
        combos = self._matching(wanted)
        if rows is None:
            total = self.rows if combos is None else int(self._counts[combos].sum())
            return Chosen(combos, total)
        numbers = self._numpy.array(sorted(set(rows)), dtype="i8")
        if combos is not None and len(numbers):
            numbers = numbers[combos[self._row_combos[numbers]]]
        return Chosen(combos, len(numbers), numbers)

    def facets(self, wanted: Filter) -> dict[str, list[tuple[str, int]]]:
        """The values of each facet with the rows that have them, by the filters of all other facets."""
        found: dict[str, list[tuple[str, int]]] = {}
        for place, name in enumerate((*FACETS, TAG)):
            rest = {key: values for key, values in wanted.items() if key != name}
            combos = self._matching(rest)
            counts = self._counts if combos is None else self._counts * combos
            names = self.meta["tags"] if name == TAG else self.meta["values"][place]
            sums = self._tag_counts(counts) if name == TAG else self._sums(self._combos[:, place], counts, len(names))
            listed = [(value, int(number)) for value, number in zip(names, sums, strict=True) if number]
            kept = [(value, 0) for value in wanted.get(name, ()) if value not in {each for each, _ in listed}]
            found[name] = sorted(listed, key=lambda each: (-each[1], each[0])) + kept
        return found

    def _tag_counts(self, counts: Any) -> list[int]:
        by_set = self._sums(self._combos[:, -1], counts, len(self._tag_sets))
        sums = [0] * len(self.meta["tags"])
        for tags, number in zip(self._tag_sets, by_set, strict=True):
            for tag in tags:
                sums[tag] += int(number)
        return sums

    def _sums(self, places: Any, counts: Any, length: int) -> list[int]:
        """`counts` added up by place."""
        return [int(each) for each in self._numpy.bincount(places, weights=counts, minlength=length)]

    def _matching(self, wanted: Filter) -> Any:
        """Which combinations are wanted, None for all."""
        combos: Any = None
        for name, values in wanted.items():
            if not values:
                continue
            if name == TAG:
                codes = {number for number, tag in enumerate(self.meta["tags"]) if tag in values}
                fits = self._numpy.array([bool(codes & tags) for tags in self._tag_sets], dtype=bool)
                one = fits[self._combos[:, -1]]
            else:
                place = FACETS.index(name)
                fits = self._numpy.array([value in values for value in self.meta["values"][place]], dtype=bool)
                one = fits[self._combos[:, place]]
            combos = one if combos is None else combos & one
        return combos

    def after(self, chosen: Chosen, start: int, most: int) -> list[int]:
        """The first `most` chosen rows from row number `start` on."""
        if chosen.rows is not None:
            at = int(self._numpy.searchsorted(chosen.rows, start))
            return [int(row) for row in chosen.rows[at : at + most]]
        if chosen.combos is None:
            return list(range(max(start, 0), min(start + most, self.rows)))
        found: list[int] = []
        while start < self.rows and len(found) < most and chosen.total:
            part = chosen.combos[self._row_combos[start : start + _SLICE_ROWS]]
            hits = self._numpy.flatnonzero(part)[: most - len(found)]
            found += [start + int(hit) for hit in hits]
            start += _SLICE_ROWS
        return found

    def before(self, chosen: Chosen, end: int, most: int) -> list[int]:
        """The last `most` chosen rows before row number `end`, ascending."""
        if chosen.rows is not None:
            at = int(self._numpy.searchsorted(chosen.rows, end))
            return [int(row) for row in chosen.rows[max(0, at - most) : at]]
        if chosen.combos is None:
            return list(range(max(0, end - most), min(end, self.rows)))
        found: list[int] = []
        while end > 0 and len(found) < most and chosen.total:
            start = max(0, end - _SLICE_ROWS)
            hits = self._numpy.flatnonzero(chosen.combos[self._row_combos[start:end]])
            found = [start + int(hit) for hit in hits[-(most - len(found)) :]] + found
            end = start
        return found

    def is_chosen(self, chosen: Chosen, row: int) -> bool:
        if chosen.rows is not None:
            at = int(self._numpy.searchsorted(chosen.rows, row))
            return at < len(chosen.rows) and int(chosen.rows[at]) == row
        return chosen.combos is None or bool(chosen.combos[self._row_combos[row]])

    def kind(self, row: int) -> str:
        """What became of the row: kept, rejected, failed or unreadable."""
        return str(self.meta["values"][0][self._combos[self._row_combos[row], 0]])

    def row(self, number: int) -> dict[str, Any]:
        """The row with this number, from 0."""
        block = self.block_of(number)
        lines = self.lines(block)
        value: dict[str, Any] = orjson.loads(lines[number - self.first_row(block)])
        return value

    def find(self, record_id: str) -> list[int]:
        """The kept rows with this id, ascending."""
        wanted = self._numpy.uint64(id_hash(record_id))
        first = int(self._numpy.searchsorted(self.id_hashes, wanted, side="left"))
        last = int(self._numpy.searchsorted(self.id_hashes, wanted, side="right"))
        rows = sorted(int(row) for row in self.id_rows[first:last])
        return [row for row in rows if str(self.row(row).get("id", "")) == record_id]

    @property
    def blocks(self) -> int:
        return len(self._blocks)

    def block_of(self, row: int) -> int:
        """The block that holds the row."""
        return int(self._numpy.searchsorted(self._blocks[:, 1], row, side="right")) - 1

    def first_row(self, block: int) -> int:
        return int(self._blocks[block, 1])

    def lines(self, block: int) -> list[bytes]:
        """The rows of a block as JSON; the last few blocks stay at hand."""
        with self._lock:
            if block not in self._open_blocks:
                self._open_blocks[block] = self.text(block).split(b"\n")
                if len(self._open_blocks) > _KEPT_BLOCKS:
                    self._open_blocks.popitem(last=False)
            self._open_blocks.move_to_end(block)
            return self._open_blocks[block]

    def text(self, block: int) -> bytes:
        """The rows of a block as one text."""
        start = int(self._blocks[block, 0])
        end = int(self._blocks[block + 1, 0]) if block + 1 < len(self._blocks) else self._text_bytes
        packed = os.pread(self._text, end - start, start)
        return zstandard.ZstdDecompressor().decompress(packed)


def _mapped(numpy: Any, file: Path, kind: str) -> Any:
    """The file as an array that is read when it is used; an empty one cannot be mapped."""
    return numpy.memmap(file, dtype=kind, mode="r") if file.stat().st_size else numpy.empty(0, dtype=kind)

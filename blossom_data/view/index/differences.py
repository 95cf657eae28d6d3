"""Which records of two sets are the same, changed, added or removed, by their ids and the hashes of their messages.

found = Differences(old, new)
found.counts          {"changed": 41, "added": 100, "removed": 3, "same": 9903}
found.at("changed", 0, 50)      [(row in old, row in new), ...]; None on the side that has no such record
"""

from __future__ import annotations

from typing import Any

from blossom_data.view.index.reading import Index

KINDS = ("changed", "added", "removed", "same")
_SLICE_ROWS = 1 << 20


class Differences:
    """What became of the kept records of `old` in `new`; eight bytes are kept of each."""

    def __init__(self, old: Index, new: Index) -> None:
        import numpy

        self._numpy = numpy
        changed, same, removed = [], [], []
        is_taken = numpy.zeros(len(new.id_hashes), dtype=bool)
        for start in range(0, len(old.id_hashes), _SLICE_ROWS):
            hashes = old.id_hashes[start : start + _SLICE_ROWS]
            rows = old.id_rows[start : start + _SLICE_ROWS].astype("i8")
            places = numpy.searchsorted(new.id_hashes, hashes)
            inside = numpy.minimum(places, max(0, len(new.id_hashes) - 1))
            is_there = new.id_hashes[inside] == hashes if len(new.id_hashes) else numpy.zeros(len(hashes), dtype=bool)
            is_taken[inside[is_there]] = True
            others = new.id_rows[inside[is_there]].astype("i8") if len(new.id_hashes) else rows[:0]
            mine = rows[is_there]
            is_same = old.hashes[mine] == new.hashes[others]
            pairs = numpy.stack([mine, others], axis=1).astype("u4")
            changed.append(pairs[~is_same])
            same.append(pairs[is_same])
            removed.append(rows[~is_there].astype("u4"))
        added = new.id_rows[~is_taken].astype("u4")
        self._rows: dict[str, Any] = {
            "changed": self._by_new_row(changed),
            "same": self._by_new_row(same),
            "removed": numpy.sort(numpy.concatenate(removed)) if removed else added[:0],
            "added": numpy.sort(added),
        }

    def _by_new_row(self, pairs: list[Any]) -> Any:
        if not pairs:
            return self._numpy.empty((0, 2), dtype="u4")
        joined = self._numpy.concatenate(pairs)
        return joined[self._numpy.argsort(joined[:, 1], kind="stable")]

    @property
    def counts(self) -> dict[str, int]:
        return {kind: len(self._rows[kind]) for kind in KINDS}

    def at(self, kind: str, start: int, most: int) -> list[tuple[int | None, int | None]]:
        """The rows of some records of `kind`, in the order of the new set (of what was removed, of the old one)."""
        part = self._rows[kind][start : start + most]
        if kind == "added":
            return [(None, int(row)) for row in part]
        if kind == "removed":
            return [(int(row), None) for row in part]
        return [(int(old), int(new)) for old, new in part]

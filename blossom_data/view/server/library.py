"""The sets that are open: each with its index, its marks, the set it was made of, and what made it."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from blossom_data.counters import Counters
from blossom_data.records import Record
from blossom_data.report.page.html import visible
from blossom_data.review import Mark, Review, messages_hash
from blossom_data.shards import read_manifest
from blossom_data.view.index.opening import Source
from blossom_data.view.index.reading import Chosen, Index
from blossom_data.view.record.attempts import Workshop
from blossom_data.view.record.conversation import record_of
from blossom_data.view.server.state import State

_LOOK_AGAIN_S = 2.0


@dataclass(frozen=True, slots=True)
class Marked:
    """A mark with the row that it is about, None where there is none, and whether it holds."""

    mark: Mark
    row: int | None
    is_stale: bool

    @property
    def state(self) -> str:
        return "stale" if self.is_stale else self.mark.mark


@dataclass(slots=True)
class OpenSet:
    """One set, version, file or run."""

    source: Source
    index: Index
    workshop: Workshop
    original: Source | None = None
    """The set that it was made of, with `original_index`."""
    original_index: Index | None = None
    _review: Review | None = None
    _review_stat: tuple[int, int] | None = None
    _marked: dict[str, Marked] = field(default_factory=dict)
    _looked_s: float = 0.0
    lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def name(self) -> str:
        return visible(self.source.name)

    def refresh(self) -> None:
        """Takes up what a run has settled meanwhile, at most every few seconds."""
        if not self.source.is_live:
            return
        with self.lock:
            if time.monotonic() - self._looked_s > _LOOK_AGAIN_S:
                self.index = self.source.refreshed(self.index)
                self._looked_s = time.monotonic()

    def choose(self, state: State) -> Chosen:
        """The rows that the filters of `state` let through."""
        rows = None
        if state.marks:
            rows = [each.row for each in self.marked().values() if each.row is not None and each.state in state.marks]
        return self.index.choose(state.filters, rows)

    def mark_counts(self) -> dict[str, int]:
        """Marks by what they are: keep, drop, fix, stale."""
        counts: dict[str, int] = {}
        for each in self.marked().values():
            counts[each.state] = counts.get(each.state, 0) + 1
        return counts

    def marked(self) -> Mapping[str, Marked]:
        """The marks by record id, as the review file has them now."""
        with self.lock:
            review = self._current_review()
            if len(self._marked) != len(review.marks) or any(
                self._marked[key].mark is not mark for key, mark in review.marks.items() if key in self._marked
            ):
                self._marked = {key: self._known(key, mark) for key, mark in review.marks.items()}
            return self._marked

    def add_mark(self, mark: Mark) -> None:
        """Writes a mark into the review file; it is durable when this comes back."""
        with self.lock:
            self._current_review().add(mark)
            self._review_stat = self._stat()
            if mark.mark == "none":
                self._marked.pop(mark.id, None)
            else:
                self._marked[mark.id] = self._known(mark.id, mark)

    @property
    def review_path(self) -> Path:
        with self.lock:
            return self._current_review().file

    def _known(self, record_id: str, mark: Mark) -> Marked:
        rows = self.index.find(record_id)
        for row in rows:
            record = record_of(self.index.row(row))
            if record is not None and messages_hash(record.messages, record.tools) == mark.messages:
                return Marked(mark, row, False)
        return Marked(mark, rows[0] if rows else None, True)

    def _current_review(self) -> Review:
        stat = self._stat() if self._review is not None else None
        if self._review is None or stat != self._review_stat:
            self._review, self._marked = Review.of(self.source.path), {}
            self._review_stat = self._stat()
        return self._review

    def _stat(self) -> tuple[int, int] | None:
        assert self._review is not None
        try:
            told = self._review.file.stat()
        except OSError:
            return None
        return told.st_size, told.st_mtime_ns

    def original_of(self, record: Record) -> Record | None:
        """The record of the same id in the set that this one was made of."""
        if self.original_index is None:
            return None
        rows = self.original_index.find(record.id)
        return record_of(self.original_index.row(rows[0])) if rows else None


@dataclass(slots=True)
class Library:
    """All that is open, in the order in which it was named."""

    sets: Sequence[OpenSet]

    def close(self) -> None:
        for each in self.sets:
            each.index.close()
            each.source.close()
            if each.original is not None:
                each.original.close()


def made_of(source: Source) -> Path | None:
    """The set that a set was made of by one stage, where it is one and is there."""
    made: Any = source.manifest.get("made_of")
    inputs = made.get("inputs") if isinstance(made, dict) else None
    if not isinstance(inputs, list) or len(inputs) != 1 or not isinstance(inputs[0], str):
        return None
    place = source.path.resolve() / inputs[0]
    try:
        place = place.resolve()
        # Who made a set may have named any file of this machine in it: only what is a set itself is opened.
        return place if place.is_dir() and read_manifest(place) and place != source.path.resolve() else None
    except (OSError, ValueError):
        return None


def open_set(source: Source, workshop: Workshop, original: Source | None, counters: Counters) -> OpenSet:
    """Opens a set with the one it was made of; builds what indexes are missing."""
    index = source.open(counters)
    original_index = original.open(counters) if original is not None else None
    return OpenSet(source, index, workshop, original, original_index)

"""The inputs of a mix: each is read twice, and the second reading must meet what the first one met.

    Input("train/stage1").rows()     (0, Record), (1, BadRow), (2, Record) ...

An input is a data set folder, a file, or an earlier mix in any layout; its place in a file is a row's ordinal number.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from blossom_data.errors import ConfigError, InputError
from blossom_data.mix.layouts import LAYOUTS
from blossom_data.mix.plan import Mix
from blossom_data.object_store import path_of
from blossom_data.outputs.unfinished import refuse_unfinished
from blossom_data.records import Record
from blossom_data.review import Review, review_facts
from blossom_data.rows import BadRow, Row, read_rows
from blossom_data.rows.facts import count_records, fingerprint
from blossom_data.rows.row import Unreadable
from blossom_data.rows.valid import distinct_records, valid_record
from blossom_data.shards import read_manifest


def is_there(path: Path) -> bool:
    """Whether `path` is a file or folder that can be seen; False for a name that no file can have."""
    try:
        return path.exists()
    except (OSError, ValueError):
        return False


def count_inputs(mix: Mix) -> int | None:
    """The number of records in the inputs, None where one does not say."""
    inputs = dict.fromkeys(part.data for part in mix.parts)
    counts = [count_records(data) if is_there(path_of(data)) else None for data in inputs]
    return None if None in counts else sum(number or 0 for number in counts)


def input_facts(path: Path | str) -> dict[str, Any]:
    """By what an input is known again: its name and sha256, and that of its review where it has one."""
    return {**fingerprint(path), **review_facts(path)}


class Input:
    """One input: what it is called, what it was when the mix began, and its records.

    Raises:
        InputError: there is no such file or folder, or a data set that is not finished.
        ConfigError: its manifest names a layout that is not known.
    """

    def __init__(self, data: str) -> None:
        self.data, self.path = data, path_of(data)
        if not is_there(self.path):
            raise InputError(f"cannot read {data}: no such file or folder", hint="check the path")
        if self.path.is_dir():
            refuse_unfinished(self.path)
        manifest = (read_manifest(self.path) if self.path.is_dir() else None) or {}
        self.layout = manifest.get("layout", "messages")
        if not isinstance(self.layout, str) or self.layout not in LAYOUTS:
            raise ConfigError(f"{data}: its layout is {str(self.layout)[:40]!r}", hint=f"known: {', '.join(LAYOUTS)}")
        generation = manifest.get("generation", 0)
        self.generation = generation if isinstance(generation, int) and 0 <= generation < 1000 else 0
        """0 for a data set; a mix is one more than the youngest of its inputs, and is drawn from with a key of its own:
        with the one it was drawn by, a replay would take what was drawn first and nothing of the parts taken whole."""
        listed = manifest.get("sources", [])
        self.sources = [entry for entry in listed if isinstance(entry, dict)] if isinstance(listed, list) else []
        """Where its records came from, with licences, as its manifest says."""
        self.facts = input_facts(self.path)
        self.review = Review.of(self.path)
        """What people said about its records."""

    def records(self) -> Iterator[Record | BadRow]:
        """The records in order; a row that is none, or repeats an id, as BadRow."""
        return distinct_records(read_rows(self.path), self.record)

    def pick(self, places: Iterator[tuple[int, ...]]) -> Iterator[tuple[Record, tuple[int, ...]]]:
        """The records at `places` (each begins with an ordinal number, ascending), with what else stands there.

        Raises:
            InputError: there is no record at one of them.
        """
        wanted = next(places, None)
        for number, row in enumerate(read_rows(self.path)):
            if wanted is None:
                return
            if number == wanted[0]:
                try:
                    record = self.record(row) if isinstance(row, Row) else None
                except Unreadable:
                    record = None
                if record is None:
                    raise self.changed()
                yield self.review.apply(record)[1], wanted
                wanted = next(places, None)
        if wanted is not None:
            raise self.changed()

    def record(self, row: Row) -> Record:
        """The record of one row; raises Unreadable."""
        if self.layout == "messages":
            return valid_record(row.value)
        value = row.value
        try:
            messages = LAYOUTS[self.layout].decode(value)
        except (KeyError, TypeError, ValueError) as why:
            raise Unreadable("wrong_layout", f"not a row of the layout {self.layout}: {why}") from why
        return valid_record({"messages": messages, **{key: value.get(key) for key in ("id", "source", "lang")}})

    def require_unchanged(self) -> None:
        """Raises InputError when the input is another than at the beginning."""
        if input_facts(self.path) != self.facts:
            raise self.changed()

    def changed(self) -> InputError:
        """The error of an input that was not the same at both readings."""
        return InputError(f"{self.data} changed while it was mixed", hint="wait until it is written, then run again")

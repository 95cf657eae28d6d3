"""Items that a measure has to see all of before it judges the first: kept in the temporary folder, read again by place.

    with Spool() as spool:
        place = spool.add((record, 2))
        spool[place]                     (record, 2)

A file without a name, gone with the process; memory: 8 bytes an item. In order it is read with `iter`.
"""

from __future__ import annotations

import os
import tempfile
from array import array
from collections.abc import Iterator
from types import TracebackType
from typing import Any, Self

import orjson

from blossom_data.curate.item import Item, Ruled
from blossom_data.errors import BlossomError
from blossom_data.records import Lineage, Message, Record, Reject, ToolCall
from blossom_data.rows import BadRow

_BUFFER_BYTES = 1 << 20


class Pieces:
    """A sequence of byte strings on disk."""

    def __init__(self) -> None:
        self._file = tempfile.TemporaryFile(buffering=_BUFFER_BYTES)  # noqa: SIM115
        self._ends = array("Q", [0])
        self._is_written = True

    def close(self) -> None:
        # What is still buffered may not fit on the disk, and is of no use any more.
        self._file.raw.close() if hasattr(self._file, "raw") else self._file.close()

    def __len__(self) -> int:
        return len(self._ends) - 1

    def add(self, piece: bytes) -> int:
        """Keeps one more; gives its place.

        Raises:
            BlossomError: the temporary folder is full.
        """
        try:
            self._file.write(piece)
        except OSError as why:
            raise _full(why) from why
        self._ends.append(self._ends[-1] + len(piece))
        self._is_written = False
        return len(self._ends) - 2

    def __getitem__(self, place: int) -> bytes:
        self._flush()
        start, end = self._ends[place], self._ends[place + 1]
        return os.pread(self._file.fileno(), end - start, start)

    def __iter__(self) -> Iterator[bytes]:
        """All of them, in order."""
        self._flush()
        self._file.seek(0)
        for place in range(len(self)):
            yield self._file.read(self._ends[place + 1] - self._ends[place])

    def _flush(self) -> None:
        if not self._is_written:
            try:
                self._file.flush()
            except OSError as why:
                raise _full(why) from why
            self._is_written = True


class Spool:
    """A sequence of items on disk."""

    def __init__(self) -> None:
        self._lines = Pieces()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, why: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        self._lines.close()

    def __len__(self) -> int:
        return len(self._lines)

    def add(self, item: Item) -> int:
        """Keeps one more item; gives its place; raises as `Pieces.add`."""
        return self._lines.add(orjson.dumps(_to_plain(item)))

    def __getitem__(self, place: int) -> Item:
        return _to_item(orjson.loads(self._lines[place]))

    def __iter__(self) -> Iterator[Item]:
        """All items, in order."""
        return (_to_item(orjson.loads(line)) for line in self._lines)


def _full(why: OSError) -> BlossomError:
    return BlossomError(
        f"cannot keep the records read so far ({why.strerror})", hint="free some space in the temporary folder (TMPDIR)"
    )


def _to_plain(item: Item) -> list[Any]:
    content, tag = item
    if isinstance(content, Record):
        return [tag, content.to_dict()]
    if isinstance(content, BadRow):
        row = content
        return [tag, None, [row.file, row.line, row.code, row.detail, row.raw.decode("latin-1")]]
    why = content.reject
    return [tag, content.record.to_dict(), [content.measure, why.code, why.detail]]


def _to_item(plain: list[Any]) -> Item:
    tag, record, *rest = plain
    if record is None:
        file, line, code, detail, raw = rest[0]
        return BadRow(file, line, code, detail, raw.encode("latin-1")), tag
    made = _to_record(record)
    if not rest:
        return made, tag
    measure, code, detail = rest[0]
    return Ruled(measure, made, Reject(code, detail)), tag


def _to_record(plain: dict[str, Any]) -> Record:
    """A record that we wrote ourselves: nothing of it is checked again."""
    return Record(
        id=plain["id"],
        source=plain["source"],
        lang=plain["lang"],
        messages=tuple(map(_to_turn, plain["messages"])),
        source_id=plain["source_id"],
        gold=plain["gold"],
        tags=tuple(plain["tags"]),
        lineage=tuple(Lineage(**step) for step in plain["lineage"]),
        tools=plain.get("tools", ""),
    )


def _to_turn(plain: dict[str, Any]) -> Message:
    calls = (ToolCall(**call["function"], id=call.get("id", "")) for call in plain.get("tool_calls", ()))
    return Message(**{**plain, "tool_calls": tuple(calls)})

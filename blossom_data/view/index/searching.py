"""Looks for a text in the chosen rows, block by block, for as long as somebody waits; then says how far it came.

    search(index, chosen, "二分", start=0, most=50, within_s=0.8)
    ->  Found(rows=[17, 4_711, ...], searched_to=812_000, is_end=False)

Any part of a word is found, in any script, from one character on. Capitals are ignored where the text has none. What
is searched are the texts, ids and tags of a row and what was answered, not the names of JSON's fields.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import orjson

from blossom_data.view.index.facets import texts_of
from blossom_data.view.index.reading import Chosen, Index

WITHIN_S = 0.8


@dataclass(frozen=True, slots=True)
class Found:
    """The rows found, and the first row that was not looked at."""

    rows: list[int]
    searched_to: int
    is_end: bool


def search(index: Index, chosen: Chosen, wanted: str, *, start: int, most: int, within_s: float = WITHIN_S) -> Found:
    """Up to `most` chosen rows from row `start` on that hold `wanted`, found within a span of time.

    At least one block is looked at, so that whoever goes on comes to the end.
    """
    ends_s = time.monotonic() + within_s
    needle = _Needle(wanted)
    rows: list[int] = []
    row = start
    while row < index.rows:
        following = index.after(chosen, row, 1)
        if not following:
            return Found(rows, index.rows, True)
        block = index.block_of(following[0])
        first = index.first_row(block)
        for number, line in needle.candidates(index.text(block)):
            at = first + number
            if at < row or not index.is_chosen(chosen, at) or not needle.is_in(orjson.loads(line)):
                continue
            rows.append(at)
            if len(rows) >= most:
                return Found(rows, at + 1, at + 1 >= index.rows)
        row = index.first_row(block + 1) if block + 1 < index.blocks else index.rows
        if time.monotonic() > ends_s:
            break
    return Found(rows, row, row >= index.rows)


class _Needle:
    """What is looked for, as it stands in JSON and in a text."""

    def __init__(self, wanted: str) -> None:
        self._is_folded = wanted == wanted.lower()
        self._text = wanted.casefold() if self._is_folded else wanted
        ascii_only = wanted.isascii()
        self._json = orjson.dumps(wanted.encode("utf-8", "replace").decode())[1:-1]
        # Bytes are compared without regard to capitals of ASCII alone: what has others is looked at row by row.
        self._is_lowered = self._is_folded and ascii_only
        self._is_slow = self._is_folded and not ascii_only and wanted.upper() != wanted

    def candidates(self, text: bytes) -> Iterator[tuple[int, bytes]]:
        """The lines of a block that may hold it, with their numbers."""
        if self._is_slow:
            yield from enumerate(text.splitlines())
            return
        searched = text.lower() if self._is_lowered else text
        at = number = counted = 0
        while (at := searched.find(self._json, at)) >= 0:
            begin = text.rfind(b"\n", 0, at) + 1
            end = text.find(b"\n", at)
            number += text.count(b"\n", counted, begin)
            counted = begin
            yield number, text[begin:end]
            at = end

    def is_in(self, row: dict[str, Any]) -> bool:
        """Whether a text of the row holds it."""
        return any(self._text in (text.casefold() if self._is_folded else text) for text in searched_texts(row))


def searched_texts(row: dict[str, Any]) -> Iterator[str]:
    """What of a row is searched."""
    record = row.get("record") if isinstance(row.get("record"), dict) else row
    assert isinstance(record, dict)
    yield from texts_of(record)
    for name in ("id", "source_id", "gold", "tools", "detail", "reply"):
        for place in (row, record):
            if isinstance(text := place.get(name), str):
                yield text
    for turn in record.get("messages") or ():
        if isinstance(turn, dict) and turn.get("tool_calls"):
            yield orjson.dumps(turn["tool_calls"]).decode()
    yield from (tag for tag in record.get("tags") or () if isinstance(tag, str))

"""Rows inside a wrapper, where it is certain that they are rows: the reader knows them by their fields.

    {"version": "1.0", "data": [{"instruction": "..."}, ...]}      {"train": [{...}, ...], "test": [{...}, ...]}
    {"0": {"instruction": "..."}, "1": {...}}                      [["instruction", "output"], ["...", "..."], ...]

An object that is a row by its own fields is no wrapper. Of lists that are named for splits the wanted one is read.
Elements are read one at a time, as in any array; what is not certain is left as it is.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import chain
from typing import Any

import orjson

from blossom_data.rows.array import SEPARATORS, Window, next_element, row_of
from blossom_data.rows.folders import split_name, splits_asked
from blossom_data.rows.row import MAX_LINE_BYTES, NUL, BadRow, Row, SuspectRow, Unreadable
from blossom_data.rows.strict import BOM, parse_object
from blossom_data.rows.wanted import Wanted

_OBJECT, _LIST, _TEXT = b'{["'
_ENDS = (None, ord("]"), ord("}"))
_SCALAR = re.compile(rb'[^\s,:"\[\]{}]++')
_BETWEEN = re.compile(rb"(?:[\s,:]|\xef\xbb\xbf)*+")


def unwrap(
    blocks: Iterator[bytes], first: bytes, file: str, wanted: Wanted
) -> tuple[Iterator[Row | BadRow] | None, Iterator[bytes]]:
    """The rows of the wrapper that `blocks` hold, None where they hold none, and the blocks that are left to read.

    Args:
        first: the first bytes that `blocks` will give.
    """
    if _is_row(first.partition(b"\n")[0], wanted):
        return None, blocks
    tape: list[bytes] = []
    window = Window(_taped(blocks, tape))
    opening = window.skip(SEPARATORS)
    rest = chain(tape, blocks)
    if opening == _LIST and (names := _header(window, wanted)):
        return _listed_rows(Window(rest), file, names), iter(())
    if opening == _OBJECT and _is_wrapper(window, tape, wanted):
        return _wrapped_rows(Window(rest), file, wanted), iter(())
    return None, rest


def _taped(blocks: Iterator[bytes], tape: list[bytes]) -> Iterator[bytes]:
    for block in blocks:
        tape.append(block)
        yield block


def _is_row(text: bytes, wanted: Wanted) -> bool:
    """Whether `text` is a whole object that is a row."""
    try:
        value = orjson.loads(text.removeprefix(BOM))
    except orjson.JSONDecodeError:
        return False
    return isinstance(value, dict) and wanted.is_row(value)


def _is_wrapper(window: Window, tape: list[bytes], wanted: Wanted) -> bool:
    """Whether the object at the window's position is no row but holds one, as far as a row may be long."""
    keys: list[str] = []
    for _, text, _ in _elements(window, wanted, keys):
        if wanted.is_row(dict.fromkeys(keys)) or sum(map(len, tape)) > MAX_LINE_BYTES:
            return False
        if _is_row(text, wanted):
            return True
    return False


def _elements(window: Window, wanted: Wanted, keys: list[str]) -> Iterator[tuple[int, bytes, Unreadable | None]]:
    """The objects in the object at the window's position and the elements of its lists, with their lines.

    `keys` grows by each key that is met. A list of another split than the wanted one is passed over.
    """
    window.pos += 1
    read = ("", *splits_asked(wanted.split))
    while (byte := window.skip(_BETWEEN)) not in _ENDS:
        line = window.line()
        text, problem = next_element(window, byte or 0)
        if byte != _TEXT or problem is not None:
            yield line, text, problem or Unreadable("bad_json", "no key where a key should be")
            return
        keys.append(_key(text))
        if (byte := window.skip(_BETWEEN)) == _LIST and split_name(keys[-1]) in read:
            window.pos += 1
            while (byte := window.skip(SEPARATORS)) not in _ENDS:
                yield window.line(), *next_element(window, byte or 0)
            window.pos += byte is not None
        elif byte in (_OBJECT, _LIST, _TEXT):
            line = window.line()
            text, problem = next_element(window, byte)
            if byte == _OBJECT or problem is not None:
                yield line, text, problem
        elif byte not in _ENDS:
            window.skip(_SCALAR)
    window.pos += byte is not None
    if byte is None:
        yield window.line(), b"", Unreadable("torn_line", "the file ends before the wrapper of the rows does")


def _key(text: bytes) -> str:
    try:
        return str(orjson.loads(text))
    except orjson.JSONDecodeError:
        return ""


def _wrapped_rows(window: Window, file: str, wanted: Wanted) -> Iterator[Row | BadRow]:
    """The rows of a wrapper, and of those that follow it."""
    while (byte := window.skip(SEPARATORS)) is not None:
        keys: list[str] = []
        line, member, is_of_rows, has_rows = window.line(), 0, False, False
        if byte != _OBJECT:
            yield BadRow(file, line, "bad_json", "data behind the wrapper of the rows", window.peek())
            return
        for line, text, problem in _elements(window, wanted, keys):
            is_of_rows = (is_of_rows and member == len(keys)) or _is_row(text, wanted)
            member = len(keys)
            if problem is None and not is_of_rows:
                continue
            has_rows = True
            yield row_of(text, file, line, wanted) if problem is None else problem.at(file, line, text)
        if not has_rows:
            yield BadRow(file, line, "wrong_layout", "an object without rows behind a wrapper of rows")


def _header(window: Window, wanted: Wanted) -> list[str]:
    """The names of the columns, where the first element of the list is a list of those of a row."""
    window.pos += 1
    if window.skip(SEPARATORS) != _LIST:
        return []
    text, _ = next_element(window, _LIST)
    try:
        names = orjson.loads(text)
    except orjson.JSONDecodeError:
        return []
    is_header = all(isinstance(name, str) for name in names) and wanted.is_row(dict.fromkeys(names))
    return names if is_header and len(set(names)) == len(names) else []


def _listed_rows(window: Window, file: str, names: list[str]) -> Iterator[Row | BadRow]:
    """The lists behind the header, as the rows that they are."""
    window.skip(SEPARATORS)
    window.pos += 1
    is_header = True
    while (byte := window.skip(SEPARATORS)) not in _ENDS:
        line = window.line()
        text, problem = next_element(window, byte or 0)
        if is_header:
            is_header = False
            continue
        try:
            if problem is not None:
                raise problem
            values = parse_object(b'{"row":%s}' % text, refuses_nul=False)["row"]
            yield (SuspectRow if NUL in text else Row)(file, line, _zipped(values, names))
        except Unreadable as why:
            yield why.at(file, line, text)
    if byte is None:
        yield BadRow(file, window.line(), "torn_line", "the file ends before the list of the rows does")


def _zipped(values: Any, names: list[str]) -> dict[str, Any]:
    if not isinstance(values, list) or len(values) != len(names):
        raise Unreadable("bad_table_row", f"not a list of {len(names)} values, as its header is")
    return dict(zip(names, values, strict=True))

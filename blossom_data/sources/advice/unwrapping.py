"""The command that makes rows of what holds them in another shape, where their meaning is not certain.

{"features": [...], "rows": [{"row_idx": 0, "row": {...}}]}     jq -c '.rows[].row' x.json > rows.jsonl
{"instruction": ["a", "b"], "output": ["c", "d"]}               a table by columns
["a question", "an answer"]                                     jq -c '{instruction: .[0], output: .[1]}' ...
{"role": "user", "content": "..."}                              the turns of one chat
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from blossom_data.rows import BadRow, Row

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*+")
_TURNS = ({"role", "content"}, {"from", "value"})
_PAIR = "{instruction: .[0], output: .[1]}"
_BY_COLUMN = ". as $t | (.[keys_unsorted[0]] | keys_unsorted[]) as $i | $t | map_values(.[$i])"


def unwrapping_hint(row: Row | BadRow, file: str) -> str:
    """What to run so that `file`, whose first row this is, holds rows; "" where no wrapper is seen."""
    told, program = _unwrapping(row)
    if not program:
        return ""
    if program != "{messages: .}" and _begins_with(file, b"["):
        program = f".[] | {program}"
    return f"{told}: jq -c {shlex.quote(program)} {shlex.quote(file)} > rows.jsonl"


def _unwrapping(row: Row | BadRow) -> tuple[str, str]:
    """What the row is, and the jq program that gives the rows in it."""
    if isinstance(row, BadRow):
        is_list = row.code == "not_an_object" and row.raw.lstrip().startswith(b"[")
        return ("name what stands at which place", _PAIR) if is_list else ("", "")
    if any(row.value.keys() >= names for names in _TURNS):
        return "these are the turns of one chat", "{messages: .}"
    lists = [(name, value) for name, value in row.value.items() if isinstance(value, list)]
    if found := [(name, value) for name, value in lists if value and isinstance(value[0], dict)]:
        # That whose elements hold an object each, or the longest: beside it may stand a description of its columns.
        name, value = max(found, key=lambda pair: (bool(_inner(pair[1][0])), len(pair[1])))
        if any(value[0].keys() >= names for names in _TURNS):
            return f"the turns of a chat seem to stand in {_path(name)}", f"{{conversations: {_path(name)}}}"
        path = f"{_path(name)}[]{_inner(value[0])}"
        return f"the rows seem to stand in {path}", path
    return _of_one_kind(row.value)


def columns_hint(row: Row, file: str) -> str:
    """As unwrapping_hint, of a row whose fields hold those of many rows; "" where they do not."""
    return unwrapping_hint(row, file) if _of_one_kind(row.value)[1] == _BY_COLUMN else ""


def _of_one_kind(row: Mapping[str, Any]) -> tuple[str, str]:
    """Of an object whose members are all lists of one length, or all objects."""
    members = list(row.values())
    if members and all(isinstance(member, dict) for member in members):
        if len(members) == 1 and not all(map(str.isdecimal, members[0])):
            path = _path(next(iter(row)))
            return f"the row seems to stand in {path}", path
        is_by_column = all(
            key.isdecimal() and member.keys() == members[0].keys() for member in members for key in member
        )
        return (
            ("this is a table by columns", _BY_COLUMN) if is_by_column else ("the rows seem to be its members", ".[]")
        )
    is_by_column = len(members) > 1 and all(isinstance(member, list) for member in members)
    if is_by_column and len({len(member) for member in members}) == 1:
        return "this is a table by columns", _BY_COLUMN
    return "", ""


def _inner(element: Mapping[str, Any]) -> str:
    """The path from an element of a list to the row in it: its one member that is an object."""
    objects = [name for name, item in element.items() if isinstance(item, dict)]
    return _path(objects[0]) if len(objects) == 1 else ""


def _path(name: str) -> str:
    return f".{name}" if _NAME.fullmatch(name) else f'.["{name}"]'


def _begins_with(file: str, mark: bytes) -> bool:
    try:
        with Path(file).open("rb") as opened:
            return opened.read(4096).removeprefix(b"\xef\xbb\xbf").lstrip().startswith(mark)
    except (OSError, ValueError):
        return False

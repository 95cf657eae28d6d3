"""Decodes one JSON object strictly: what JSON readers disagree about is refused, not guessed.

    parse_object(b'{"id": 1, "id": 2}')   raises Unreadable("duplicate_key", ...)

orjson refuses most bad input by itself, but takes the last of two equal keys and turns an integer beyond 64 bits into
a float. Both are found exactly without a second parse of a normal row: every key brings one colon, so a row whose
colons are all accounted for by its keys and texts has no key twice. Rows where the sum is off go through a slow check.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from typing import Any, NoReturn

import orjson

from blossom_data.rows.encoding import likely_encoding
from blossom_data.rows.row import MAX_DEPTH, Unreadable
from blossom_data.rows.wanted import Wanted

BOM = b"\xef\xbb\xbf"
_LIST_OF_OBJECTS = re.compile(rb"\[\s*+\{")

_LARGEST_EXACT = 2.0**63


def parse_object(line: bytes, *, refuses_nul: bool = True) -> dict[str, Any]:
    """The object that `line` holds; a byte order mark before it, left by joining files, is none of it.

    Raises:
        Unreadable: bad_utf8, bad_json, nul, too_deep, too_large_number, duplicate_key or not_an_object.
    """
    try:
        value = orjson.loads(line)
    except orjson.JSONDecodeError as why:
        if line.startswith(BOM):
            return parse_object(line.removeprefix(BOM), refuses_nul=refuses_nul)
        _classify(line, why)
    if type(value) is not dict:
        raise Unreadable("not_an_object", f"a JSON {_kind(value)} where an object should be")
    colons = len(value)
    for item in value.values():
        kind = type(item)
        if kind is str:
            colons += item.count(":")
        elif kind is not int and item is not None:
            break
    else:
        # A \u003a in a text is a colon that the bytes do not show, and \u0000 a NUL: both go the slow way.
        if colons == line.count(b":") and b"\\u003" not in line and not (refuses_nul and b"\\u0000" in line):
            return value
    _check(line, value, refuses_nul=refuses_nul)
    return value


def lifted(line: bytes, why: Unreadable, wanted: Wanted | None) -> dict[str, Any]:
    """The row that a bare list of objects is, where the reader says which field it stands for.

    Raises:
        Unreadable: `why` parse_object did not take it.
    """
    bare = line.strip().removeprefix(BOM)
    if wanted is None or why.code != "not_an_object" or not wanted.list_field or not _LIST_OF_OBJECTS.match(bare):
        raise why
    return parse_object(b'{"%s":%s}' % (wanted.list_field.encode(), bare), refuses_nul=False)


def _check(line: bytes, value: dict[str, Any], *, refuses_nul: bool) -> None:
    """Raises Unreadable for what orjson lets through: depth, NUL, large numbers and equal keys."""
    has_nul = refuses_nul and b"\\u0000" in line
    colons, has_large_number = _census(value, has_nul)
    if has_nul or has_large_number or b"\\u003" in line or colons != line.count(b":"):
        _check_slowly(line, refuses_nul=refuses_nul)


def _census(value: dict[str, Any], has_nul: bool) -> tuple[int, bool]:
    """Counts the colons that the keys and texts of a value account for, and looks for large numbers, level by level.

    A colon inside a key is not counted: it only sends its row the slow way.
    """
    colons, has_large_number = 0, False
    level: list[Any] = [value]
    for _ in range(MAX_DEPTH):
        below = []
        for box in level:
            if type(box) is dict:
                colons += len(box)
                items: Iterable[Any] = box.values()
            else:
                items = box
            for item in items:
                kind = type(item)
                if kind is str:
                    colons += item.count(":")
                    if has_nul and "\0" in item:
                        raise Unreadable("nul", f"a NUL character at position {item.index(chr(0))} of a text")
                elif kind is dict or kind is list:
                    below.append(item)
                elif kind is float and abs(item) >= _LARGEST_EXACT:
                    has_large_number = True
        if not below:
            return colons, has_large_number
        level = below
    raise Unreadable("too_deep", f"nested more than {MAX_DEPTH} deep")


def _check_slowly(line: bytes, *, refuses_nul: bool) -> None:
    """Parses again with a hook on every object and every integer; the depth is known to be small."""

    def refuse_equal_keys(pairs: list[tuple[str, object]]) -> None:
        seen: set[str] = set()
        for key, _ in pairs:
            if key in seen:
                raise Unreadable("duplicate_key", f"the key {_short(key)} stands twice in one object")
            if refuses_nul and "\0" in key:
                raise Unreadable("nul", "a NUL character inside a key")
            seen.add(key)

    def refuse_large(digits: str) -> None:
        if len(digits) > 20 or not -(2**63) <= int(digits) < 2**64:
            raise Unreadable("too_large_number", f"the integer {_short(digits)} does not fit into 64 bits")

    try:
        json.loads(line, object_pairs_hook=refuse_equal_keys, parse_int=refuse_large, parse_float=len)
    except ValueError as why:
        raise Unreadable("bad_json", str(why)) from why


def _classify(line: bytes, why: orjson.JSONDecodeError) -> NoReturn:
    """Raises Unreadable with the code that tells the user most about a line that orjson refused."""
    try:
        line.decode()
    except UnicodeDecodeError as bad:
        raise Unreadable("bad_utf8", f"byte {bad.start + 1} of the row: {bad.reason}{_meant(line)}") from why
    problem = why.msg
    if "depth" in problem or "ecursion" in problem:
        raise Unreadable("too_deep", f"nested more than {MAX_DEPTH} deep") from why
    if "infinit" in problem or "out of range" in problem:
        raise Unreadable("too_large_number", "a number beyond the range of a double") from why
    raise Unreadable("bad_json", f"{problem} (byte {why.pos + 1} of the row)") from why


def _meant(line: bytes) -> str:
    encoding = likely_encoding(line)
    return f" (it would be text as {encoding})" if encoding else ""


def _kind(value: object) -> str:
    kinds = {list: "list", str: "text", bool: "boolean", int: "number", float: "number", type(None): "null"}
    return kinds[type(value)]


def _short(text: str) -> str:
    return f'"{text[:40]}..."' if len(text) > 40 else f'"{text}"'

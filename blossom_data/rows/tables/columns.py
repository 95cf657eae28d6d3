"""Which columns of an Arrow schema are decoded, and the rows of a batch as the plain values that JSON knows.

    {"instruction": "Name three colours.", "gold": None, "turns": ["a", "b"]}

A column that is not wanted is never decoded and stands in its rows as null, so that a layout is known by its fields all
the same. So is what JSON has no word for (bytes, dates, decimals), also deep inside a column: images, timestamps. Bytes
that were wanted are taken for the text that old writers meant. NaN is null: so pandas writes a missing text.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from blossom_data.errors import ConfigError, InputError, extra_hint
from blossom_data.rows.row import MAX_DEPTH, MAX_LINE_BYTES, BadRow, Row, SuspectRow, Unreadable
from blossom_data.rows.wanted import Wanted

BATCH_ROWS = 512


def import_pyarrow(file: str, kind: str) -> Any:
    """pyarrow, imported when the first file that needs it is met.

    Raises:
        ConfigError: it is not installed.
    """
    try:
        import pyarrow
    except ImportError as why:
        raise ConfigError(f"{file} is {kind}, and pyarrow is not installed", hint=extra_hint("hub")) from why
    return pyarrow


def telling_damage(rows: Iterator[Row | BadRow], file: str, kind: str) -> Iterator[Row | BadRow]:
    """`rows`; where reading them fails, the number of the last one is told.

    Raises:
        InputError: the file is damaged.
    """
    import pyarrow

    number = 0
    try:
        for row in rows:
            number = row.line
            yield row
    except (pyarrow.ArrowException, OSError) as why:
        reason = " ".join(str(why).split())[:200]
        raise InputError(
            f"{file}: the {kind} file cannot be read behind row {number} ({reason})", hint="fetch the file again"
        ) from why


class Columns:
    """What of a table is decoded: its columns by name, and how their rows are read."""

    def __init__(self, schema: Any, wanted: Wanted | None, file: str) -> None:
        if len(set(schema.names)) < len(schema.names):
            raise InputError(f"{file}: two columns have the same name", hint="rename one of them")
        self._file, self._wanted, self._number = file, wanted, 0
        self.names = [field.name for field in schema if self._is_read(field)]
        """Those that are decoded, in the order of the file."""
        self._blank = dict.fromkeys(schema.names)

    def _is_read(self, field: Any) -> bool:
        if self._wanted is None:
            return has_plain(field.type)
        return field.name in self._wanted.fields and (has_plain(field.type) or is_bytes(field.type))

    def rows(self, batch: Any) -> Iterator[Row | BadRow]:
        """The rows of a batch that holds these columns, a few at a time."""
        for start in range(0, batch.num_rows, BATCH_ROWS):
            part = batch.slice(start, BATCH_ROWS)
            for value in _values(part) if self.names else [{}] * part.num_rows:
                self._number += 1
                yield self._row(value)

    def _row(self, value: dict[str, Any] | Unreadable) -> Row | BadRow:
        if isinstance(value, Unreadable):
            return value.at(self._file, self._number)
        if any(isinstance(item, str | bytes) and len(item) > MAX_LINE_BYTES for item in value.values()):
            detail = f"a text of more than {MAX_LINE_BYTES:,} characters"
            return BadRow(self._file, self._number, "line_too_long", detail)
        try:
            found = {**self._blank, **plain(value, refuses_nul=self._wanted is None)}
            return SuspectRow(self._file, self._number, found)
        except Unreadable as why:
            return why.at(self._file, self._number)


def plain(value: object, depth: int = 1, *, refuses_nul: bool = True) -> Any:
    """`value` as JSON knows it; what it does not know is null.

    Raises:
        Unreadable: too_deep, bad_utf8 or nul.
    """
    if value is None or isinstance(value, bool | int):
        return value
    if isinstance(value, str):
        if refuses_nul and "\0" in value:
            raise Unreadable("nul", f"a NUL character at position {value.index(chr(0))} of a text")
        return value
    if isinstance(value, float):
        return None if value != value else value
    if depth > MAX_DEPTH:
        raise Unreadable("too_deep", f"nested more than {MAX_DEPTH} deep")
    if isinstance(value, dict):
        return {str(key): plain(item, depth + 1, refuses_nul=refuses_nul) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item, depth + 1, refuses_nul=refuses_nul) for item in value]
    return _text_of(value, is_field=depth <= 2) if isinstance(value, bytes) else None


def _text_of(value: bytes, *, is_field: bool) -> str | None:
    """Bytes as the text that they are; None for others, which in the place of a field is bad_utf8."""
    try:
        return value.decode()
    except UnicodeDecodeError as why:
        if is_field:
            raise Unreadable("bad_utf8", f"byte {why.start + 1} of a text: {why.reason}") from why
        return None


def has_plain(kind: Any) -> bool:
    """Whether JSON knows the values of an Arrow type, or of a part of it."""
    from pyarrow import types

    if types.is_dictionary(kind):
        return has_plain(kind.value_type)
    if types.is_map(kind):
        return has_plain(kind.item_type)
    if types.is_nested(kind):
        return any(has_plain(kind.field(index).type) for index in range(kind.num_fields))
    is_text = types.is_string(kind) or types.is_large_string(kind) or types.is_string_view(kind)
    is_number = types.is_integer(kind) or types.is_floating(kind)
    return bool(is_text or is_number or types.is_boolean(kind) or types.is_null(kind))


def is_bytes(kind: Any) -> bool:
    """Whether an Arrow type is one of bytes, which some writers use for text."""
    from pyarrow import types

    return bool(types.is_binary(kind) or types.is_large_binary(kind) or types.is_binary_view(kind))


def _values(batch: Any) -> Iterator[dict[str, Any] | Unreadable]:
    """The rows of a batch; one by one where a text in it is not UTF-8, which Arrow does not check."""
    try:
        yield from batch.to_pylist()
        return
    except UnicodeDecodeError:
        pass
    for index in range(batch.num_rows):
        try:
            yield batch.slice(index, 1).to_pylist()[0]
        except UnicodeDecodeError as why:
            yield Unreadable("bad_utf8", f"byte {why.start + 1} of a text: {why.reason}")

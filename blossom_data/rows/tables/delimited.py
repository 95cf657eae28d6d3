"""CSV and TSV with a header line, read with the standard library in bounded memory.

    instruction,input,output                      {"instruction": "Say \\"hi\\", twice", "input": "", "output": "..."}
    "Say ""hi"", twice",,...

Every value is a text, an empty one where nothing stands. Fields may hold line breaks within quotes. The delimiter is
the one that the header has most of: a comma, a semicolon (of spreadsheets where decimals have the comma) or a tab.
A row with more or fewer fields than the header, or with a quote inside a quoted field, is one BadRow.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator
from itertools import chain

from blossom_data.errors import InputError
from blossom_data.rows.encoding import iconv_line, likely_encoding
from blossom_data.rows.lines import cut_lines
from blossom_data.rows.row import MAX_LINE_BYTES, MAX_RAW_BYTES, BadRow, Row, SuspectRow
from blossom_data.rows.wanted import Wanted

SUFFIXES = (".csv", ".tsv")
_DELIMITERS = ",;\t"
_MOST_FIELDS = 10_000


class _TooLong(Exception):
    """A row is longer than MAX_LINE_BYTES."""


class _Lines:
    """The lines of `blocks` as text, and what of them the row at hand was read from."""

    def __init__(self, blocks: Iterable[bytes]) -> None:
        self._lines = chain.from_iterable(lines for lines, _ in cut_lines(blocks))
        self.number, self._size, self._raw = 0, 0, b""

    def __iter__(self) -> _Lines:
        return self

    def __next__(self) -> str:
        line = next(self._lines)
        self.number += 1
        self._size += len(line) + 1
        if len(self._raw) < MAX_RAW_BYTES:
            self._raw += line[:MAX_RAW_BYTES] + b"\n"
        if self._size > MAX_LINE_BYTES:
            raise _TooLong
        # Bytes that are no UTF-8 come through as surrogates, which no UTF-8 holds.
        return line.decode(errors="surrogateescape") + "\n"

    def take_raw(self) -> bytes:
        """The first bytes of the row that was read last; the next line begins another."""
        raw, self._raw, self._size = self._raw[:MAX_RAW_BYTES], b"", 0
        return raw


def read_table(blocks: Iterable[bytes], file: str, wanted: Wanted | None = None) -> Iterator[Row | BadRow]:
    """The rows of a table whose first line names its columns.

    Raises:
        InputError: the header is no UTF-8, names a column twice, or is all that there is.
    """
    lines = _Lines(blocks)
    csv.field_size_limit(MAX_LINE_BYTES)
    header, reader = _header(lines, file)
    while True:
        first = lines.number + 1
        problem: tuple[str, str] | None = None
        fields: list[str] = []
        try:
            fields = next(reader)
        except StopIteration:
            break
        except _TooLong:
            problem = "line_too_long", f"a row of more than {MAX_LINE_BYTES:,} bytes: is a quote not closed?"
        except csv.Error as why:
            is_torn = "unexpected end" in str(why)
            problem = "torn_line" if is_torn else "bad_table_row", f"{why}, up to line {lines.number:,}"
        raw = lines.take_raw()
        if not fields and problem is None:
            continue
        problem = problem or _problem(fields, header, raw, refuses_nul=wanted is None)
        if problem is not None:
            yield BadRow(file, first, *problem, raw)
        else:
            yield SuspectRow(file, first, dict(zip(header, fields, strict=True)))


def _header(lines: _Lines, file: str) -> tuple[list[str], Iterator[list[str]]]:
    """The names of the columns, and a reader of the rows behind them."""
    line = next(lines, "")
    while line and not line.strip():
        line = next(lines, "")
    raw = lines.take_raw()
    if not _is_utf8(line):
        encoding = likely_encoding(raw)
        hint = iconv_line(encoding, file) if encoding else "write it as UTF-8"
        raise InputError(f"{file}: the header line is not UTF-8", hint=hint)
    delimiter = max(_DELIMITERS, key=line.count)
    try:
        names = [name.strip() for name in next(csv.reader([line], delimiter=delimiter, strict=True))]
    except csv.Error as why:
        raise InputError(f"{file}: the header line cannot be read: {why}", hint="close its quotes") from why
    if twice := next((name for name in names if names.count(name) > 1), None) if len(names) <= _MOST_FIELDS else names:
        raise InputError(f"{file}: the header names the column {str(twice)[:40]!r} twice", hint="rename one of them")
    return names, csv.reader(lines, delimiter=delimiter, strict=True)


def _problem(fields: list[str], header: list[str], raw: bytes, *, refuses_nul: bool) -> tuple[str, str] | None:
    """Code and detail of what is wrong with a row, if anything is."""
    if len(fields) != len(header):
        return "bad_table_row", f"{len(fields)} fields where the header has {len(header)}"
    for name, field in zip(header, fields, strict=True):
        if not _is_utf8(field):
            encoding = likely_encoding(raw)
            meant = f" (it would be text as {encoding})" if encoding else ""
            return "bad_utf8", f"the column {name[:40]!r} is not UTF-8{meant}"
        if refuses_nul and "\0" in field:
            return "nul", f"a NUL character in the column {name[:40]!r}"
    return None


def _is_utf8(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True

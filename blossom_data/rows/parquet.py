"""Rows of Parquet files and of `datasets` tables, as the plain values that JSON knows.

    {"instruction": "Name three colours.", "gold": None, "turns": ["a", "b"]}

Needs pyarrow (extra `hub`), imported when the first Parquet file is met. Read a batch of rows at a time; a value that
JSON has no word for (bytes, dates, decimals) makes its row a BadRow. NaN is null: so pandas writes a missing text.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from blossom_data.errors import ConfigError, InputError, extra_hint
from blossom_data.rows.compressed import MAX_BOMB_BYTES, MAX_RATIO
from blossom_data.rows.row import MAX_DEPTH, MAX_LINE_BYTES, BadRow, Row, Unreadable

MAGIC = b"PAR1"
_BATCH_ROWS = 512


def read_parquet(path: str, file: str) -> Iterator[Row | BadRow]:
    """The rows of one Parquet file; `line` is the row number from 1.

    Raises:
        ConfigError: pyarrow is not installed.
        InputError: the file is damaged or claims to inflate out of all proportion.
    """
    try:
        import pyarrow
        from pyarrow import parquet
    except ImportError as why:
        raise ConfigError(
            f"{file} is a Parquet file, and pyarrow is not installed",
            hint=extra_hint("hub"),
        ) from why
    number = 0
    try:
        with parquet.ParquetFile(path, buffer_size=1 << 20, pre_buffer=False) as table:
            _refuse_bomb(table.metadata, file)
            names = table.schema_arrow.names
            if len(set(names)) < len(names):
                raise InputError(f"{file}: two columns have the same name", hint="rename one of them")
            for batch in table.iter_batches(batch_size=_BATCH_ROWS, use_threads=False):
                for value in _values(batch):
                    number += 1
                    yield _row(file, number, value)
    except (pyarrow.ArrowException, OSError) as why:
        reason = " ".join(str(why).split())[:200]
        raise InputError(
            f"{file}: the Parquet file cannot be read behind row {number} ({reason})", hint="fetch the file again"
        ) from why


def plain(value: object, depth: int = 1) -> Any:
    """`value` as JSON knows it.

    Raises:
        Unreadable: wrong_type, too_deep or nul.
    """
    if value is None or isinstance(value, bool | int):
        return value
    if isinstance(value, str):
        if "\0" in value:
            raise Unreadable("nul", f"a NUL character at position {value.index(chr(0))} of a text")
        return value
    if isinstance(value, float):
        return None if value != value else value
    if depth > MAX_DEPTH:
        raise Unreadable("too_deep", f"nested more than {MAX_DEPTH} deep")
    if isinstance(value, dict):
        return {str(key): plain(item, depth + 1) for key, item in value.items()}
    if isinstance(value, list):
        return [plain(item, depth + 1) for item in value]
    raise Unreadable("wrong_type", f"a column holds {type(value).__name__} values, which JSON does not know")


def _refuse_bomb(metadata: Any, file: str) -> None:
    """Compares what the row groups claim to hold with what they take, as compressed.py does for streams."""
    groups = [metadata.row_group(index) for index in range(metadata.num_row_groups)]
    columns = [group.column(index) for group in groups for index in range(group.num_columns)]
    claimed = sum(column.total_uncompressed_size for column in columns)
    taken = sum(column.total_compressed_size for column in columns)
    if claimed > MAX_BOMB_BYTES and claimed > MAX_RATIO * max(taken, 1):
        raise InputError(
            f"{file}: {taken:,} bytes claim to hold {claimed:,}: this looks like a compression bomb",
            hint="if the file is honest, write it again without compression",
        )


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


def _row(file: str, number: int, value: dict[str, Any] | Unreadable) -> Row | BadRow:
    if isinstance(value, Unreadable):
        return value.at(file, number)
    if any(isinstance(item, str) and len(item) > MAX_LINE_BYTES for item in value.values()):
        return BadRow(file, number, "line_too_long", f"a text of more than {MAX_LINE_BYTES:,} characters")
    try:
        return Row(file, number, plain(value))
    except Unreadable as why:
        return why.at(file, number)

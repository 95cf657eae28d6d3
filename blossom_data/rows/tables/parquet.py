"""Rows of Parquet files, a batch at a time; columns.py says which columns are decoded and what becomes of their values.

Needs pyarrow (extra `hub`), imported when the first Parquet file is met.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Any, BinaryIO

from blossom_data.errors import InputError
from blossom_data.object_store.reading import ObjectFile
from blossom_data.rows.compressed import MAX_BOMB_BYTES, MAX_RATIO
from blossom_data.rows.row import BadRow, Row
from blossom_data.rows.tables.columns import BATCH_ROWS, Columns, import_pyarrow, telling_damage
from blossom_data.rows.wanted import Wanted

MAGIC = b"PAR1"
_ARROW_SCHEMA, _NO_SCHEMA = b"ARROW:schema", b"ARROW_schema"
_TRAILER = struct.Struct("<I4s")


def read_parquet(opened: BinaryIO, file: str, wanted: Wanted | None = None) -> Iterator[Row | BadRow]:
    """The rows of one Parquet file; `line` is the row number from 1.

    Raises:
        ConfigError: pyarrow is not installed.
        InputError: the file is damaged or claims to inflate out of all proportion.
    """
    import_pyarrow(file, "a Parquet file")
    yield from telling_damage(_rows(opened, file, wanted), file, "Parquet")


def _rows(opened: BinaryIO, file: str, wanted: Wanted | None) -> Iterator[Row | BadRow]:
    from pyarrow import parquet

    metadata = _metadata(opened)
    source = opened if isinstance(opened, ObjectFile) else opened.name
    with parquet.ParquetFile(source, metadata=metadata, buffer_size=1 << 20, pre_buffer=False) as table:
        columns = Columns(table.schema_arrow, wanted, file)
        leaves = [leaf for leaf in map(table.schema.column, range(len(table.schema))) if _is_read(leaf, columns)]
        _refuse_bomb(table.metadata, {leaf.path for leaf in leaves}, file)
        paths = [leaf.path for leaf in leaves]
        for batch in table.iter_batches(batch_size=BATCH_ROWS, columns=paths, use_threads=False):
            yield from columns.rows(batch)


def _metadata(opened: BinaryIO) -> Any:
    """The file's footer without the Arrow schema that its writer noted there.

    That schema only says which Arrow types the columns had; a dictionary would be built anew for each batch, which for
    one of two million texts takes a third of a second.
    """
    from pyarrow import BufferReader, parquet

    opened.seek(-_TRAILER.size, 2)
    size, magic = _TRAILER.unpack(opened.read(_TRAILER.size))
    if magic != MAGIC or size + _TRAILER.size > opened.tell():
        opened.seek(0)
        return None  # the reader says what is wrong
    opened.seek(-_TRAILER.size - size, 2)
    footer = opened.read(size).replace(_ARROW_SCHEMA, _NO_SCHEMA)
    opened.seek(0)
    return parquet.read_metadata(BufferReader(MAGIC + footer + _TRAILER.pack(size, MAGIC)))


def _is_read(leaf: Any, columns: Columns) -> bool:
    """Whether a leaf belongs to a column that is read, and holds what JSON knows."""
    name = next((name for name in columns.names if leaf.path == name or leaf.path.startswith(f"{name}.")), None)
    if name is None or leaf.physical_type in ("INT96", "FIXED_LEN_BYTE_ARRAY"):
        return False
    kind = leaf.logical_type.type
    if leaf.physical_type == "BYTE_ARRAY":
        return kind in ("STRING", "ENUM", "JSON") or (kind == "NONE" and leaf.path == name)
    return kind in ("NONE", "INT", "UNKNOWN")


def _refuse_bomb(metadata: Any, paths: set[str], file: str) -> None:
    """Compares what the row groups claim to hold with what they take, as compressed.py does for streams."""
    groups = [metadata.row_group(index) for index in range(metadata.num_row_groups)]
    columns = [group.column(index) for group in groups for index in range(group.num_columns)]
    read = [column for column in columns if column.path_in_schema in paths]
    claimed = sum(column.total_uncompressed_size for column in read)
    taken = sum(column.total_compressed_size for column in read)
    if claimed > MAX_BOMB_BYTES and claimed > MAX_RATIO * max(taken, 1):
        raise InputError(
            f"{file}: {taken:,} bytes claim to hold {claimed:,}: this looks like a compression bomb",
            hint="if the file is honest, write it again without compression",
        )

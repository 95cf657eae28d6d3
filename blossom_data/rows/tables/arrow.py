"""Rows of Arrow files and streams, as `datasets` keeps them: save_to_disk writes a folder of streams.

    {"instruction": "Name three colours.", "gold": None, "turns": ["a", "b"]}

Needs pyarrow (extra `hub`). The batches are as large as their writer made them (`datasets`: 1,000 rows).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, BinaryIO

from blossom_data.object_store.reading import ObjectFile
from blossom_data.rows.row import BadRow, Row
from blossom_data.rows.tables.columns import Columns, import_pyarrow, telling_damage
from blossom_data.rows.wanted import Wanted

FILE_MAGIC, STREAM_MAGIC = b"ARROW1\0\0", b"\xff\xff\xff\xff"


def read_arrow(opened: BinaryIO, file: str, wanted: Wanted | None = None) -> Iterator[Row | BadRow]:
    """The rows of one Arrow file or stream; `line` is the row number from 1.

    Raises:
        ConfigError: pyarrow is not installed.
        InputError: the file is damaged.
    """
    pyarrow = import_pyarrow(file, "an Arrow file")
    yield from telling_damage(_rows(pyarrow, opened, file, wanted), file, "Arrow")


def _rows(pyarrow: Any, raw: BinaryIO, file: str, wanted: Wanted | None) -> Iterator[Row | BadRow]:
    with pyarrow.PythonFile(raw, mode="r") if isinstance(raw, ObjectFile) else pyarrow.OSFile(raw.name) as opened:
        schema = _open(opened).schema
        columns = Columns(schema, wanted, file)
        opened.seek(0)
        for batch in _batches(_open(opened, [schema.names.index(name) for name in columns.names])):
            yield from columns.rows(_decoded(batch))


def _open(opened: Any, included: list[int] | None = None) -> Any:
    """A reader of those columns of a file or stream that are `included`; None: all."""
    from pyarrow import ipc

    options = ipc.IpcReadOptions(included_fields=included, use_threads=False)
    is_file = opened.read(len(FILE_MAGIC)) == FILE_MAGIC
    opened.seek(0)
    return ipc.open_file(opened, options=options) if is_file else ipc.open_stream(opened, options=options)


def _batches(reader: Any) -> Iterator[Any]:
    if hasattr(reader, "num_record_batches"):
        yield from map(reader.get_batch, range(reader.num_record_batches))
    else:
        yield from reader


def _decoded(batch: Any) -> Any:
    """The batch with its dictionaries written out, which are slow to take single values of."""
    from pyarrow import DictionaryArray, RecordBatch

    arrays = [each.dictionary_decode() if isinstance(each, DictionaryArray) else each for each in batch.columns]
    return RecordBatch.from_arrays(arrays, names=batch.schema.names)

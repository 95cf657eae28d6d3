"""The files that a training set can be written to, as variants of the writer of every data set.

part-00000.jsonl.zst   JSON lines, Zstandard
part-00000.jsonl       JSON lines
part-00000.parquet     Parquet with the schema of the layout, Zstandard, 2,000 rows a group (pyarrow, extra `hub`)
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import IO, Any

import orjson

from blossom_data.errors import ConfigError, extra_hint
from blossom_data.mix.layouts import Layout
from blossom_data.mix.shapes import arrow_schema
from blossom_data.shards import ShardWriter

_GROUP_ROWS = 2000


class PlainShardWriter(ShardWriter):
    """Lines into part-NNNNN.jsonl files."""

    suffix = "jsonl"

    def _stream(self, raw: IO[bytes]) -> Any:
        return _PlainStream(raw)


class _PlainStream:
    def __init__(self, raw: IO[bytes]) -> None:
        self.write = raw.write

    def close(self) -> None:
        """The shard's file is closed by its writer."""


class ParquetShardWriter(ShardWriter):
    """Lines into part-NNNNN.parquet files of one schema."""

    suffix = "parquet"

    def __init__(self, folder: Path, shard_records: int, layout: Callable[[], Layout]) -> None:
        super().__init__(folder, shard_records)
        self._layout = layout

    def abandon(self) -> None:
        """Lets go of the shard that is open, without its last rows and footer."""
        if self._open_stream is not None:
            self._open_stream.abandon()
        super().abandon()

    def _stream(self, raw: IO[bytes]) -> Any:
        return _ParquetStream(raw, self._layout())


class _ParquetStream:
    """Rows in groups; at most one group is in memory."""

    def __init__(self, raw: IO[bytes], layout: Layout) -> None:
        from pyarrow import parquet

        self._schema, self._rows = arrow_schema(layout.all_columns), list[dict[str, Any]]()
        self._voids = [(column.name, column.shape.void) for column in layout.columns]
        self._writer = parquet.ParquetWriter(raw, self._schema, compression="zstd")

    def write(self, line: bytes) -> None:
        """Adds the row that a JSON line holds; what a turn leaves out is empty, for nothing is null."""
        row = orjson.loads(line)
        for name, void in self._voids:
            if void:
                row[name] = [void | turn for turn in row[name]]
            for call in (call for turn in row[name] for call in turn["tool_calls"]) if "tool_calls" in void else ():
                call.setdefault("id", "")
        self._rows.append(row)
        if len(self._rows) >= _GROUP_ROWS:
            self._flush()

    def close(self) -> None:
        """Writes the last group and the footer."""
        self._flush()
        self._writer.close()

    def abandon(self) -> None:
        """Keeps the writer from closing itself, into a file that is gone by then, when it is collected."""
        self._writer.is_open = False

    def _flush(self) -> None:
        import pyarrow

        if self._rows:
            self._writer.write_table(pyarrow.Table.from_pylist(self._rows, schema=self._schema))
            self._rows.clear()


def shard_writer(
    file_format: str, layout: Layout, *, found: Callable[[], Layout] | None = None
) -> Callable[[Path, int], ShardWriter]:
    """What makes the writer of a format (parquet, jsonl or jsonl.zst).

    Args:
        found: the layout that the rows turn out to need, asked when the first one is written.

    Raises:
        ConfigError: Parquet without pyarrow.
    """
    if file_format != "parquet":
        return PlainShardWriter if file_format == "jsonl" else ShardWriter
    try:
        arrow_schema(layout.all_columns)
    except ImportError as why:
        raise ConfigError(
            "Parquet needs pyarrow, which is not installed",
            hint=extra_hint("hub"),
        ) from why
    return lambda folder, shard_records: ParquetShardWriter(folder, shard_records, found or (lambda: layout))

"""The shards of a version, one writer per file format, written through one Python file that is fsynced and hashed.

    with Shards(folder, layout="parquet") as shards:
        shards.write("default", record)
    shards.written -> [{"file": "part-00000.parquet", "config": "default", "records": ..., "bytes": ..., "sha256": ...}]

Parquet has one fixed Arrow schema, the same as `dataset_info` of the card, so no shard has a column of another type.
"""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Protocol, Self

import zstandard

from blossom_data.errors import ConfigError, extra_hint
from blossom_data.publish.names import DEFAULT_CONFIG
from blossom_data.publish.steps import step
from blossom_data.records import Record

LAYOUTS = {"parquet": ".parquet", "jsonl": ".jsonl.zst"}
VERSION_SHARD_RECORDS = 50_000
_ROW_GROUP_RECORDS = 2_000
_LEVEL = 3


def default_layout() -> str:
    """Parquet where pyarrow is installed, else JSON lines."""
    from importlib.util import find_spec

    return "parquet" if find_spec("pyarrow") else "jsonl"


def check_layout(layout: str) -> None:
    """Raises ConfigError when Parquet is asked for and pyarrow is not installed."""
    if layout == "parquet" and default_layout() != "parquet":
        raise ConfigError("Parquet needs pyarrow", hint=f"{extra_hint('hub')}, or --format jsonl")


def shard_prefix(config: str) -> str:
    """How the names of the shards of a configuration begin."""
    return "part" if config == DEFAULT_CONFIG else config


class _Writer(Protocol):
    def write(self, record: Record) -> None: ...

    def close(self) -> None: ...

    def abandon(self) -> None: ...


class _JsonLines:
    def __init__(self, file: IO[bytes]) -> None:
        self._stream: Any = zstandard.ZstdCompressor(level=_LEVEL).stream_writer(file, closefd=False)

    def write(self, record: Record) -> None:
        self._stream.write(record.to_line())

    def close(self) -> None:
        self._stream.close()

    def abandon(self) -> None:
        """Nothing is held but memory."""


class _Parquet:
    def __init__(self, file: IO[bytes], *, has_reasoning: bool) -> None:
        from pyarrow import parquet

        self._schema = arrow_schema(has_reasoning=has_reasoning)
        self._is_wide = has_reasoning
        self._writer = parquet.ParquetWriter(file, self._schema, compression="zstd")
        self._rows: list[dict[str, Any]] = []

    def write(self, record: Record) -> None:
        row = record.to_dict()
        if self._is_wide:
            row["messages"] = [{"reasoning_content": "", **turn} for turn in row["messages"]]
        self._rows.append(row)
        if len(self._rows) == _ROW_GROUP_RECORDS:
            self._flush()

    def close(self) -> None:
        if self._rows:
            self._flush()
        self._writer.close()

    def abandon(self) -> None:
        # Its __del__ would try to write the footer, and complain.
        self._writer.is_open = False

    def _flush(self) -> None:
        from pyarrow import RecordBatch

        self._writer.write_batch(RecordBatch.from_pylist(self._rows, schema=self._schema))
        self._rows.clear()


def arrow_schema(*, has_reasoning: bool = False) -> Any:
    """The Arrow schema of every Parquet shard of a version; wider where any of its records keeps thinking."""
    import pyarrow

    text = pyarrow.string()
    thinking = [("reasoning_content", text)] if has_reasoning else []
    turn = pyarrow.struct([("role", text), ("content", text), *thinking])
    stage = [("stage", text), ("version", pyarrow.int64()), ("prompt", text), ("model", text), ("reply", text)]
    return pyarrow.schema(
        [
            ("id", text),
            ("source", text),
            ("source_id", text),
            ("lang", text),
            ("messages", pyarrow.list_(turn)),
            ("gold", text),
            ("tags", pyarrow.list_(text)),
            ("lineage", pyarrow.list_(pyarrow.struct(stage))),
        ]
    )


class Shards:
    """Records of several configurations into shards of one folder; records of one configuration come together."""

    def __init__(
        self, folder: Path, *, layout: str, shard_records: int = VERSION_SHARD_RECORDS, has_reasoning: bool = False
    ) -> None:
        self._has_reasoning = has_reasoning
        self.folder, self.layout, self.shard_records = folder, layout, shard_records
        self.written: list[dict[str, Any]] = []
        self._file: IO[bytes] | None = None
        self._writer: _Writer | None = None
        self._config, self._records = "", 0
        self._numbers: dict[str, int] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, why: BaseException | None, at: TracebackType | None) -> None:
        try:
            if kind is None:
                self._close()
        finally:
            if self._writer is not None:
                self._writer.abandon()
            if self._file is not None:
                self._file.close()

    def write(self, config: str, record: Record) -> None:
        """Adds a record to the shard that is open, or opens the next one."""
        if self._writer is None or config != self._config or self._records == self.shard_records:
            self._close()
            self._open(config)
        assert self._writer is not None
        self._writer.write(record)
        self._records += 1

    def _open(self, config: str) -> None:
        number = self._numbers.get(config, -1) + 1
        self._numbers[config], self._config, self._records = number, config, 0
        name = f"{shard_prefix(config)}-{number:05d}{LAYOUTS[self.layout]}"
        self._file = (self.folder / name).open("xb")
        self._writer = self._make_writer(self._file)

    def _make_writer(self, file: IO[bytes]) -> _Writer:
        return _Parquet(file, has_reasoning=self._has_reasoning) if self.layout == "parquet" else _JsonLines(file)

    def _close(self) -> None:
        """Ends the open shard and makes it durable."""
        if self._writer is None or self._file is None:
            return
        self._writer.close()
        self._file.flush()
        os.fsync(self._file.fileno())
        self._file.close()
        path = Path(self._file.name)
        self._file = self._writer = None
        self.written.append({"file": path.name, "config": self._config, "records": self._records, **sums(path)})
        step("shard")


def sums(path: Path) -> dict[str, Any]:
    """Size and sha256 of a file."""
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return {"bytes": path.stat().st_size, "sha256": digest}

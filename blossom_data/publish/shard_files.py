"""The shards of a version, one writer per file format, written through one Python file that is fsynced and hashed.

    with Shards(folder, layout="parquet") as shards:
        shards.write("default", record)
    shards.written -> [{"file": "part-00000.parquet", "config": "default", "records": ..., "bytes": ..., "sha256": ...}]

Parquet has one fixed Arrow schema, the same as `dataset_info` of the card, so no shard has a column of another type.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from dataclasses import dataclass
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


@dataclass(frozen=True, slots=True)
class Width:
    """What of a record a Parquet schema has columns for: all of a version's, as far as any of its records needs it."""

    has_reasoning: bool = False
    has_tools: bool = False
    """Tools, calls, and replies that are not learnt."""


class _Parquet:
    def __init__(self, file: IO[bytes], *, width: Width) -> None:
        from pyarrow import parquet

        self._schema, self._width = arrow_schema(width), width
        self._writer = parquet.ParquetWriter(file, self._schema, compression="zstd")
        self._rows: list[dict[str, Any]] = []

    def write(self, record: Record) -> None:
        self._rows.append(_wide_row(record, self._width))
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


def _wide_row(record: Record, width: Width) -> dict[str, Any]:
    """The record with everything that its schema has columns for, nothing null; definitions of tools as JSON text."""
    row = record.to_dict()
    if width.has_tools:
        void: dict[str, Any] = {"reasoning_content": "", "tool_calls": [], "tool_call_id": "", "train": True}
        row["messages"] = [{**void, **turn} for turn in row["messages"]]
        for call in (call for turn in row["messages"] for call in turn["tool_calls"]):
            call.setdefault("id", "")
        row["tools"] = record.tools
    elif width.has_reasoning:
        row["messages"] = [{"reasoning_content": "", **turn} for turn in row["messages"]]
    return row


def arrow_schema(width: Width = Width()) -> Any:
    """The Arrow schema of every Parquet shard of a version; wider where any of its records needs it."""
    import pyarrow

    text = pyarrow.string()
    turn = [("role", text), ("content", text)]
    if width.has_reasoning or width.has_tools:
        turn.append(("reasoning_content", text))
    if width.has_tools:
        function = pyarrow.struct([("name", text), ("arguments", text)])
        call = pyarrow.struct([("id", text), ("type", text), ("function", function)])
        turn += [("tool_calls", pyarrow.list_(call)), ("tool_call_id", text), ("train", pyarrow.bool_())]
    stage = [("stage", text), ("version", pyarrow.int64()), ("prompt", text), ("model", text), ("reply", text)]
    return pyarrow.schema(
        [
            ("id", text),
            ("source", text),
            ("source_id", text),
            ("lang", text),
            ("messages", pyarrow.list_(pyarrow.struct(turn))),
            ("gold", text),
            ("tags", pyarrow.list_(text)),
            ("lineage", pyarrow.list_(pyarrow.struct(stage))),
            *([("tools", text)] if width.has_tools else []),
        ]
    )


class Shards:
    """Records of several configurations into shards of one folder; records of one configuration come together."""

    def __init__(
        self,
        folder: Path,
        *,
        layout: str,
        shard_records: int = VERSION_SHARD_RECORDS,
        width: Width = Width(),
        written: Callable[[Path, str], None] | None = None,
    ) -> None:
        self._width, self._written = width, written
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
        return _Parquet(file, width=self._width) if self.layout == "parquet" else _JsonLines(file)

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
        if self._written is not None:
            self._written(path, self.written[-1]["sha256"])


def sums(path: Path) -> dict[str, Any]:
    """Size and sha256 of a file."""
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return {"bytes": path.stat().st_size, "sha256": digest}

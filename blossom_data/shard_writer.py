"""Lines into the compressed files of one folder, each durable before it is named.

    ShardWriter(folder, shard_records=10_000).write(0, [b'{"id": ...}\\n'])      folder/part-00000.jsonl.zst

What a data set is, and how it takes the place of an older one, is in shards.py.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
from collections.abc import Iterable
from pathlib import Path
from typing import IO, Any

import zstandard

_LEVEL = 3


class ShardWriter:
    """Lines into part-NNNNN.jsonl.zst files of one folder; a shard without a line is not written.

    A subclass writes another format: its `suffix`, and the stream that it puts over the file.
    """

    suffix = "jsonl.zst"

    def __init__(self, folder: Path, shard_records: int) -> None:
        self.folder, self.shard_records = folder, shard_records
        self.shards: list[dict[str, Any]] = []
        self._number = -1
        self._raw: IO[bytes] | None = None
        self._open_stream: Any = None
        self._lines = 0

    def write(self, index: int, lines: Iterable[bytes]) -> None:
        """Appends the lines that came of input record `index`; indexes never go back."""
        for line in lines:
            if self._raw is None or index // self.shard_records != self._number:
                self._open(index // self.shard_records)
            self._open_stream.write(line)
            self._lines += 1

    def close(self) -> None:
        """Ends the shard that is open and makes it durable."""
        if self._raw is None:
            return
        self._open_stream.close()
        self._raw.flush()
        os.fsync(self._raw.fileno())
        path = Path(self._raw.name)
        self._raw.close()
        self._raw = None
        size = path.stat().st_size
        self.shards.append({"file": path.name, "records": self._lines, "bytes": size, "sha256": sha256_of(path)})

    def abandon(self) -> None:
        """Lets go of the shard that is open, as it is."""
        if self._raw is not None:
            # What is still buffered may not fit on the disk, and that is why the shard is abandoned.
            with contextlib.suppress(OSError):
                self._raw.close()
            self._raw = None

    def _open(self, number: int) -> None:
        self.close()
        self.folder.mkdir(parents=True, exist_ok=True)
        self._number, self._lines = number, 0
        self._raw = (self.folder / f"part-{number:05d}.{self.suffix}").open("wb")
        self._open_stream = self._stream(self._raw)

    def _stream(self, raw: IO[bytes]) -> Any:
        """What lines are written to; closing it ends the shard and leaves `raw` open."""
        return zstandard.ZstdCompressor(level=_LEVEL).stream_writer(raw, closefd=False)


def sha256_of(path: Path) -> str:
    """The sha256 of a file, in hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()

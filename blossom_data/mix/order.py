"""Puts lines into the order of their keys, in bounded memory: a bucket per range of keys, each sorted by itself.

    with Shuffle(folder, expected_bytes=3_000_000_000) as shuffle:
        shuffle.add(-12, b"...")
        for line in shuffle.lines(): ...

The keys are hashes, so buckets come out even: about 32 MB each while the whole is below 8 GB, a 256th of it beyond.
"""

from __future__ import annotations

import shutil
import struct
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import IO, Self

_BUCKET_BYTES = 32 << 20
_BUCKETS_MAX_BITS = 8
_HEAD = struct.Struct(">qI")
_BUFFER_BYTES = 1 << 16


class Shuffle:
    """Lines with keys of 64 bits, spread over files in `folder`, which is gone at the end."""

    def __init__(self, folder: Path, *, expected_bytes: int) -> None:
        bits = min(_BUCKETS_MAX_BITS, max(0, (expected_bytes // _BUCKET_BYTES).bit_length()))
        self.folder, self._shift = folder, 64 - bits
        folder.mkdir(parents=True)
        self._files: list[IO[bytes]] = []
        for number in range(1 << bits):
            self._files.append((folder / f"{number:03d}").open("w+b", buffering=_BUFFER_BYTES))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, why: BaseException | None, at: TracebackType | None) -> None:
        for file in self._files:
            file.close()
        shutil.rmtree(self.folder, ignore_errors=True)

    def add(self, key: int, line: bytes) -> None:
        """One line; `key` is from -2**63 to 2**63 - 1."""
        file = self._files[(key + (1 << 63)) >> self._shift]
        file.write(_HEAD.pack(key, len(line)))
        file.write(line)

    def lines(self) -> Iterator[bytes]:
        """All lines by their keys; of equal keys the smaller line first."""
        for number, file in enumerate(self._files):
            file.seek(0)
            yield from (line for _, line in sorted(_read(file)))
            file.close()
            (self.folder / f"{number:03d}").unlink()


def _read(file: IO[bytes]) -> Iterator[tuple[int, bytes]]:
    while head := file.read(_HEAD.size):
        key, size = _HEAD.unpack(head)
        yield key, file.read(size)

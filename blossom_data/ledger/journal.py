"""Replies between their arrival and the commit that makes them durable: what a killed process had not committed yet.

    ledger.sqlite.journal-0     "blossom journal 1\\n", then entries: lengths, CRC-32, row; written without fsync
    ledger.sqlite.journal-1     takes turns with the other one, so that each can be emptied

A write that the kernel has taken outlives the process (not the machine's power). The ledger reads both files when it is
opened and stores what it does not hold yet: a kill then wastes no call that was answered.
"""

from __future__ import annotations

import contextlib
import os
import struct
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson

from blossom_data.errors import LedgerError

_FULL_BYTES = 1 << 20
"""A file as long as this is left for the other one, as soon as all entries of that one are committed."""
_HEAD = struct.Struct("<III")
_MARK, VERSION = b"blossom journal ", 1
"""A file begins with the mark, its version and a line break; one of before has neither, and is of version 1, too."""
_BEGIN = b"%s%d\n" % (_MARK, VERSION)


class Journal:
    """Two files beside the ledger at `path`. `note` belongs to the thread that buys, `forget` to the one that commits.

    A disk that is full or broken makes no error here: the entry is left out, and the ledger itself will tell.
    """

    def __init__(self, path: Path) -> None:
        self._paths = [path.with_name(f"{path.name}.journal-{number}") for number in (0, 1)]
        self._files: list[int] = []
        self._sizes, self._noted, self._committed = [0, 0], [0, 0], [0, 0]
        self._turn = 0

    def files_left(self) -> list[Path]:
        """The files that an earlier process left, which was killed or could not store all: even an empty one tells."""
        return [path for path in self._paths if path.exists()]

    def rows(self) -> Iterator[tuple[Any, ...]]:
        """The rows that an earlier process noted, as far as they are whole.

        Raises:
            LedgerError: a newer version wrote them.
        """
        for path in self._paths:
            if path.exists():
                yield from _entries(_behind_mark(path, path.read_bytes()))

    def begin(self) -> None:
        """Empties the files: all rows of an earlier process are stored."""
        with contextlib.suppress(OSError):
            self._files = [
                os.open(path, os.O_CREAT | os.O_RDWR | os.O_TRUNC | os.O_CLOEXEC, 0o600) for path in self._paths
            ]

    def note(self, row: tuple[Any, ...]) -> int | None:
        """Writes down a row that is about to be committed: bytes first and last, JSON between.

        Returns:
            What `forget` takes; None when it could not be written.
        """
        key, *middle, body = row
        other = 1 - self._turn
        if self._sizes[self._turn] >= _FULL_BYTES and self._committed[other] == self._noted[other]:
            self._turn = other
            self._cut(0)
        head = orjson.dumps([key.hex(), *middle])
        entry = _HEAD.pack(len(head), len(body), zlib.crc32(body, zlib.crc32(head))) + head + body
        if not self._sizes[self._turn]:
            entry = _BEGIN + entry
        if not self._write(entry):
            return None
        self._noted[self._turn] += 1
        return self._turn

    def forget(self, file: int, count: int) -> None:
        """`count` rows that `note` numbered `file` are committed."""
        self._committed[file] += count

    def close(self, *, is_all_stored: bool) -> None:
        """Ends the journal; its files stay where rows could not be stored."""
        for file, path in zip(self._files, self._paths, strict=False):
            os.close(file)
            if is_all_stored:
                with contextlib.suppress(OSError):
                    path.unlink(missing_ok=True)
        self._files = []

    def _write(self, entry: bytes) -> bool:
        size = self._sizes[self._turn]
        try:
            written = os.pwrite(self._files[self._turn], entry, size) if self._files else 0
        except OSError:
            written = 0
        if written == len(entry):
            self._sizes[self._turn] += written
            return True
        if written:
            self._cut(size)
        return False

    def _cut(self, size: int) -> None:
        self._sizes[self._turn] = size
        with contextlib.suppress(OSError):
            os.ftruncate(self._files[self._turn], size)


def _behind_mark(path: Path, data: bytes) -> bytes:
    """The entries of a file; raises LedgerError where its version is not known."""
    if not data.startswith(_MARK):
        return data
    version, _, entries = data[len(_MARK) :].partition(b"\n")
    if version != str(VERSION).encode():
        shown = version[:20].decode("ascii", "backslashreplace")
        raise LedgerError(
            f"{path} is of version {shown}, this program knows {VERSION}",
            hint="upgrade blossom-data: it holds replies that were paid for",
        )
    return entries


def _entries(data: bytes) -> Iterator[tuple[Any, ...]]:
    """The rows of one file, up to the first that is torn."""
    at = 0
    while at + _HEAD.size <= len(data):
        head_bytes, body_bytes, check = _HEAD.unpack_from(data, at)
        start = at + _HEAD.size
        head, body = data[start : start + head_bytes], data[start + head_bytes : start + head_bytes + body_bytes]
        # Zeros, which a power cut leaves, would pass for an empty row.
        if not head or len(head) + len(body) != head_bytes + body_bytes or zlib.crc32(body, zlib.crc32(head)) != check:
            return
        key, *middle = orjson.loads(head)
        yield (bytes.fromhex(key), *middle, body)
        at = start + head_bytes + body_bytes

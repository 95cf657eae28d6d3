"""An object as an open binary file: read a block at a time, each of them of the very object that was opened.

    with ObjectFile("s3", "bucket", "raw/train.jsonl") as file:
        file.read(1 << 18)

Blocks double up to 8 MiB while reading goes on in order, so a file is streamed with few requests and constant memory; a
jump asks for what is read there alone. A connection that is cut in the middle of a block goes on where it stopped.
Between two blocks nothing is open: a reader may take an hour over one.
"""

from __future__ import annotations

import io
import time
from typing import TYPE_CHECKING

from blossom_data.errors import AuthError, EndpointError, InputError
from blossom_data.object_store.faults import Conflict
from blossom_data.object_store.objects import Facts, head, stream, url_of

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

_FIRST_BYTES, _MOST_BYTES = 256 << 10, 8 << 20
_MOST_CUTS = 6
_PAUSE_S = 0.2


class ObjectFile(io.RawIOBase):
    """One object, opened for reading; FileNotFoundError where there is none."""

    def __init__(self, scheme: str, bucket: str, key: str) -> None:
        self._address = (scheme, bucket, key)
        self.name = url_of(*self._address)
        self.facts: Facts = head(*self._address)
        self._pos = self._start = 0
        self._block = memoryview(b"")
        self._next_bytes = _FIRST_BYTES

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._pos

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._pos, io.SEEK_END: self.facts.size}[whence]
        self._pos = max(0, base + offset)
        return self._pos

    def readinto(self, buffer: WriteableBuffer) -> int:
        """Fills `buffer`, but at the end of the object: the readers of tables take a short read for a damaged file."""
        view = memoryview(buffer).cast("B")
        filled = 0
        while filled < len(view) and self._pos < self.facts.size:
            inside = self._pos - self._start
            if not 0 <= inside < len(self._block):
                self._fetch(len(view) - filled)
                inside = 0
            piece = self._block[inside : inside + len(view) - filled]
            view[filled : filled + len(piece)] = piece
            self._pos += len(piece)
            filled += len(piece)
        return filled

    def _fetch(self, wanted: int) -> None:
        """Puts the block that begins at the position into memory; an empty one at the end."""
        in_order = self._pos == self._start + len(self._block)
        self._next_bytes = min(self._next_bytes * 2, _MOST_BYTES) if in_order and self._pos else _FIRST_BYTES
        end = min(self._pos + max(wanted, self._next_bytes), self.facts.size)
        self._start, self._block = self._pos, memoryview(b"")
        if self._pos < end:
            self._block = memoryview(self._range(self._pos, end))

    def _range(self, start: int, end: int) -> bytearray:
        """The bytes from `start` to `end`, however often the connection is cut on the way."""
        found, cuts = bytearray(), 0
        while len(found) < end - start:
            before = len(found)
            try:
                for piece in stream(*self._address, start + before, end, self.facts):
                    found += piece
            except Conflict as why:
                raise InputError(
                    f"{self.name} changed while it was read", hint="wait until it is written, then run again"
                ) from why
            except FileNotFoundError as why:
                raise InputError(f"{self.name} was deleted while it was read", hint="run the command again") from why
            except AuthError:
                raise
            except EndpointError:
                cuts = 0 if len(found) > before else cuts + 1
                if cuts > _MOST_CUTS:
                    raise
                time.sleep(_PAUSE_S * cuts)
            else:
                if len(found) == before:
                    raise EndpointError(f"the store of {self.name} sends nothing", hint="run the command again")
        return found

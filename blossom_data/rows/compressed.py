"""Inflates gzip and Zstandard in bounded blocks; plain bytes pass through.

    for block in inflate(file, "data.jsonl.gz"): ...     # blocks of 32 MB at the very most, normally 1 MB or less

A stream that ends early or is damaged is an InputError: how many rows are missing nobody can say. So is a bomb. The
limit is a ratio of 1,000 beyond 256 MB of output: chat text reaches 3 to 20, and one row repeated a million times 295
under gzip (which cannot exceed 1,032) and 10,800 under Zstandard, which only matters where it grows past the 256 MB.
Everything downstream works in constant memory, so the limit saves time and disk, not memory.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from typing import BinaryIO

import zstandard

from blossom_data.errors import InputError

BLOCK_BYTES = 1 << 18
MAX_RATIO = 1000
MAX_BOMB_BYTES = 256 << 20
GZIP_MAGIC, ZSTD_MAGIC = b"\x1f\x8b", b"\x28\xb5\x2f\xfd"

# A Zstandard block of 4 bytes can become 128 kB, and the decoder has no output limit: small bites keep it under 32 MB.
_ZSTD_BITE_BYTES = 1024
# What `zstd --long=27` writes; more would let a file of a few bytes ask for 2 GB.
_ZSTD_WINDOW_BYTES = 128 << 20


def inflate(file: BinaryIO, name: str, head: bytes) -> Iterator[bytes]:
    """Blocks of what `file` holds after `head`, which was read from it; compression is recognised by its magic bytes.

    Raises:
        InputError: the compressed stream is damaged, ends early or is a bomb.
    """
    blocks = _blocks(file, head)
    if head.startswith(GZIP_MAGIC):
        return _guard(_gunzip(blocks, name), name)
    if head.startswith(ZSTD_MAGIC):
        return _guard(_unzstd(blocks, name), name)
    return blocks


def _blocks(file: BinaryIO, head: bytes) -> Iterator[bytes]:
    block = head
    while block:
        yield block
        block = file.read(BLOCK_BYTES)


def _guard(steps: Iterator[tuple[int, bytes]], name: str) -> Iterator[bytes]:
    """Passes the output of (compressed bytes so far, output) steps on until it is out of all proportion."""
    total = 0
    for consumed, output in steps:
        total += len(output)
        if total > MAX_BOMB_BYTES and total > MAX_RATIO * consumed:
            raise InputError(
                f"{name}: {consumed:,} bytes inflate to more than {total:,}: this looks like a compression bomb",
                hint="if the file is honest, decompress it first and pass the plain file",
            )
        if output:
            yield output


def _gunzip(blocks: Iterator[bytes], name: str) -> Iterator[tuple[int, bytes]]:
    inflater, consumed, is_between = zlib.decompressobj(31), 0, False
    try:
        for block in blocks:
            consumed += len(block)
            while block:
                if is_between:
                    # Members may be padded with zeros (tapes, block devices); gzip itself ignores them.
                    if not (block := block.lstrip(b"\0")):
                        break
                    inflater, is_between = zlib.decompressobj(31), False
                yield consumed, inflater.decompress(block, BLOCK_BYTES)
                is_between = inflater.eof
                block = inflater.unused_data if is_between else inflater.unconsumed_tail
        while not is_between and (output := inflater.decompress(b"", BLOCK_BYTES)):
            yield consumed, output
    except zlib.error as why:
        raise InputError(f"{name}: the gzip stream is damaged ({why})", hint="fetch the file again") from why
    if not is_between and not inflater.eof:
        raise _cut(name, "gzip")


def _unzstd(blocks: Iterator[bytes], name: str) -> Iterator[tuple[int, bytes]]:
    decompressor = zstandard.ZstdDecompressor(max_window_size=_ZSTD_WINDOW_BYTES)
    inflater, consumed, is_between = decompressor.decompressobj(), 0, False
    try:
        for block in blocks:
            for start in range(0, len(block), _ZSTD_BITE_BYTES):
                bite = block[start : start + _ZSTD_BITE_BYTES]
                consumed += len(bite)
                while bite:
                    if is_between:
                        inflater, is_between = decompressor.decompressobj(), False
                    yield consumed, inflater.decompress(bite)
                    is_between = inflater.eof
                    bite = inflater.unused_data if is_between else b""
    except zstandard.ZstdError as why:
        raise InputError(f"{name}: the Zstandard stream is damaged ({why})", hint="fetch the file again") from why
    if not is_between:
        raise _cut(name, "Zstandard")


def _cut(name: str, kind: str) -> InputError:
    return InputError(f"{name}: the {kind} stream ends early, rows are missing", hint="fetch the file again")

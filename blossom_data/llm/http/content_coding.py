"""Bodies as they were before a server packed them: compressed, or in another encoding than UTF-8.

    unpack(body, "gzip", status=200, most_bytes=8 << 20)   ->   b'{"choices": [...]}', or a Failure
    as_utf8(b"\\xff\\xfe{\\x00}\\x00", None)                   ->   b"{}"

What comes out is bounded, however small it came (a compressed body can unpack to a thousand times its size). A coding
that is none (`utf-8`, `none`), and one that is named though the body is plain JSON, are passed over as libraries and
browsers do; gzip that no header names is known by its first bytes. It reads no other header, and repairs nothing.
"""

from __future__ import annotations

import json
import re
import zlib
from collections.abc import Callable

from blossom_data.llm.policy import Action, Failure

ACCEPTED = "gzip, deflate, br, zstd"
_MOST_CODINGS = 3
"""Packed so many times over at most."""
_GZIP_BEGINS = b"\x1f\x8b"
_MOST_MEMBERS = 100
"""A gzip body is a row of members, nearly always one."""
_WINDOW_BYTES = 8 << 20
"""How far zstd may look back: what RFC 9659 allows on the web."""
_PIECE_BYTES = 1 << 16
_CHARSET = re.compile(r"(iso-?8859|latin|windows|cp|gb|big5|shift_?jis|sjis|euc|koi8|utf-?(16|32))[\w-]*")


def unpack(body: bytes, encoding: str, status: int, most_bytes: int) -> bytes | Failure:
    """The body without its compression; of an error's body the beginning is enough.

    Args:
        encoding: the Content-Encoding headers, joined by commas.
    """
    if not encoding and body.startswith(_GZIP_BEGINS):
        encoding = "gzip"
    names = [part.partition(";")[0].strip(' \t"') for part in encoding.lower().split(",")]
    codings = [name for name in names if name in _UNPACKERS]
    if len(codings) > _MOST_CODINGS:
        return _unreadable(status, "a body that was compressed too many times over")
    for coding in reversed(codings):
        try:
            plain, is_whole = _UNPACKERS[coding](body, most_bytes)
        except ValueError:
            if body.lstrip(b"\xef\xbb\xbf \t\r\n")[:1] == b"{":
                # Something on the way unpacked it and left the header.
                return body
            return _unreadable(status, "a body whose compression is broken")
        if len(plain) > most_bytes:
            return too_long(status, most_bytes) if status < 300 else plain[:most_bytes]
        if not is_whole and status < 300:
            return _unreadable(status, "a compressed body that was cut short")
        body = plain
    return body


def as_utf8(body: bytes, charset: str | None) -> bytes | None:
    """The body in UTF-8, where it is in UTF-16, UTF-32 or `charset`, which its Content-Type names; None: in neither."""
    for name in (json.detect_encoding(body), (charset or "").lower()):
        if _CHARSET.fullmatch(name):
            try:
                return body.decode(name).encode()
            except (LookupError, ValueError):
                continue
    return None


def too_long(status: int, most_bytes: int) -> Failure:
    """The failure of a body that is longer than wanted."""
    detail = f"a reply longer than {most_bytes} bytes"
    return Failure(action=Action.REFUSED, cause="body", detail=detail, status=status)


def _unreadable(status: int, detail: str) -> Failure:
    return Failure(action=Action.RETRY, cause="body", detail=detail, status=status)


# Each gives what it could unpack, a little more than `most_bytes` at most, and whether that is the whole.


def _gzip(body: bytes, most_bytes: int) -> tuple[bytes, bool]:
    plain = b""
    for _ in range(_MOST_MEMBERS):
        unpacker = zlib.decompressobj(zlib.MAX_WBITS | 32)
        plain += _inflate(unpacker.decompress, body, most_bytes + 1 - len(plain))
        if len(plain) > most_bytes or not unpacker.eof:
            return plain, False
        body = unpacker.unused_data
        if not body.startswith(_GZIP_BEGINS):
            return plain, True
    return plain, False


def _deflate(body: bytes, most_bytes: int) -> tuple[bytes, bool]:
    try:
        return _gzip(body, most_bytes)
    except ValueError:
        # Some servers leave out the two bytes of zlib's head.
        unpacker = zlib.decompressobj(-zlib.MAX_WBITS)
        plain = _inflate(unpacker.decompress, body, most_bytes + 1)
        return plain, unpacker.eof


def _inflate(decompress: Callable[[bytes, int], bytes], body: bytes, most_bytes: int) -> bytes:
    try:
        return decompress(body, most_bytes)
    except zlib.error as why:
        raise ValueError("not deflate") from why


def _brotli(body: bytes, most_bytes: int) -> tuple[bytes, bool]:
    import brotli

    unpacker, plain = brotli.Decompressor(), b""
    try:
        plain = unpacker.process(body, output_buffer_limit=most_bytes + 1)
    except brotli.error as why:
        raise ValueError("not brotli") from why
    return plain, unpacker.is_finished()


def _zstd(body: bytes, most_bytes: int) -> tuple[bytes, bool]:
    import zstandard

    pieces, size = [], 0
    unpacker = zstandard.ZstdDecompressor(max_window_size=_WINDOW_BYTES)
    try:
        with unpacker.stream_reader(body, read_across_frames=True) as reader:
            while size <= most_bytes and (piece := reader.read(_PIECE_BYTES)):
                pieces.append(piece)
                size += len(piece)
    except zstandard.ZstdError as why:
        raise ValueError("not zstd") from why
    # A body that was cut short ends without a word here; its JSON tells.
    return b"".join(pieces), True


_UNPACKERS = {"gzip": _gzip, "x-gzip": _gzip, "deflate": _deflate, "br": _brotli, "zstd": _zstd}

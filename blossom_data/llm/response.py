"""Reads one HTTP/1.1 response out of bytes that arrive in any pieces.

    reader = ResponseReader(most_bytes=lambda status: 8 << 20)
    reader.feed(b"HTTP/1.1 200 OK\\r\\nContent-Length: 2\\r\\n\\r\\n{")   -> False
    reader.feed(b"}")                                               -> True; reader.response().body == b"{}"

The body ends by Content-Length, by chunks or by the end of the connection (RFC 9112, section 6.3). What is ambiguous is
refused, everything is bounded, and no time is worse than linear. It does no I/O and undoes no compression.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

MAX_HEAD_BYTES = 16 << 10
"""Status line and headers together; also the trailers of a chunked body."""
_MAX_CHUNK_LINE_BYTES = 1 << 10
_HEAD_END = re.compile(rb"\r?\n\r?\n")
_STATUS_LINE = re.compile(r"HTTP/1\.([01]) ([1-5][0-9]{2})(?: .*)?\Z")
_CHUNK_LINE = re.compile(rb"([0-9A-Fa-f]{1,12})[ \t]*(?:;.*)?\Z")
_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+\Z")


class BadResponse(ValueError):
    """What came is no HTTP response, or an ambiguous one."""


class TooLong(ValueError):
    """The body is longer than wanted; the connection is of no further use."""


@dataclass(frozen=True, slots=True)
class Response:
    """A whole response; header names are in lower case, those of one name joined by a comma."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    is_reusable: bool
    """Whether another request may follow on the connection."""


class ResponseReader:
    """One response in the making.

    Args:
        most_bytes: of (status), the longest body wanted. Of an error its beginning is enough and the rest is left;
            a longer body of a 2xx raises TooLong.
    """

    __slots__ = (
        "_body",
        "_head",
        "_keeps_open",
        "_left",
        "_most",
        "_most_bytes",
        "_size",
        "_step",
        "headers",
        "status",
    )

    def __init__(self, most_bytes: Callable[[int], int]) -> None:
        self._most_bytes = most_bytes
        self.status = 0
        """0 until the head is whole."""
        self.headers: dict[str, str] = {}
        self._head = b""
        self._body: list[bytes] = []
        # A function, not a bound method: that would be a cycle, and garbage after each response.
        self._step: Callable[[ResponseReader, bytes], bool] = ResponseReader._feed_head
        self._keeps_open = False
        self._size = self._left = self._most = 0

    def feed(self, data: bytes) -> bool:
        """Takes what has arrived; True when the response is whole.

        Raises:
            BadResponse: it cannot be read.
            TooLong: its body is too long.
        """
        return self._step(self, data)

    def end(self) -> bool:
        """The connection has ended; True when the response is whole by that."""
        is_whole = self.status > 0 and self._step is ResponseReader._feed_rest
        self._keeps_open = False
        return is_whole

    @property
    def has_begun(self) -> bool:
        """Whether anything at all has come."""
        return self.status > 0 or bool(self._head)

    def response(self) -> Response:
        """The response, once it is whole."""
        body = self._body[0] if len(self._body) == 1 else b"".join(self._body)
        return Response(self.status, self.headers, body, self._keeps_open)

    def _feed_head(self, data: bytes) -> bool:
        seen, start = len(self._head), 0
        head = self._head + data if seen else data
        while start < len(head):
            # An end may have begun in the bytes before; what lies further back was searched already.
            end = _HEAD_END.search(head, max(start, seen - 3))
            if end is None or end.start() - start > MAX_HEAD_BYTES:
                if len(head) - start > MAX_HEAD_BYTES:
                    raise BadResponse(f"a response whose headers take more than {MAX_HEAD_BYTES} bytes")
                break
            status = self._read_head(head[start : end.start()].decode("latin-1"))
            start = end.end()
            if status == 101:
                raise BadResponse("a response that changes the protocol, which was not asked for")
            if status >= 200:
                self._head = b""
                self.status = status
                return self._begin_body(head[start:])
        self._head = head[start:]
        return False

    def _read_head(self, head: str) -> int:
        """Reads status line and headers; gives the status."""
        line, *lines = head.split("\n")
        found = _STATUS_LINE.match(line.rstrip("\r"))
        if found is None:
            raise BadResponse("what came is not an HTTP/1 response")
        headers: dict[str, str] = {}
        for line in lines:
            name, colon, value = line.partition(":")
            name, value = name.lower(), value.strip(" \t\r")
            if not colon or not _NAME.match(name) or "\r" in value or "\0" in value:
                raise BadResponse("a response with a broken header")
            headers[name] = f"{headers[name]}, {value}" if name in headers else value
        self.headers = headers
        tokens = headers.get("connection", "").lower()
        self._keeps_open = "close" not in tokens if found[1] == "1" else "keep-alive" in tokens
        return int(found[2])

    def _begin_body(self, data: bytes) -> bool:
        headers, self._most = self.headers, self._most_bytes(self.status)
        if self.status in (204, 304):
            return self._finish(data)
        if (coding := headers.get("transfer-encoding")) is not None:
            if coding.lower() != "chunked":
                raise BadResponse(f"a response in the transfer coding {coding[:40]!r}")
            # Both lengths at once may be an attack on what stands between: read it, but nothing behind it.
            self._keeps_open &= "content-length" not in headers
            self._step = ResponseReader._feed_chunk_line
        elif (length := headers.get("content-length")) is not None:
            lengths = {part.strip() for part in length.split(",")}
            digits = lengths.pop()
            if lengths or not (digits.isascii() and digits.isdecimal() and len(digits) <= 15):
                raise BadResponse("a response with a broken Content-Length")
            self._left = int(digits)
            self._step = ResponseReader._feed_length
        else:
            self._keeps_open = False
            self._step = ResponseReader._feed_rest
        return self._step(self, data)

    def _feed_length(self, data: bytes) -> bool:
        extra = len(data) - self._left
        part = data if extra <= 0 else data[: self._left]
        self._left -= len(part)
        return self._keep(part) or (self._left == 0 and self._finish(data[len(part) :]))

    def _feed_rest(self, data: bytes) -> bool:
        return self._keep(data)

    def _feed_chunk_line(self, data: bytes) -> bool:
        """Reads the line that gives the length of a chunk; the bytes of a torn one wait in `_head`."""
        at = 0
        while True:
            end = data.find(b"\n", at)
            if len(self._head) + (len(data) if end < 0 else end) - at > _MAX_CHUNK_LINE_BYTES:
                raise BadResponse("a chunk without a length")
            if end < 0:
                self._head += data[at:]
                return False
            line, at = (self._head + data[at:end]).rstrip(b"\r"), end + 1
            self._head = b""
            found = _CHUNK_LINE.match(line)
            if found is None:
                raise BadResponse("a chunk with a broken length")
            self._left = int(found[1], 16)
            if self._left == 0:
                self._step = ResponseReader._feed_trailers
                self._head = b"\n"
                return self._feed_trailers(data[at:])
            taken = min(self._left, len(data) - at)
            if self._keep(data[at : at + taken]):
                return True
            self._left -= taken
            at += taken
            if self._left or at == len(data):
                self._step = ResponseReader._feed_chunk
                return False
            at = self._end_chunk(data, at)
            if at == len(data):
                return False

    def _feed_chunk(self, data: bytes) -> bool:
        """Reads what is left of a chunk and the line end behind it."""
        taken = min(self._left, len(data))
        if taken and self._keep(data[:taken]):
            return True
        self._left -= taken
        if taken == len(data):
            return False
        rest = data[self._end_chunk(data, taken) :]
        return bool(rest) and self._step(self, rest)

    def _end_chunk(self, data: bytes, at: int) -> int:
        """Passes over the line end behind a chunk, which goes on at `at`; gives its end, that of `data` when torn."""
        before, self._head = len(self._head), b""
        mark = (b"\r" if before else b"") + data[at : at + 2]
        if mark == b"\r":
            self._head, self._step = mark, ResponseReader._feed_chunk
            return len(data)
        end = 2 if mark[:2] == b"\r\n" else 1
        if mark[end - 1 : end] != b"\n":
            raise BadResponse("a chunk that is longer than its length")
        self._step = ResponseReader._feed_chunk_line
        return at + end - before

    def _feed_trailers(self, data: bytes) -> bool:
        """Passes over the trailers to the empty line; `_head` begins with the end of the line before."""
        seen = len(self._head)
        data = self._head + data
        end = _HEAD_END.search(data, max(0, seen - 3))
        if end is None:
            if len(data) > MAX_HEAD_BYTES:
                raise BadResponse("a chunked response whose trailers have no end")
            self._head = data
            return False
        return self._finish(data[end.end() :])

    def _keep(self, part: bytes) -> bool:
        """Adds to the body; True when no more of it is wanted."""
        if not part:
            return False
        self._body.append(part)
        self._size += len(part)
        if self._size <= self._most:
            return False
        if self.status < 300:
            raise TooLong(f"a reply longer than {self._most} bytes")
        self._keeps_open = False
        return True

    def _finish(self, rest: bytes) -> bool:
        # Bytes behind the end belong to no request: whatever they are, the connection cannot be trusted any more.
        self._keeps_open &= not rest
        return True

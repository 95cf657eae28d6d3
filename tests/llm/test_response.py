"""The reader of HTTP responses, against the standard library's own, with bytes that come in any pieces."""

from __future__ import annotations

import http.client
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from blossom_data.llm.response import BadResponse, Response, ResponseReader, TooLong

MOST = 1 << 16


def read(pieces: list[bytes], *, ends: bool = False, most: int = MOST) -> Response | None:
    """What comes of `pieces`; None when the response is not whole, whether or not the connection `ends`."""
    reader = ResponseReader(lambda status: most)
    for number, piece in enumerate(pieces):
        if reader.feed(piece):
            assert number == len(pieces) - 1 or not b"".join(pieces[number + 1 :]), "it was whole before its last byte"
            return reader.response()
    return reader.response() if ends and reader.end() else None


class _Socket:
    def __init__(self, raw: bytes) -> None:
        self._raw = raw

    def makefile(self, *_: object) -> io.BytesIO:
        return io.BytesIO(self._raw)


def read_by_the_book(raw: bytes) -> tuple[int, bytes]:
    answer = http.client.HTTPResponse(_Socket(raw), method="POST")  # type: ignore[arg-type]
    answer.begin()
    return answer.status, answer.read()


def chunked(chunks: list[bytes], *, extension: bytes = b"", trailers: bytes = b"") -> bytes:
    parts = b"".join(b"%x%b\r\n%b\r\n" % (len(chunk), extension, chunk) for chunk in chunks if chunk)
    return parts + b"0\r\n" + trailers + b"\r\n"


@st.composite
def responses(draw: st.DrawFn) -> tuple[bytes, bool]:
    """A valid response, and whether it ends with its connection."""
    status = draw(st.sampled_from([200, 201, 204, 400, 429, 500, 503]))
    names = draw(st.lists(st.from_regex(r"X-[A-Za-z]{1,8}", fullmatch=True), unique_by=str.lower, max_size=4))
    texts = st.text(st.characters(min_codepoint=33, max_codepoint=126), max_size=30)
    head = b"HTTP/1.1 %d Some Words\r\n" % status
    head += b"".join(f"{name}: {draw(texts)}\r\n".encode() for name in names)
    before = draw(st.sampled_from([b"", b"HTTP/1.1 100 Continue\r\n\r\n", b"HTTP/1.1 100 C\r\nA: b\r\n\r\n" * 2]))
    if status == 204:
        return before + head + b"\r\n", False
    body = draw(st.lists(st.binary(max_size=40), max_size=5))
    match draw(st.sampled_from(["length", "chunks", "rest"])):
        case "length":
            whole = b"".join(body)
            return before + head + b"Content-Length: %d\r\n\r\n%b" % (len(whole), whole), False
        case "chunks":
            extension = draw(st.sampled_from([b"", b";a=b", b" "]))
            trailers = draw(st.sampled_from([b"", b"X-Sum: 1\r\n", b"A: 1\r\nB: 2\r\n"]))
            coded = chunked(body, extension=extension, trailers=trailers)
            return before + head + b"Transfer-Encoding: chunked\r\n\r\n" + coded, False
        case _:
            return before + head + b"\r\n" + b"".join(body), True


@given(responses(), st.lists(st.integers(1, 200), max_size=12))
def test_any_cut_gives_what_the_standard_library_reads(response: tuple[bytes, bool], sizes: list[int]) -> None:
    raw, ends = response
    pieces, at = [], 0
    for size in sizes:
        pieces.append(raw[at : at + size])
        at += size
    found = read([piece for piece in [*pieces, raw[at:]] if piece], ends=ends)
    assert found is not None
    assert (found.status, found.body) == read_by_the_book(raw)
    assert found.is_reusable != ends


@given(responses())
def test_byte_by_byte_is_the_same_and_no_prefix_is_whole(response: tuple[bytes, bool]) -> None:
    raw, ends = response
    whole = read([raw], ends=ends)
    assert read([raw[at : at + 1] for at in range(len(raw))], ends=ends) == whole
    if not ends:
        for length in range(len(raw)):
            assert read([raw[:length]] if length else [], ends=False) is None


@given(st.binary(max_size=300), st.booleans())
def test_any_bytes_are_read_or_refused(raw: bytes, is_after_head: bool) -> None:
    head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" if is_after_head else b""
    reader = ResponseReader(lambda status: 50)
    try:
        for at in range(0, len(head + raw), 7):
            if reader.feed((head + raw)[at : at + 7]):
                break
    except (BadResponse, TooLong):
        return


@pytest.mark.parametrize(
    "raw",
    [
        b"<html>hello</html>\r\n\r\n",
        b"HTTP/2 200 OK\r\n\r\n",
        b"HTTP/1.1 20 OK\r\n\r\n",
        b"HTTP/1.1 101 Switching\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nno colon\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length : 2\r\n\r\n{}",
        b"HTTP/1.1 200 OK\r\nA: b\r\n folded\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: +2\r\n\r\n{}",
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\n{}",
        b"HTTP/1.1 200 OK\r\nContent-Length: \xb2\r\n\r\n{}",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n-1\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}}\r\n0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + b"1" * 5_000,
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n" + b"A: b\r\n" * 5_000,
        b"HTTP/1.1 200 OK\r\n" + b"A: b\r\n" * 5_000 + b"\r\n",
        b"HTTP/1.1 200 " + b"OK" * 20_000,
    ],
)
def test_what_is_ambiguous_or_endless_is_refused(raw: bytes) -> None:
    with pytest.raises(BadResponse):
        read([raw])
    with pytest.raises(BadResponse):
        read([raw[at : at + 1] for at in range(len(raw))])


@pytest.mark.parametrize(
    ("raw", "is_reusable"),
    [
        (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}", True),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 2, 2\r\n\r\n{}", True),
        (b"HTTP/1.1 200 OK\nContent-Length: 2\n\n{}", True),
        (b"HTTP/1.1 103 Hints\r\nLink: a\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}", True),
        (b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\n{}", False),
        (b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\n{}", False),
        (b"HTTP/1.0 200 OK\r\nConnection: Keep-Alive\r\nContent-Length: 2\r\n\r\n{}", True),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n", False),
    ],
)
def test_when_a_connection_may_serve_again(raw: bytes, is_reusable: bool) -> None:
    found = read([raw])
    assert found is not None
    assert found.body == b"{}"
    assert found.is_reusable is is_reusable


def test_bytes_behind_the_end_are_not_taken_for_the_next_answer() -> None:
    reader = ResponseReader(lambda status: MOST)
    assert reader.feed(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}HTTP/1.1 200 OK\r\n")
    assert reader.response().body == b"{}"
    assert not reader.response().is_reusable


def test_a_long_body_is_refused_and_of_an_error_the_beginning_is_kept() -> None:
    with pytest.raises(TooLong):
        read([b"HTTP/1.1 200 OK\r\n\r\n", b"x" * 60, b"x" * 60], most=100)
    found = read([b"HTTP/1.1 500 No\r\nContent-Length: 9000\r\n\r\n", b"x" * 60, b"x" * 60], most=100)
    assert found is not None
    assert found.body == b"x" * 120
    assert not found.is_reusable


def test_a_flood_of_interim_answers_is_passed_over() -> None:
    interim = b"HTTP/1.1 100 Continue\r\n\r\n" * 10_000
    found = read([interim + interim[:30], interim[30:] + b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"])
    assert found is not None
    assert (found.status, found.body) == (200, b"{}")

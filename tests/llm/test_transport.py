"""Connections and responses against raw servers: reuse, stale connections, odd headers and codings, broken answers."""

from __future__ import annotations

import asyncio
import gzip
import json
import zlib
from collections.abc import Awaitable, Callable
from typing import Any

import brotli
import pytest
import zstandard
from calls import CANARY_KEY, FAST, ask_all, question
from loopback import Loopback, answer
from network_servers import RawServer, Talk, read_request

from blossom_data.asks import Reply
from blossom_data.config import Endpoint, Secret
from blossom_data.errors import ConfigError, EndpointError, RecordRefused
from blossom_data.llm.client import Client
from blossom_data.llm.policy import Failure, Patience

BODY = json.dumps(answer("sound")).encode()
WIDE = json.dumps(answer("a sound 答案 é"), ensure_ascii=False)


def response(body: bytes = BODY, *lines: str, status: str = "200 OK") -> bytes:
    head = "".join(f"{line}\r\n" for line in lines)
    return f"HTTP/1.1 {status}\r\n{head}Content-Length: {len(body)}\r\n\r\n".encode("latin-1") + body


def chunked(body: bytes, *, extension: str = "", trailers: str = "") -> bytes:
    pieces = [body[at : at + 50] for at in range(0, len(body), 50)]
    coded = b"".join(b"%x%b\r\n%b\r\n" % (len(piece), extension.encode(), piece) for piece in pieces)
    return b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + coded + b"0\r\n" + trailers.encode() + b"\r\n"


def saying(*answers: bytes, ends: bool = True) -> Talk:
    """Each request on a connection gets the next of `answers`; then the connection ends, or hears no more."""

    async def talk(number: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for text in answers:
            await read_request(reader)
            writer.write(text)
            await writer.drain()
        if not ends:
            await reader.read()

    return talk


def endpoint(base_url: str, **settings: Any) -> Endpoint:
    key = Secret(CANARY_KEY, origin="OPENAI_API_KEY")
    return Endpoint(**{"base_url": base_url, "model": "m", "api_key": key, "timeout_s": 10.0, **settings})


async def one(client: Client, number: int = 0) -> Reply | Failure:
    ask = question(number)
    return await client.send(ask, client.encode(ask, "off"))


async def two(client: Client) -> list[Reply | Failure]:
    first = await one(client)
    await asyncio.sleep(0.05)
    return [first, await one(client, 1)]


def sent(talk: Talk, job: Callable[[Client], Awaitable[Any]], **settings: Any) -> tuple[Any, int]:
    """What `job` comes to with a client of a server that does `talk`, and how many connections it took."""

    async def run(base_url: str) -> Any:
        async with Client(endpoint(base_url, **settings)) as client:
            return await job(client)

    with RawServer(talk) as server:
        return asyncio.run(run(server.base_url)), server.connections


@pytest.mark.parametrize("in_flight", [4, 16, 64])
def test_a_connection_that_was_closed_while_idle_costs_no_try(in_flight: int) -> None:
    async def talk(number: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader)
        writer.write(response())
        await reader.readuntil(b"\r\n\r\n")

    with RawServer(talk) as server:
        one_try = endpoint(server.base_url, max_in_flight=in_flight, max_tries=1)
        outcomes, counters = ask_all([one_try], [question(number) for number in range(200)], patience=FAST)
    assert sum(isinstance(outcome, Reply) for outcome in outcomes) == 200
    assert counters.retries == {}


def test_an_answer_that_had_begun_or_a_new_connection_that_fails_is_a_try() -> None:
    outcomes, count = sent(saying(response(), b"HTTP/1.1 200 OK\r\nContent-"), two)
    assert (type(outcomes[0]), outcomes[1].cause, count) == (Reply, "reset", 1)
    outcomes, count = sent(saying(response(), response()[:-1]), two)
    assert (type(outcomes[0]), outcomes[1].cause, count) == (Reply, "body", 1)
    outcome, count = sent(saying(b""), one)
    assert (outcome.cause, count) == ("reset", 1)


def test_a_request_goes_out_once_more_and_not_thrice() -> None:
    async def talk(number: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if number == 1:
            await saying(response(), b"")(number, reader, writer)
        else:
            await read_request(reader)

    outcomes, count = sent(talk, two)
    assert (type(outcomes[0]), outcomes[1].cause, count) == (Reply, "reset", 2)


def test_a_connection_serves_one_request_after_another() -> None:
    outcomes, count = sent(saying(response(), response()), two)
    assert [outcome.text for outcome in outcomes] == ["sound", "sound"]
    assert count == 1


@pytest.mark.parametrize(
    "first",
    [
        response(BODY, "Connection: close"),
        response() + response(json.dumps(answer("smuggled")).encode()),
        b"HTTP/1.0 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(BODY), BODY),
    ],
)
def test_what_was_closed_or_cannot_be_trusted_is_not_used_again(first: bytes) -> None:
    outcomes, count = sent(saying(first, response(), ends=False), two)
    assert [outcome.text for outcome in outcomes] == ["sound", "sound"]
    assert count == 2


def test_an_answer_that_nobody_asked_for_is_nobodys() -> None:
    async def talk(number: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader)
        writer.write(response())
        await asyncio.sleep(0.01)
        if number == 1:
            writer.write(response(json.dumps(answer("smuggled")).encode()))
        await read_request(reader)
        writer.write(response())
        await reader.read()

    outcomes, _ = sent(talk, two)
    assert [outcome.text for outcome in outcomes] == ["sound", "sound"]


def test_a_cancelled_request_takes_its_connection_along() -> None:
    async def job(client: Client) -> Reply | Failure:
        task = asyncio.create_task(one(client))
        await asyncio.sleep(0.05)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        return await one(client)

    async def talk(number: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader)
        if number > 1:
            writer.write(response())
        await reader.read()

    outcome, count = sent(talk, job)
    assert outcome.text == "sound"
    assert count == 2


def raw_deflate(body: bytes) -> bytes:
    packer = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return packer.compress(body) + packer.flush()


ODD_CODINGS = ("utf-8", "UTF-8", "identity", "none", "", "aws-chunked", "gzip", "deflate", "br", "zstd")
PLAIN = "Content-Type: application/json"


@pytest.mark.parametrize(
    "raw",
    [
        response(gzip.compress(BODY), "Content-Encoding: gzip"),
        response(gzip.compress(BODY[:40]) + gzip.compress(BODY[40:]), "content-encoding: x-gzip"),
        response(gzip.compress(BODY) + b"\0\0", 'Content-Encoding: "gzip";q=1.0'),
        response(gzip.compress(BODY), "Content-Encoding: deflate"),
        response(zlib.compress(BODY), "Content-Encoding: deflate"),
        response(raw_deflate(BODY), "Content-Encoding: deflate"),
        response(brotli.compress(BODY), "Content-Encoding: br"),
        response(zstandard.compress(BODY), "Content-Encoding: zstd"),
        response(brotli.compress(gzip.compress(BODY)), "Content-Encoding: gzip, BR"),
        response(brotli.compress(gzip.compress(BODY)), "Content-Encoding: gzip", "Content-Encoding: br"),
        *(
            response(BODY, f"Content-Encoding: {name}")
            for name in ("utf-8", "UTF-8", "identity", "none", "", "aws-chunked")
        ),
        *(response(BODY, f"Content-Encoding: {name}") for name in ("gzip", "deflate", "br", "zstd")),
        response(b"\xef\xbb\xbf" + BODY),
        response(b" \r\n\t" + BODY + b"\n\n"),
        response(BODY, PLAIN, PLAIN),
        response(BODY, PLAIN, "Content-Type: text/html; charset=utf-8"),
        response(BODY, "Content-Type: text/plain; charset=none; charset"),
        response(BODY, "Content-Type: ;;;"),
        response(BODY, "X-Policy: " + "p" * 20_000, "x-trace: " + "t" * 40_000),
        response(BODY, *(f"X-Header-{number}: {number}" for number in range(500))),
        response(BODY, *(f"Set-Cookie: a{number}=b; Max-Age=x" for number in range(50))),
        response(BODY, "X-Name: caf\xe9", "X-Empty:", "x_under: 1", "DATE: never", "Server: \x01"),
        response(BODY, "Keep-Alive: timeout=5, max=1000", "Connection: keep-alive, Upgrade", "Upgrade: h2c"),
        response(BODY, "Content-Type: application/json", status="200"),
        response(BODY, "Content-Type: application/json", status="201 "),
        response(BODY, "Content-Type: application/json", status="203 Non-Authoritative"),
        b"HTTP/1.1 100 Continue\r\n\r\n" + response(),
        b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 102 Processing\r\n\r\n" + response(),
        b"HTTP/1.1 200 OK\r\ncOnTeNt-LeNgTh:%d\r\n\r\n%b" % (len(BODY), BODY),
        b"HTTP/1.1 200 OK\nContent-Length: %d\n\n%b" % (len(BODY), BODY),
        b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n" + BODY,
        b"HTTP/1.0 200 OK\r\nConnection: close\r\n\r\n" + BODY,
        chunked(BODY),
        chunked(BODY, extension=";name=value;other", trailers="X-Sum: 1\r\nX-Other: 2\r\n"),
        chunked(BODY, extension=" "),
    ],
)
def test_what_any_library_reads_is_read(raw: bytes) -> None:
    outcome, _ = sent(saying(raw), one)
    assert isinstance(outcome, Reply), outcome
    assert outcome.text == "sound"


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        (WIDE.encode(), "application/json; charset=iso-8859-1"),
        (WIDE.encode(), 'application/json; charset="utf8"'),
        (WIDE.encode(), "application/json; charset=klingon"),
        (WIDE.encode("utf-16"), "application/json; charset=utf-16"),
        (WIDE.encode("utf-16-le"), "application/json"),
        (WIDE.encode("utf-32"), "application/json"),
        (WIDE.replace("é", "e").encode("gbk"), "application/json; charset=GBK"),
        (WIDE.replace("答案", "aa").encode("latin-1"), "text/plain; charset=iso-8859-1"),
    ],
)
def test_text_in_another_encoding_is_read_as_it_says(body: bytes, content_type: str) -> None:
    outcome, _ = sent(saying(response(body, f"Content-Type: {content_type}")), one)
    assert isinstance(outcome, Reply), outcome
    assert outcome.text.startswith("a sound ")
    assert "\ufffd" not in outcome.text and "\u00c3" not in outcome.text


@pytest.mark.parametrize(
    "raw",
    [
        b"junk\r\n\r\n",
        b"HTTP/2 200 OK\r\n\r\n",
        b"HTTP/1.1 101 Switching Protocols\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n" + BODY,
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 300\r\n\r\n" + BODY,
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n" + BODY,
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}}\r\n0\r\n\r\n",
        chunked(BODY)[:-9],
        b"HTTP/1.1 200 OK\r\nX-Endless: " + b"x" * 3_000_000,
        b"HTTP/1.1 200 " + b"OK" * 1_000_000,
        b"HTTP/1.1 200 OK\r\n" + b"A: b\r\n" * 20_000 + b"\r\n",
        response(gzip.compress(BODY)[:-9], "Content-Encoding: gzip"),
        response(brotli.compress(BODY)[:-3], "Content-Encoding: br"),
        response(zstandard.compress(BODY)[:-9], "Content-Encoding: zstd"),
        response(gzip.compress(gzip.compress(gzip.compress(gzip.compress(BODY)))), "Content-Encoding: " + "gzip," * 4),
        response(BODY[:-20] + b"\xff" + BODY[-20:], "Content-Type: application/json; charset=utf-8"),
    ],
)
def test_what_is_broken_or_endless_is_a_try(raw: bytes) -> None:
    outcome, _ = sent(saying(raw), one, timeout_s=5.0)
    assert isinstance(outcome, Failure), outcome
    assert (outcome.action.value, outcome.cause in ("body", "reset")) == ("retry", True)


@pytest.mark.parametrize("name", ["gzip", "deflate", "br", "zstd"])
def test_a_bomb_in_any_coding_is_refused(name: str) -> None:
    zeros = b" " * (64 << 20)
    pack: dict[str, Callable[[bytes], bytes]] = {
        "gzip": gzip.compress,
        "deflate": raw_deflate,
        "br": lambda body: bytes(brotli.compress(body, quality=1)),
        "zstd": zstandard.compress,
    }
    bomb = pack[name](zeros)
    with RawServer(saying(response(bomb, f"Content-Encoding: {name}"))) as server:
        (outcome,), counters = ask_all([endpoint(server.base_url, max_body_bytes=4_000_000)], [question()])
    assert isinstance(outcome, RecordRefused)
    assert "4000000 bytes" in str(outcome)
    assert counters.retries == {}
    # The beginning of an error is enough.
    refusal = saying(response(bomb, f"Content-Encoding: {name}", status="422 No"))
    with RawServer(refusal) as server:
        (outcome,), _ = ask_all([endpoint(server.base_url)], [question()])
    assert isinstance(outcome, RecordRefused)
    assert outcome.status == 422


@pytest.mark.parametrize(
    ("path", "asked"),
    [("/v1/", "/v1"), ("", ""), ("/a b/\u00fc%20", "/a%20b/%C3%BC%20"), ("/v1/acc+1/x@y:z", "/v1/acc+1/x@y:z")],
)
def test_where_a_base_url_leads(path: str, asked: str) -> None:
    with Loopback() as server:
        root = server.base_url.removesuffix("/v1")
        ask_all([endpoint(root + path)], [question()])
    assert server.requests[0].path == f"{asked}/chat/completions"
    assert server.requests[0].headers["host"] == root.removeprefix("http://")


@pytest.mark.parametrize("url", ["http://a b/v1", "http://host:99999/v1", "http://host:x/v1", "http:///v1", "ftp://h"])
def test_a_base_url_that_leads_nowhere_is_refused(url: str) -> None:
    with pytest.raises(ConfigError):
        endpoint(url)


def test_a_port_where_nobody_is_is_named() -> None:
    patience = Patience(first_s=0.01, most_s=0.02, total_s=0.1, failures_in_a_row=2)
    (outcome,), _ = ask_all([endpoint("http://127.0.0.1:1/v1")], [question()], patience=patience)
    assert isinstance(outcome, EndpointError)
    assert "cannot connect to 127.0.0.1:1: Conn" in str(outcome)

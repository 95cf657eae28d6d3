"""Connections against raw servers: reuse, ends at awkward moments, deadlines, TLS, several addresses."""

from __future__ import annotations

import asyncio
import shutil
import socket
import ssl
import subprocess
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from blossom_data.errors import ConfigError
from blossom_data.llm.connections import ConnectFailed, Connections, CutShort, read_origin
from blossom_data.llm.response import Response

SOUND = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"
REQUEST = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n"

Talk = Callable[[int, asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


def talking(
    talk: Talk, job: Callable[[Connections], Awaitable[Any]], *, tls: ssl.SSLContext | None = None
) -> tuple[Any, int]:
    """What `job` comes to with a server that does `talk` on its n-th connection, and how many connections came."""
    count = 0

    async def run() -> Any:
        talks = set()

        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            nonlocal count
            count += 1
            talks.add(asyncio.current_task())
            try:
                await talk(count, reader, writer)
            except (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
                pass
            finally:
                writer.close()

        server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=tls)
        port = server.sockets[0].getsockname()[1]
        origin = read_origin(f"http{'s' if tls else ''}://{'localhost' if tls else '127.0.0.1'}:{port}/v1")
        connections = Connections(origin, most_bytes=lambda status: 1000)
        try:
            return await job(connections)
        finally:
            await connections.close()
            server.close()
            for task in talks:
                task.cancel()
            await asyncio.gather(*talks, return_exceptions=True)

    return asyncio.run(run()), count


async def ask(connections: Connections, timeout_s: float = 5.0) -> Response | Exception:
    try:
        return await connections.exchange(REQUEST, deadline_s=asyncio.get_running_loop().time() + timeout_s)
    except Exception as why:
        return why


async def ask_twice(connections: Connections) -> list[Response | Exception]:
    first = await ask(connections)
    await asyncio.sleep(0.05)
    return [first, await ask(connections)]


def saying(*answers: bytes, ends: bool = True) -> Talk:
    """Each request gets the next of `answers`; then the connection ends."""

    async def talk(number: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for answer in answers:
            await reader.readuntil(b"\r\n\r\n")
            writer.write(answer)
            await writer.drain()
        if not ends:
            await reader.read()

    return talk


def test_a_connection_serves_one_request_after_another() -> None:
    outcomes, count = talking(saying(SOUND, SOUND), ask_twice)
    assert [outcome.body for outcome in outcomes] == [b"{}", b"{}"]
    assert count == 1


@pytest.mark.parametrize(
    "answer",
    [SOUND.replace(b"OK\r\n", b"OK\r\nConnection: close\r\n"), SOUND + b"more", b"HTTP/1.1 200 OK\r\n\r\n{}", SOUND],
)
def test_what_was_closed_or_cannot_be_trusted_is_not_used_again(answer: bytes) -> None:
    outcomes, count = talking(saying(answer), ask_twice)
    assert [outcome.body for outcome in outcomes] == [b"{}", b"{}"]
    assert count == 2


def test_bytes_that_nobody_asked_for_end_the_connection() -> None:
    async def talk(number: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(SOUND)
        await asyncio.sleep(0.01)
        writer.write(SOUND.replace(b"{}", b"[]"))
        await reader.read()

    outcomes, count = talking(talk, ask_twice)
    assert [outcome.body for outcome in outcomes] == [b"{}", b"{}"]
    assert count == 2


@pytest.mark.parametrize(
    ("answer", "kind"),
    [(b"", ConnectionResetError), (b"HTTP/1.1 200", CutShort), (SOUND[:-1], CutShort), (b"junk\r\n\r\n", ValueError)],
)
def test_an_answer_that_does_not_come_is_an_error_of_its_kind(answer: bytes, kind: type[Exception]) -> None:
    outcome, count = talking(saying(answer), ask)
    assert isinstance(outcome, kind)
    assert count == 1


def test_the_deadline_holds_while_bytes_come_and_each_request_has_its_own() -> None:
    async def drip(number: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for answer in (SOUND, b"HTTP/1.1 200 OK\r\nContent-Length: 900\r\n\r\n"):
            await reader.readuntil(b"\r\n\r\n")
            writer.write(answer)
        while True:
            writer.write(b" ")
            await writer.drain()
            await asyncio.sleep(0.01)

    async def job(connections: Connections) -> list[Response | Exception]:
        return [await ask(connections, 0.3), await ask(connections, 0.4)]

    (first, second), _ = talking(drip, job)
    assert isinstance(first, Response)
    assert isinstance(second, TimeoutError)


def test_a_cancelled_request_takes_its_connection_along() -> None:
    async def job(connections: Connections) -> Response | Exception:
        task = asyncio.create_task(ask(connections))
        await asyncio.sleep(0.05)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        return await ask(connections)

    async def talk(number: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        if number > 1:
            writer.write(SOUND)
        await reader.read()

    outcome, count = talking(talk, job)
    assert isinstance(outcome, Response)
    assert count == 2


def test_many_at_once_open_no_more_connections_than_there_are_requests() -> None:
    async def job(connections: Connections) -> None:
        for _ in range(3):
            outcomes = await asyncio.gather(*(ask(connections) for _ in range(40)))
            assert all(isinstance(outcome, Response) for outcome in outcomes)

    assert talking(saying(*[SOUND] * 100), job)[1] <= 40


def test_the_second_address_is_tried_and_then_comes_first(monkeypatch: pytest.MonkeyPatch) -> None:
    tried: list[int] = []

    async def job(connections: Connections) -> list[Response | Exception]:
        loop = asyncio.get_running_loop()
        with socket.socket() as unused:
            unused.bind(("127.0.0.1", 0))
            dead = unused.getsockname()[1]
        alive = read_origin(f"http://{connections._origin.netloc}").port
        kind = (socket.AF_INET, socket.SOCK_STREAM, 6, "")

        async def two(*_: object, **__: object) -> list[Any]:
            return [(*kind, ("127.0.0.1", dead)), (*kind, ("127.0.0.1", alive))]

        connect = loop.sock_connect

        async def noted(sock: socket.socket, place: Any) -> None:
            tried.append(place[1] == alive)
            await connect(sock, place)

        monkeypatch.setattr(loop, "getaddrinfo", two)
        monkeypatch.setattr(loop, "sock_connect", noted)
        return await ask_twice(connections)

    outcomes, _ = talking(saying(SOUND), job)
    assert [outcome.body for outcome in outcomes] == [b"{}", b"{}"]
    assert tried == [False, True, True]


def test_no_address_and_no_server_are_told_apart() -> None:
    async def fail(url: str) -> str:
        connections = Connections(read_origin(url), most_bytes=lambda status: 1000)
        outcome = await ask(connections)
        assert isinstance(outcome, ConnectFailed)
        return str(outcome)

    assert "cannot find" in asyncio.run(fail("http://nowhere.invalid/v1"))
    assert "cannot connect to 127.0.0.1:1" in asyncio.run(fail("http://127.0.0.1:1/v1"))


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A fresh certificate for localhost, signed by itself, with its key in the same file."""
    if shutil.which("openssl") is None:
        pytest.skip("no openssl to make a certificate with")
    folder = tmp_path_factory.mktemp("tls")
    words = ["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost"]
    words += ["-addext", "subjectAltName=DNS:localhost", "-keyout", "key.pem", "-out", "cert.pem"]
    subprocess.run(["openssl", *words], cwd=folder, check=True, capture_output=True)
    both = folder / "both.pem"
    both.write_bytes((folder / "cert.pem").read_bytes() + (folder / "key.pem").read_bytes())
    return both


@pytest.mark.parametrize("is_trusted", [True, False])
def test_tls_verifies_the_certificate(certificate: Path, is_trusted: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    if is_trusted:
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(certificate)
    outcomes, count = talking(saying(SOUND, SOUND), ask_twice, tls=tls)
    if is_trusted:
        assert [outcome.body for outcome in outcomes] == [b"{}", b"{}"]
        assert count == 1
    else:
        assert all(isinstance(outcome, ssl.SSLCertVerificationError) for outcome in outcomes)


@pytest.mark.parametrize(
    ("url", "netloc", "path"),
    [
        ("http://localhost:8000/v1/", "localhost:8000", "/v1"),
        ("https://API.example.com/v1", "api.example.com", "/v1"),
        ("https://api.example.com:443", "api.example.com", ""),
        ("http://[::1]:80/v1", "[::1]", "/v1"),
        ("http://b\u00fccher.example/a b/\u00fc%20", "xn--bcher-kva.example", "/a%20b/%C3%BC%20"),
    ],
)
def test_where_a_url_leads(url: str, netloc: str, path: str) -> None:
    origin = read_origin(url)
    assert (origin.netloc, origin.path) == (netloc, path)


@pytest.mark.parametrize("url", ["http://a b/v1", "http://host:99999/v1", "http://host:x/v1", "http:///v1"])
def test_a_url_that_leads_nowhere_is_refused(url: str) -> None:
    with pytest.raises(ConfigError):
        read_origin(url)

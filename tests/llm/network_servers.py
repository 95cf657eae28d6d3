"""Servers of the network for tests, in threads of their own: raw talk, a TLS front, an HTTP proxy, a SOCKS5 proxy.

with Loopback() as server, HttpProxy() as proxy:
    environ["HTTP_PROXY"] = proxy.url          # any host named api.test is reached at 127.0.0.1
    ...
    assert proxy.asked == ["POST http://api.test:8000/v1/chat/completions HTTP/1.1"]
"""

from __future__ import annotations

import asyncio
import base64
import ssl
import struct
import subprocess
import threading
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Self
from urllib.parse import urlsplit

Talk = Callable[[int, asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


class RawServer:
    """Does `talk` on its n-th connection (from 1), and closes it."""

    def __init__(self, talk: Talk, *, tls: ssl.SSLContext | None = None) -> None:
        self._talk, self._tls = talk, tls
        self._ready = threading.Event()
        self.connections = 0
        self.port = 0

    @property
    def netloc(self) -> str:
        return f"127.0.0.1:{self.port}"

    @property
    def base_url(self) -> str:
        return f"http{'s' if self._tls else ''}://{self.netloc}/v1"

    def __enter__(self) -> Self:
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve()), daemon=True)
        self._thread.start()
        self._ready.wait()
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join()

    async def _serve(self) -> None:
        self._loop, self._stop = asyncio.get_running_loop(), asyncio.Event()
        talks: set[asyncio.Task[None] | None] = set()

        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            self.connections += 1
            talks.add(asyncio.current_task())
            try:
                await self._talk(self.connections, reader, writer)
            except (OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
                pass
            finally:
                writer.close()

        server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=self._tls, backlog=512)
        self.port = server.sockets[0].getsockname()[1]
        self._ready.set()
        await self._stop.wait()
        server.close()
        for task in talks:
            if task is not None:
                task.cancel()
        await asyncio.gather(*(task for task in talks if task is not None), return_exceptions=True)
        await asyncio.sleep(0)


async def read_request(reader: asyncio.StreamReader) -> tuple[str, bytes]:
    """(head in lower case, body) of the next request."""
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").lower()
    lines = [line.partition(":") for line in head.split("\r\n")]
    length = next((int(value) for name, _, value in lines if name == "content-length"), 0)
    return head, await reader.readexactly(length)


async def pipe(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, port: int, first: bytes = b"") -> None:
    """Joins a connection with one to 127.0.0.1:`port`, to which `first` is sent."""
    there, back = await asyncio.open_connection("127.0.0.1", port)
    back.write(first)

    async def copy(source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
        while data := await source.read(1 << 16):
            target.write(data)
            await target.drain()
        target.close()

    try:
        await asyncio.gather(copy(reader, back), copy(there, writer))
    finally:
        back.close()


def front(port: int, tls: ssl.SSLContext) -> RawServer:
    """TLS in front of the server at `port`."""
    return RawServer(lambda number, reader, writer: pipe(reader, writer, port), tls=tls)


class HttpProxy(RawServer):
    """An HTTP proxy for tunnels and for absolute addresses; every host is this machine."""

    def __init__(self, *, login: str = "", status: int = 0, tls: ssl.SSLContext | None = None) -> None:
        """`login`: USER:PASSWORD that it wants; `status`: what it refuses everything with."""
        super().__init__(self._proxy, tls=tls)
        self._login, self._status = login, status
        self.asked: list[str] = []
        """The first request line of each connection."""
        self.heads: list[str] = []
        """The whole of each first request's head."""

    async def _proxy(self, number: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        line = head.split(b"\r\n")[0].decode()
        self.asked.append(line)
        self.heads.append(head.decode("latin-1"))
        method, target, _ = line.split(" ")
        wanted = b"proxy-authorization: basic " + base64.b64encode(self._login.encode()).lower()
        status = 407 if self._login and wanted not in head.lower() else self._status
        if status:
            writer.write(b"HTTP/1.1 %d No\r\nContent-Length: 0\r\n\r\n" % status)
            await writer.drain()
            await reader.read()
        elif method == "CONNECT":
            writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
            await pipe(reader, writer, int(target.rpartition(":")[2]))
        else:
            await pipe(reader, writer, urlsplit(target).port or 80, head)


class SocksProxy(RawServer):
    """A SOCKS5 proxy (RFC 1928, 1929); every host is this machine."""

    def __init__(self, *, login: str = "") -> None:
        super().__init__(self._proxy)
        self._login = login.encode()
        self.asked: list[str] = []
        """HOST:PORT of each connection."""

    async def _proxy(self, number: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        _, count = await reader.readexactly(2)
        methods = await reader.readexactly(count)
        if self._login:
            if 2 not in methods:
                writer.write(b"\x05\xff")
                return
            writer.write(b"\x05\x02")
            user = await reader.readexactly((await reader.readexactly(2))[1])
            password = await reader.readexactly((await reader.readexactly(1))[0])
            is_known = user + b":" + password == self._login
            writer.write(b"\x01\x00" if is_known else b"\x01\x01")
            if not is_known:
                return
        else:
            writer.write(b"\x05\x00")
        *_, kind = await reader.readexactly(4)
        host = await reader.readexactly(4 if kind == 1 else (await reader.readexactly(1))[0])
        (port,) = struct.unpack("!H", await reader.readexactly(2))
        self.asked.append(f"{'.'.join(map(str, host)) if kind == 1 else host.decode()}:{port}")
        writer.write(b"\x05\x00\x00\x01\x7f\x00\x00\x01\x00\x00")
        await pipe(reader, writer, port)


def make_authority(folder: Path) -> Path:
    """A certificate authority in `folder`, and server.pem with a certificate by it for localhost and api.test."""

    def openssl(*words: str) -> None:
        subprocess.run(["openssl", *words], cwd=folder, check=True, capture_output=True)

    key = ("-newkey", "rsa:2048", "-nodes")
    openssl("req", "-x509", *key, "-days", "2", "-subj", "/CN=Test authority", "-keyout", "ca.key", "-out", "ca.pem")
    openssl("req", "-new", *key, "-subj", "/CN=api.test", "-keyout", "server.key", "-out", "server.csr")
    (folder / "names").write_text("subjectAltName=DNS:localhost,DNS:api.test,IP:127.0.0.1")
    by = ("-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-days", "2", "-extfile", "names")
    openssl("x509", "-req", "-in", "server.csr", *by, "-out", "server.crt")
    both = (folder / "server.crt").read_text() + (folder / "server.key").read_text()
    (folder / "server.pem").write_text(both)
    return folder / "ca.pem"


def server_tls(folder: Path) -> ssl.SSLContext:
    """What a server with the certificate of `make_authority` speaks."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "server.pem")
    return context

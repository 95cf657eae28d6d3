"""Connections to one origin, kept open between requests: bytes of a request out, a Response in.

    connections = Connections(read_origin("https://api.example.com/v1"), most_bytes=lambda status: 8 << 20)
    response = await connections.exchange(b"POST /v1/chat/completions HTTP/1.1 ...", deadline_s=loop.time() + 60)

One request at a time on each connection, the one used last first. Each takes one future and no task, lock or timer:
this is the path that every call takes. It knows neither headers nor JSON, sends nothing twice and follows nothing.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlsplit

from blossom_data.errors import ConfigError
from blossom_data.llm.response import BadResponse, Response, ResponseReader, TooLong

_IDLE_MOST_S = 15.0
_ADDRESSES_LAST_S = 10.0
_ADDRESS_TRY_S = 5.0
"""So long an address may take while there is another one to try (an IPv6 route that leads nowhere)."""


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a base URL leads."""

    host: str
    port: int
    is_tls: bool
    netloc: str
    """As the Host header names it: host, and port unless it is the scheme's own."""
    path: str
    """Without the last slash, ready to stand in a request line."""


def read_origin(base_url: str) -> Origin:
    """Takes an http(s) URL apart.

    Raises:
        ConfigError: it has no usable host or port.
    """
    try:
        parts = urlsplit(base_url)
        host = (parts.hostname or "").encode("ascii" if (parts.hostname or "").isascii() else "idna").decode("ascii")
        port = parts.port
    except ValueError as why:
        raise ConfigError(
            f"base URL {base_url!r} is not usable: {why}", hint="such as http://127.0.0.1:8000/v1"
        ) from why
    if not host or not host.isprintable() or set(host) & set(' "<>\\^`{|}'):
        raise ConfigError(f"base URL {base_url!r} has no usable host", hint="such as http://127.0.0.1:8000/v1")
    is_tls = parts.scheme == "https"
    own_port = 443 if is_tls else 80
    netloc = f"[{host}]" if ":" in host else host
    if port not in (None, own_port):
        netloc = f"{netloc}:{port}"
    path = quote(parts.path.rstrip("/"), safe="/%:@!$&'()*+,;=~")
    return Origin(host, port or own_port, is_tls, netloc, path)


class ConnectFailed(OSError):
    """No connection could be made."""


class CutShort(ValueError):
    """The connection ended inside a response."""


class _Connection(asyncio.Protocol):
    """One connection: at most one request is under way."""

    def __init__(self, pool: Connections) -> None:
        self._pool = pool
        self._loop = asyncio.get_running_loop()
        self._reader: ResponseReader | None = None
        self._answer: asyncio.Future[Response] | None = None
        self._deadline_s = 0.0
        self._timer: asyncio.TimerHandle | None = None
        self.transport: Any = None
        self.idle_since_s = 0.0
        self.is_closed = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport
        self._pool.remember(self)

    async def exchange(self, request: bytes, deadline_s: float) -> Response:
        """Sends `request` and gives what is answered; see Connections.exchange."""
        if self.is_closed:
            raise ConnectionResetError("the connection was closed")
        self._reader = ResponseReader(self._pool.most_bytes)
        answer: asyncio.Future[Response] = self._loop.create_future()
        self._answer = answer
        self._deadline_s = deadline_s
        if self._timer is None:
            self._timer = self._loop.call_at(deadline_s, self._check_deadline)
        self.transport.write(request)
        try:
            return await answer
        except asyncio.CancelledError:
            # By now the connection may be at work on the next request, if this one was answered in the same moment.
            if self._answer is answer:
                self.abort()
            raise

    def data_received(self, data: bytes) -> None:
        if self._reader is None or self._answer is None:
            self.abort()
            return
        try:
            if self._reader.feed(data):
                self._done()
        except (BadResponse, TooLong) as why:
            self._fail(why)

    def eof_received(self) -> None:
        """The transport closes itself, and `connection_lost` follows."""

    def connection_lost(self, why: Exception | None) -> None:
        self.is_closed = True
        self._pool.forget(self)
        if self._timer is not None:
            self._timer.cancel()
        if self._reader is None or self._answer is None:
            return
        if why is None and self._reader.end():
            self._done()
        elif self._reader.has_begun:
            self._fail(CutShort("the connection ended before the response was whole"))
        else:
            self._fail(ConnectionResetError(f"the connection was closed without an answer{f': {why}' if why else ''}"))

    def abort(self) -> None:
        """Closes at once; a request under way is not answered any more."""
        self.is_closed = True
        if self.transport is not None:
            self.transport.abort()

    def _done(self) -> None:
        assert self._reader is not None and self._answer is not None
        response = self._reader.response()
        answer, self._reader, self._answer = self._answer, None, None
        if not answer.done():
            answer.set_result(response)
        if response.is_reusable and not self.is_closed and not self.transport.get_write_buffer_size():
            self.idle_since_s = self._loop.time()
            self._pool.take_back(self)
        else:
            self.abort()

    def _fail(self, why: Exception) -> None:
        answer, self._reader, self._answer = self._answer, None, None
        if answer is not None and not answer.done():
            answer.set_exception(why)
        self.abort()

    def _check_deadline(self) -> None:
        """One timer serves all requests of the connection: it is set again for the request that is under way now."""
        self._timer = None
        if self._answer is None:
            return
        if self._loop.time() < self._deadline_s:
            self._timer = self._loop.call_at(self._deadline_s, self._check_deadline)
        else:
            self._fail(TimeoutError())


class Connections:
    """The connections to `origin`; use it on one event loop, and close it there.

    A certificate is verified against the system's authorities, or those of the variable SSL_CERT_FILE.

    Args:
        most_bytes: see ResponseReader.
    """

    def __init__(self, origin: Origin, *, most_bytes: Callable[[int], int]) -> None:
        self._origin, self.most_bytes = origin, most_bytes
        self._open: set[_Connection] = set()
        self._idle: list[_Connection] = []
        self._tls: ssl.SSLContext | None = None
        self._addresses: list[Any] = []
        self._addresses_since_s = 0.0
        self._resolving = asyncio.Lock()

    async def exchange(self, request: bytes, *, deadline_s: float) -> Response:
        """Sends `request` once and gives the response.

        Args:
            deadline_s: in the event loop's time; connecting, sending and receiving end by then.

        Raises:
            TimeoutError: the deadline has passed.
            ConnectFailed, ssl.SSLCertVerificationError: no connection.
            BadResponse, TooLong, CutShort: a response that cannot be taken.
            OSError: the connection broke before a response began.
        """
        connection = self._take_idle()
        if connection is None:
            async with asyncio.timeout_at(deadline_s):
                connection = await self._connect()
        return await connection.exchange(request, deadline_s)

    async def close(self) -> None:
        """Closes all connections."""
        for connection in [*self._open]:
            connection.abort()
        # The transports let go of their sockets in the next turns of the loop.
        for _ in range(2):
            await asyncio.sleep(0)

    def remember(self, connection: _Connection) -> None:
        """A connection was made."""
        self._open.add(connection)

    def take_back(self, connection: _Connection) -> None:
        """Keeps a connection for the next request."""
        self._idle.append(connection)

    def forget(self, connection: _Connection) -> None:
        """A connection is gone."""
        self._open.discard(connection)
        if connection in self._idle:
            self._idle.remove(connection)

    def _take_idle(self) -> _Connection | None:
        while self._idle:
            connection = self._idle.pop()
            if connection.is_closed or connection.transport.is_closing():
                continue
            if asyncio.get_running_loop().time() - connection.idle_since_s < _IDLE_MOST_S:
                return connection
            connection.abort()
        return None

    async def _connect(self) -> _Connection:
        """A new connection, to the first address that takes it; that one is tried first from then on."""
        addresses = await self._resolve()
        problem: Exception | None = None
        for number, address in enumerate(addresses):
            is_last = number == len(addresses) - 1
            try:
                async with asyncio.timeout(None if is_last else _ADDRESS_TRY_S):
                    connection = await self._connect_to(address)
            except ssl.SSLCertVerificationError:
                raise
            except (OSError, ssl.SSLError) as why:
                problem = problem or why
                continue
            if number and self._addresses is addresses:
                self._addresses = [address, *(other for other in addresses if other is not address)]
            return connection
        said = getattr(problem, "strerror", None) or str(problem) or type(problem).__name__
        raise ConnectFailed(f"cannot connect to {self._origin.host}:{self._origin.port}: {said}") from problem

    async def _connect_to(self, address: Any) -> _Connection:
        family, kind, protocol, _, place = address
        loop = asyncio.get_running_loop()
        sock = socket.socket(family, kind, protocol)
        try:
            sock.setblocking(False)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            # An answer may take minutes, and routers forget connections that are silent for so long.
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
            await loop.sock_connect(sock, place)
            tls: dict[str, Any] = (
                {"ssl": self._context(), "server_hostname": self._origin.host} if self._origin.is_tls else {}
            )
            _, connection = await loop.create_connection(lambda: _Connection(self), sock=sock, **tls)
        except BaseException:
            sock.close()
            raise
        return connection

    async def _resolve(self) -> list[Any]:
        """The addresses of the host, looked up again after a while."""
        loop = asyncio.get_running_loop()
        async with self._resolving:
            if not self._addresses or loop.time() - self._addresses_since_s > _ADDRESSES_LAST_S:
                try:
                    found = await loop.getaddrinfo(self._origin.host, self._origin.port, type=socket.SOCK_STREAM)
                except OSError as why:
                    raise ConnectFailed(
                        f"cannot find the address of {self._origin.host}: {why.strerror or why}"
                    ) from why
                self._addresses, self._addresses_since_s = list(found), loop.time()
        return self._addresses

    def _context(self) -> ssl.SSLContext:
        if self._tls is None:
            self._tls = ssl.create_default_context()
            self._tls.set_alpn_protocols(["http/1.1"])
        return self._tls

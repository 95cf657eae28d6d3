"""The HTTP sessions that an endpoint is reached with.

    transport = Transport("https://api.example.com/v1", route, headers={"Authorization": "Bearer ..."})
    response = await transport.post(url, b'{"model": ...}', {"X-Blossom-Try": "0"})

HTTP, TLS, connections and proxies are aiohttp's. Ours is one thing: a request whose connection turns out to have been
closed while it lay idle goes out once more. No redirect is followed, no cookie kept, no environment read. What its
exceptions mean is connection_failures.py's part.
"""

from __future__ import annotations

import asyncio
import base64
import socket
from collections.abc import Mapping
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit
from weakref import WeakSet

import aiohttp
from yarl import URL

from blossom_data.errors import ConfigError, extra_hint
from blossom_data.llm.http.network import Route, ssl_context

if TYPE_CHECKING:
    from aiohttp.client import ClientTimeout
    from aiohttp.client_proto import ResponseHandler
    from aiohttp.client_reqrep import ClientRequest
    from aiohttp.connector import Connection
    from aiohttp.tracing import Trace

CONNECT_S = 30.0
"""Longest wait for a connection."""
_HEADER_BYTES = 1 << 17
"""One header at most; servers that put policies or traces there send tens of thousands."""
_HEADERS = 1_000
_is_reused: ContextVar[bool] = ContextVar("is_reused", default=False)
"""Whether the connection that this task took last had served a request before."""


class Connector(aiohttp.TCPConnector):
    """Connections of one session, which tell whether they were used before."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(limit=0, **settings)
        self._used: WeakSet[ResponseHandler] = WeakSet()

    async def connect(self, req: ClientRequest, traces: list[Trace], timeout: ClientTimeout) -> Connection:
        _is_reused.set(False)
        while True:
            connection = await super().connect(req, traces, timeout)
            protocol = connection.protocol
            assert protocol is not None
            if not (is_reused := protocol in self._used):
                self._used.add(protocol)
                break
            if not protocol.should_close:
                break
            # Bytes came while it lay idle: an answer that nobody asked for, and that this request must not get.
            connection.close()
        _is_reused.set(is_reused)
        return connection


class Transport:
    """Posts to one endpoint by one route; made outside of a loop, used within one, closed at the end."""

    def __init__(self, base_url: str, route: Route, *, headers: Mapping[str, str]) -> None:
        """
        Raises:
            ConfigError: certificates cannot be read, or the route needs a part that is not installed.
        """
        self.route = route
        is_tls = base_url.startswith("https:") or route.proxy_url.startswith("https:")
        self._tls = ssl_context(route) if is_tls else None
        self.words: dict[str, Any] = {"allow_redirects": False}
        """What goes with each request to aiohttp."""
        # Headers of a session would go to the proxy too, and the key with them.
        self.headers = dict(headers)
        """What goes with each request to the endpoint."""
        if route.proxy_url and not route.is_socks:
            self.words["proxy"] = URL(route.proxy_shown)
            login = _proxy_login(route)
            if base_url.startswith("https:"):
                self.words["proxy_headers"] = login
            else:
                self.headers |= login
        self._session: aiohttp.ClientSession | None = None
        self._fresh: aiohttp.ClientSession | None = None
        self.errors: tuple[type[Exception], ...] = (aiohttp.ClientError, OSError, ValueError)
        """What a request may end with."""
        if route.is_socks:
            self.errors += _socks_errors(route)

    @property
    def session(self) -> aiohttp.ClientSession:
        """The session whose connections are kept."""
        if self._session is None:
            self._session = self._open(force_close=False)
        return self._session

    async def post(self, url: URL, body: bytes, headers: Mapping[str, str]) -> aiohttp.ClientResponse:
        """The beginning of the response; whoever gets it reads and releases it.

        Raises:
            TimeoutError, and those in `errors`: there is none.
        """
        words = {"data": body, "headers": {**self.headers, **headers}, **self.words}
        try:
            return await self.session.post(url, **words)
        except aiohttp.ClientError as why:
            # The next connection at hand may be as stale as this one.
            if not (_is_reused.get() and _is_unanswered(why)):
                raise
        if self._fresh is None:
            self._fresh = self._open(force_close=True)
        return await self._fresh.post(url, **words)

    async def close(self) -> None:
        """Closes all connections."""
        for session in (self._session, self._fresh):
            if session is not None:
                await session.close()
        # Transports let go of their sockets in the next turns of the loop.
        for _ in range(2):
            await asyncio.sleep(0)

    def _open(self, *, force_close: bool) -> aiohttp.ClientSession:
        settings: dict[str, Any] = {"force_close": force_close}
        if self._tls is not None:
            settings["ssl"] = self._tls
        connector = _socks_connector(self.route, settings) if self.route.is_socks else _direct_connector(settings)
        return aiohttp.ClientSession(
            connector=connector,
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_S),
            cookie_jar=aiohttp.DummyCookieJar(),
            auto_decompress=False,
            trust_env=False,
            max_line_size=_HEADER_BYTES,
            max_field_size=_HEADER_BYTES,
            max_headers=_HEADERS,
        )


def _is_unanswered(why: aiohttp.ClientError) -> bool:
    """Whether a connection ended before any byte of the response had come."""
    if isinstance(why, aiohttp.ServerDisconnectedError):
        return isinstance(why.message, str)
    is_new = isinstance(why, aiohttp.ClientConnectorError)
    return isinstance(why, aiohttp.ClientOSError | aiohttp.ClientConnectionResetError) and not is_new


def _direct_connector(settings: Mapping[str, Any]) -> Connector:
    return Connector(socket_factory=_socket, **settings)


def _socket(address: Any) -> socket.socket:
    """An answer may take minutes, and routers forget connections that are silent for so long."""
    family, kind, protocol, *_ = address
    made = socket.socket(family, kind, protocol)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    return made


def _socks_errors(route: Route) -> tuple[type[Exception], ...]:
    try:
        from aiohttp_socks import ProxyConnectionError, ProxyError, ProxyTimeoutError
    except ImportError as why:
        raise ConfigError(
            f"{route.proxy_origin} names a SOCKS proxy, and aiohttp-socks is not installed", hint=extra_hint("socks")
        ) from why
    return ProxyConnectionError, ProxyError, ProxyTimeoutError


def _socks_connector(route: Route, settings: Mapping[str, Any]) -> Connector:
    from aiohttp_socks import ProxyConnector, ProxyType

    class SocksConnector(Connector, ProxyConnector):
        pass

    parts = urlsplit(route.proxy_url)
    # The proxy finds the address of the host, as httpx2 lets it: some names are known to the proxy alone.
    return SocksConnector(
        host=parts.hostname,
        port=parts.port,
        proxy_type=ProxyType.SOCKS5,
        username=unquote(parts.username or "") or None,
        password=unquote(parts.password or "") or None,
        rdns=True,
        **settings,
    )


def _proxy_login(route: Route) -> dict[str, str]:
    parts = urlsplit(route.proxy_url)
    if parts.username is None:
        return {}
    pair = f"{unquote(parts.username)}:{unquote(parts.password or '')}".encode()
    return {"Proxy-Authorization": f"Basic {base64.b64encode(pair).decode()}"}

"""One HTTP request: an Ask in, a Reply or a classified Failure out.

    POST {base_url}/chat/completions
    {"model": "qwen2.5-7b-instruct", "messages": [{"role": "user", "content": "..."}], "temperature": 0.3}

It holds to a wall-clock deadline and a byte limit after decompression, follows no redirect, reads no proxy from the
environment, and is the only place that reveals the key. It does not retry: channel.py does.
"""

from __future__ import annotations

import asyncio
import ssl
import zlib
from collections.abc import Mapping
from typing import Any, Self

import orjson

from blossom_data import __version__
from blossom_data.asks import Ask, Reply
from blossom_data.config import Endpoint
from blossom_data.errors import ConfigError, RecordRefused
from blossom_data.llm.connections import ConnectFailed, Connections, read_origin
from blossom_data.llm.policy import Action, Failure, classify_status, excerpt
from blossom_data.llm.reading import read_reply
from blossom_data.llm.response import TooLong
from blossom_data.llm.structured import response_format

_ERROR_BYTES = 1 << 16


class Client:
    """Sends requests to one endpoint over connections that it keeps; open it with `async with`."""

    def __init__(self, endpoint: Endpoint) -> None:
        """
        Raises:
            ConfigError: the key or the address cannot stand in a header.
        """
        self._endpoint = endpoint
        self._secret = endpoint.api_key
        self._key_bytes = endpoint.api_key.reveal().encode()
        if not (endpoint.api_key.reveal().isascii() and endpoint.api_key.reveal().isprintable()):
            origin = endpoint.api_key.origin or "the key"
            raise ConfigError(f"{origin} holds characters that no key has", hint="look for a line break or a quote")
        self._origin = read_origin(endpoint.base_url)
        lines = "".join(f"{name}: {value}\r\n" for name, value in self._headers().items())
        where = f"POST {self._origin.path}/chat/completions HTTP/1.1\r\nHost: {self._origin.netloc}\r\n"
        self._head = (where + lines).encode("ascii")
        """The head of every request, up to what differs."""
        self._connections: Connections | None = None

    def _headers(self) -> dict[str, str]:
        """What goes with every request; holds the key."""
        headers = {
            "User-Agent": f"blossom-data/{__version__}",
            "Content-Type": "application/json",
            "Accept": "application/json",
            "Accept-Encoding": "gzip",
        }
        if self._secret:
            headers["Authorization"] = f"Bearer {self._secret.reveal()}"
        return headers

    async def __aenter__(self) -> Self:
        self._connections = Connections(self._origin, most_bytes=self._most_bytes)
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._connections is not None:
            await self._connections.close()

    def _most_bytes(self, status: int) -> int:
        return self._endpoint.max_body_bytes if status < 300 else _ERROR_BYTES

    def encode(self, ask: Ask, mode: str) -> bytes:
        """The request body; what asks share comes first and byte for byte the same, so that engines cache it.

        Raises:
            RecordRefused: the text cannot be encoded (a lone surrogate).
        """
        body: dict[str, Any] = {"model": ask.model or self._endpoint.model, "messages": ask.messages}
        if ask.temperature is not None:
            body["temperature"] = ask.temperature
        if ask.top_p is not None:
            body["top_p"] = ask.top_p
        if ask.max_tokens is not None:
            body["max_tokens"] = ask.max_tokens
        if ask.response_schema is not None and mode != "off":
            body["response_format"] = response_format(mode, ask.response_schema)
        try:
            return orjson.dumps(body)
        except TypeError as error:
            raise RecordRefused(f"the request cannot be encoded: {error}", status=0) from error

    async def send(self, ask: Ask, payload: bytes) -> Reply | Failure:
        """Sends `payload`, made from `ask`, once."""
        assert self._connections is not None, "use `async with`"
        request = b"%bX-Blossom-Try: %d\r\nContent-Length: %d\r\n\r\n%b" % (
            self._head,
            ask.attempt,
            len(payload),
            payload,
        )
        deadline_s = asyncio.get_running_loop().time() + self._endpoint.timeout_s
        try:
            response = await self._connections.exchange(request, deadline_s=deadline_s)
        except TimeoutError:
            detail = f"no complete answer within {self._endpoint.timeout_s:g} s"
            return Failure(action=Action.RETRY, cause="timeout", detail=detail, is_overload=True)
        except TooLong as error:
            return Failure(action=Action.REFUSED, cause="body", detail=str(error), status=200)
        except (OSError, ValueError) as error:
            return self._classify_exception(error)
        status, headers, body = response.status, response.headers, response.body
        is_ok = 200 <= status < 300
        if "content-encoding" in headers:
            unpacked = unpack(body, headers["content-encoding"], status, self._most_bytes(status))
            if isinstance(unpacked, Failure) and is_ok:
                return unpacked
            body = b"" if isinstance(unpacked, Failure) else unpacked
        if self._key_bytes and self._key_bytes in body:
            body = self._secret.scrub(body.decode("utf-8", "replace")).encode()
        if is_ok:
            return read_reply(body, ask, ask.model or self._endpoint.model, headers)
        return classify_status(status, self._clean(headers), body)

    def _clean(self, headers: Mapping[str, str]) -> dict[str, str]:
        return {name.lower(): self._secret.scrub(value) for name, value in headers.items()}

    def _classify_exception(self, error: Exception) -> Failure:
        """A failure of the connection; the exception itself goes no further, for it may hold what the server sent."""
        detail = excerpt(self._secret.scrub(f"{type(error).__name__}: {error}").encode("utf-8", "replace"))
        if isinstance(error, ssl.SSLCertVerificationError):
            return Failure(action=Action.ENDPOINT, cause="connect", detail=detail)
        if isinstance(error, ConnectFailed):
            return Failure(action=Action.RETRY, cause="connect", detail=detail)
        return Failure(action=Action.RETRY, cause="body" if isinstance(error, ValueError) else "reset", detail=detail)


def unpack(body: bytes, encoding: str, status: int, most_bytes: int) -> bytes | Failure:
    """The body without its compression, bounded however small it came."""
    encoding = encoding.lower()
    if encoding == "identity":
        return body
    if encoding not in ("gzip", "x-gzip", "deflate"):
        return _unreadable(status, f"a body in the encoding {encoding[:40]!r}, which was not asked for")
    unpacker = zlib.decompressobj(zlib.MAX_WBITS | 32)
    try:
        plain = unpacker.decompress(body, most_bytes + 1)
    except zlib.error:
        return _unreadable(status, "a body whose compression is broken")
    if len(plain) > most_bytes:
        return too_long(status, most_bytes)
    return plain if unpacker.eof else _unreadable(status, "a compressed body that was cut short")


def too_long(status: int, most_bytes: int) -> Failure:
    """The failure of a body that is longer than wanted."""
    detail = f"a reply longer than {most_bytes} bytes"
    return Failure(action=Action.REFUSED, cause="body", detail=detail, status=status)


def _unreadable(status: int, detail: str) -> Failure:
    return Failure(action=Action.RETRY, cause="body", detail=detail, status=status)

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
from typing import Any

import aiohttp
import orjson
from yarl import URL

from blossom_data import __version__
from blossom_data.asks import Ask, Reply
from blossom_data.config import Endpoint
from blossom_data.errors import ConfigError, RecordRefused
from blossom_data.llm.policy import Action, Failure, classify_status, excerpt
from blossom_data.llm.reading import read_reply
from blossom_data.llm.structured import response_format

_ERROR_BYTES = 1 << 16


class Client:
    """Sends requests to one endpoint over connections that it keeps; open it with `async with`."""

    def __init__(self, endpoint: Endpoint) -> None:
        """
        Raises:
            ConfigError: the key cannot stand in a header.
        """
        self._endpoint = endpoint
        self._secret = endpoint.api_key
        self._key_bytes = endpoint.api_key.reveal().encode()
        if not (endpoint.api_key.reveal().isascii() and endpoint.api_key.reveal().isprintable()):
            origin = endpoint.api_key.origin or "the key"
            raise ConfigError(f"{origin} holds characters that no key has", hint="look for a line break or a quote")
        self._url = URL(endpoint.base_url.rstrip("/") + "/chat/completions")
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Client:
        headers = {
            "User-Agent": f"blossom-data/{__version__}",
            "Content-Type": "application/json",
            "Accept": "application/json",
            "Accept-Encoding": "gzip",
        }
        if self._secret:
            headers["Authorization"] = f"Bearer {self._secret.reveal()}"
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0),
            headers=headers,
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=None),
            cookie_jar=aiohttp.DummyCookieJar(),
            auto_decompress=False,
            trust_env=False,
        )
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._session is not None:
            await self._session.close()

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
        assert self._session is not None, "use `async with`"
        try:
            async with (
                asyncio.timeout(self._endpoint.timeout_s),
                self._session.post(
                    self._url, data=payload, headers={"X-Blossom-Try": str(ask.attempt)}, allow_redirects=False
                ) as response,
            ):
                is_ok = 200 <= response.status < 300
                body = await self._read(response, self._endpoint.max_body_bytes if is_ok else _ERROR_BYTES)
        except TimeoutError:
            detail = f"no complete answer within {self._endpoint.timeout_s:g} s"
            return Failure(action=Action.RETRY, cause="timeout", detail=detail, is_overload=True)
        except (aiohttp.ClientError, OSError, ValueError) as error:
            return self._classify_exception(error)
        if isinstance(body, Failure) and is_ok:
            return body
        raw = b"" if isinstance(body, Failure) else body
        if self._key_bytes and self._key_bytes in raw:
            raw = self._secret.scrub(raw.decode("utf-8", "replace")).encode()
        if is_ok:
            return read_reply(raw, ask, ask.model or self._endpoint.model, response.headers)
        return classify_status(response.status, self._clean(response.headers), raw)

    async def _read(self, response: aiohttp.ClientResponse, most_bytes: int) -> bytes | Failure:
        """The decompressed body; of an error its beginning is enough, a sound body that is too long is a Failure."""
        chunks, size = [], 0
        while chunk := await response.content.readany():
            chunks.append(chunk)
            size += len(chunk)
            if size > most_bytes:
                response.close()
                return _too_long(response.status, most_bytes) if response.status < 300 else b"".join(chunks)
        body = chunks[0] if len(chunks) == 1 else b"".join(chunks)
        encoding = response.headers.get("Content-Encoding", "identity").lower()
        if encoding == "identity":
            return body
        if encoding not in ("gzip", "x-gzip", "deflate"):
            return _unreadable(response.status, f"a body in the encoding {encoding[:40]!r}, which was not asked for")
        unpacker = zlib.decompressobj(zlib.MAX_WBITS | 32)
        try:
            plain = unpacker.decompress(body, most_bytes + 1)
        except zlib.error:
            return _unreadable(response.status, "a body whose compression is broken")
        if len(plain) > most_bytes:
            return _too_long(response.status, most_bytes)
        return plain if unpacker.eof else _unreadable(response.status, "a compressed body that was cut short")

    def _clean(self, headers: Mapping[str, str]) -> dict[str, str]:
        return {name.lower(): self._secret.scrub(value) for name, value in headers.items()}

    def _classify_exception(self, error: Exception) -> Failure:
        """A failure of the connection; the exception itself goes no further, for it may hold the request's headers."""
        detail = excerpt(self._secret.scrub(f"{type(error).__name__}: {error}").encode("utf-8", "replace"))
        if isinstance(error, aiohttp.ClientConnectorCertificateError | ssl.SSLCertVerificationError):
            return Failure(action=Action.ENDPOINT, cause="connect", detail=detail)
        if isinstance(error, aiohttp.ClientConnectorError):
            return Failure(action=Action.RETRY, cause="connect", detail=detail)
        if isinstance(error, aiohttp.ClientPayloadError | aiohttp.ClientResponseError | ValueError):
            return Failure(action=Action.RETRY, cause="body", detail=detail)
        return Failure(action=Action.RETRY, cause="reset", detail=detail)


def _too_long(status: int, most_bytes: int) -> Failure:
    detail = f"a reply longer than {most_bytes} bytes"
    return Failure(action=Action.REFUSED, cause="body", detail=detail, status=status)


def _unreadable(status: int, detail: str) -> Failure:
    return Failure(action=Action.RETRY, cause="body", detail=detail, status=status)

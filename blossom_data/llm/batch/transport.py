"""What carries the requests of the openai SDK: it lets out what the protocol needs, and bounds what errors bring.

    transport = PlainTransport({"User-Agent": "blossom-data/1.0"}, **http_options(route))
    openai.AsyncOpenAI(http_client=httpx2.AsyncClient(transport=transport, follow_redirects=False), max_retries=0, ...)

The SDK describes the machine in `X-Stainless-*` headers, and sends the organisation, the project and further headers
that the environment names: none of them leaves, for calls one by one do not send them either.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from typing import Any

import httpx2

_SENT = {"host", "connection", "authorization", "accept", "content-type", "content-length", "transfer-encoding"}
_ERROR_BYTES = 1 << 16


class PlainTransport(httpx2.AsyncBaseTransport):
    """An httpx2 transport that sends the headers of `_SENT` and those given, "" for one that must not be sent."""

    def __init__(self, headers: Mapping[str, str], **options: Any) -> None:
        self._headers = {name.lower(): value for name, value in headers.items()}
        self._inner = httpx2.AsyncHTTPTransport(**options)

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        """Sends a copy of `request`; of an error's body only the beginning is passed on."""
        headers = {name: value for name, value in request.headers.items() if name in _SENT} | self._headers
        sent = httpx2.Request(
            request.method,
            request.url,
            headers={name: value for name, value in headers.items() if value},
            stream=request.stream,
            extensions=request.extensions,
        )
        response = await self._inner.handle_async_request(sent)
        if response.status_code >= 300 and isinstance(response.stream, httpx2.AsyncByteStream):
            response.stream = _Beginning(response.stream)
        return response

    async def aclose(self) -> None:
        await self._inner.aclose()


class _Beginning(httpx2.AsyncByteStream):
    """The first bytes of a body."""

    def __init__(self, whole: httpx2.AsyncByteStream) -> None:
        self._whole = whole

    async def __aiter__(self) -> AsyncIterator[bytes]:
        size = 0
        async for chunk in self._whole:
            yield chunk
            if (size := size + len(chunk)) >= _ERROR_BYTES:
                return

    async def aclose(self) -> None:
        await self._whole.aclose()

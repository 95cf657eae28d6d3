"""A client for more than chat completions (files and batches), over aiohttp: uploads, downloads, any method.

    class BatchClient(SessionClient): ...      # self._session.get(url), self._read(response, most_bytes)

Chat completions do not go through it: connections.py costs a third of the time of a call, but it only posts.
"""

from __future__ import annotations

import ssl
from typing import Self

import aiohttp

from blossom_data.llm.client import Client, too_long, unpack
from blossom_data.llm.policy import Action, Failure


class SessionClient(Client):
    """A Client with an aiohttp session besides; open it with `async with`."""

    _session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        await super().__aenter__()
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0),
            headers=self._headers(),
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=None),
            cookie_jar=aiohttp.DummyCookieJar(),
            auto_decompress=False,
            trust_env=False,
        )
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._session is not None:
            await self._session.close()
        await super().__aexit__()

    async def _read(self, response: aiohttp.ClientResponse, most_bytes: int) -> bytes | Failure:
        """The decompressed body; of an error its beginning is enough, a sound body that is too long is a Failure."""
        chunks, size = [], 0
        while chunk := await response.content.readany():
            chunks.append(chunk)
            size += len(chunk)
            if size > most_bytes:
                response.close()
                return too_long(response.status, most_bytes) if response.status < 300 else b"".join(chunks)
        encoding = response.headers.get("Content-Encoding", "identity")
        return unpack(b"".join(chunks), encoding, response.status, most_bytes)

    def _classify_exception(self, error: Exception) -> Failure:
        """The same failures as without aiohttp."""
        found = super()._classify_exception(error)
        if isinstance(error, aiohttp.ClientConnectorCertificateError | ssl.SSLCertVerificationError):
            return Failure(action=Action.ENDPOINT, cause="connect", detail=found.detail)
        if isinstance(error, aiohttp.ClientConnectorError):
            return Failure(action=Action.RETRY, cause="connect", detail=found.detail)
        if isinstance(error, aiohttp.ClientPayloadError | aiohttp.ClientResponseError):
            return Failure(action=Action.RETRY, cause="body", detail=found.detail)
        return found

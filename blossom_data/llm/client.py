"""One HTTP request: an Ask in, a Reply or a classified Failure out.

    POST {base_url}/chat/completions
    {"model": "qwen2.5-7b-instruct", "messages": [{"role": "user", "content": "..."}], "temperature": 0.3}

It holds to a wall-clock deadline and a byte limit after decompression, and is the only place that reveals the key.
transport.py does HTTP; channel.py sends again what may be sent again.
"""

from __future__ import annotations

import asyncio
import os
from typing import Any, Self

import aiohttp
import orjson
from yarl import URL

from blossom_data import __version__
from blossom_data.asks import Ask, Reply
from blossom_data.config import Endpoint
from blossom_data.errors import ConfigError, RecordRefused
from blossom_data.llm.http.connection_failures import failure_of, https_failure, proxy_wants_name
from blossom_data.llm.http.content_coding import ACCEPTED, as_utf8, too_long, unpack
from blossom_data.llm.http.network import route_for
from blossom_data.llm.http.transport import Transport
from blossom_data.llm.policy import Action, Failure, classify_status
from blossom_data.llm.reading import read_reply
from blossom_data.llm.structured import response_format

_ERROR_BYTES = 1 << 16


class Client:
    """Sends requests to one endpoint by one route; open it with `async with`."""

    def __init__(self, endpoint: Endpoint) -> None:
        """
        Raises:
            ConfigError: the key cannot stand in a header, or proxy or certificates cannot be used.
        """
        self._endpoint = endpoint
        self._secret = endpoint.api_key
        if not (endpoint.api_key.reveal().isascii() and endpoint.api_key.reveal().isprintable()):
            origin = endpoint.api_key.origin or "the key"
            raise ConfigError(f"{origin} holds characters that no key has", hint="look for a line break or a quote")
        self._url = URL(endpoint.base_url.rstrip("/") + "/chat/completions")
        self.route = route_for(endpoint.base_url, os.environ, ca_file=endpoint.ca_file)
        """The proxy and certificates that every call uses."""
        self._transport = Transport(endpoint.base_url, self.route, headers=self._headers())

    def _headers(self) -> dict[str, str]:
        """What goes with every request; holds the key."""
        headers = {
            "User-Agent": f"blossom-data/{__version__}",
            "Content-Type": "application/json",
            "Accept": "application/json",
            "Accept-Encoding": ACCEPTED,
        }
        if self._secret:
            headers["Authorization"] = f"Bearer {self._secret.reveal()}"
        return headers

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._transport.close()

    def encode(self, ask: Ask, mode: str) -> bytes:
        """The request body; what asks share comes first and byte for byte the same, so that engines cache it.

        Raises:
            RecordRefused: the text cannot be encoded (a lone surrogate).
        """
        turns = [{"role": turn.role, "content": turn.content} for turn in ask.messages]
        body: dict[str, Any] = {"model": ask.model or self._endpoint.model, "messages": turns}
        if ask.temperature is not None:
            body["temperature"] = ask.temperature
        if ask.top_p is not None:
            body["top_p"] = ask.top_p
        if ask.max_tokens is not None:
            body["max_tokens"] = ask.max_tokens
        if ask.response_schema is not None and mode != "off":
            body["response_format"] = response_format(mode, ask.response_schema)
        body.update(self._endpoint.further)
        try:
            return orjson.dumps(body)
        except TypeError as error:
            raise RecordRefused(f"the request cannot be encoded: {error}", status=0) from error

    @property
    def errors(self) -> tuple[type[Exception], ...]:
        """What a call may end with, beside TimeoutError."""
        return self._transport.errors

    async def post(self, payload: bytes) -> aiohttp.ClientResponse:
        """The beginning of a response that is not compressed, whatever its status; who gets it reads and releases it.

        Raises:
            TimeoutError, and those in `errors`: there is none.
        """
        return await self._transport.post(self._url, payload, {"Accept-Encoding": "identity"})

    async def send(self, ask: Ask, payload: bytes) -> Reply | Failure:
        """Sends `payload`, made from `ask`, once."""
        try:
            async with asyncio.timeout(self._endpoint.timeout_s):
                response = await self._transport.post(self._url, payload, {"X-Blossom-Try": str(ask.attempt)})
                async with response:
                    if not 200 <= response.status < 300:
                        return await self.refusal(response)
                    body = await self.read(response, self._endpoint.max_body_bytes)
        except aiohttp.ConnectionTimeoutError as error:
            return self.failure(error)
        except TimeoutError:
            detail = f"no complete answer within {self._endpoint.timeout_s:g} s"
            return Failure(action=Action.RETRY, cause="timeout", detail=detail, is_overload=True)
        except self._transport.errors as error:
            return self.failure(error)
        if isinstance(body, Failure):
            return body
        model = ask.model or self._endpoint.model
        outcome = read_reply(self._secret.scrub_bytes(body), ask, model, response.headers)
        if isinstance(outcome, Failure) and (recoded := as_utf8(body, response.charset)) is not None:
            outcome = read_reply(self._secret.scrub_bytes(recoded), ask, model, response.headers)
        # A text is put together of parts, and may hold a key that no part held.
        return self._secret.scrub_fields(outcome)

    async def read(self, response: aiohttp.ClientResponse, most_bytes: int) -> bytes | Failure:
        """The decompressed body; of an error its beginning is enough, a sound body that is too long is a Failure."""
        chunks, size = [], 0
        while not response.content.at_eof():
            chunk = await response.content.readany()
            chunks.append(chunk)
            size += len(chunk)
            if size > most_bytes:
                response.close()
                if response.status < 300:
                    return too_long(response.status, most_bytes)
                break
        body = chunks[0] if len(chunks) == 1 else b"".join(chunks)
        codings = ",".join(response.headers.getall("Content-Encoding", ()))
        return unpack(body, codings, response.status, most_bytes)

    async def refusal(self, response: aiohttp.ClientResponse) -> Failure:
        """What a status other than 2xx means."""
        if response.status < 200:
            detail = "a response that changes the protocol, which was not asked for"
            return Failure(action=Action.RETRY, cause="body", detail=detail, status=response.status)
        body = await self.read(response, _ERROR_BYTES)
        headers = {name.lower(): self._secret.scrub(value) for name, value in response.headers.items()}
        told = b"" if isinstance(body, Failure) else self._secret.scrub_bytes(body)
        failure = self._secret.scrub_fields(classify_status(response.status, headers, told))
        if 300 <= response.status < 400:
            return https_failure(failure, self._endpoint.base_url, headers.get("location", ""))
        if response.status == 407 and self.route.proxy_url:
            return proxy_wants_name(self.route)
        return failure

    def failure(self, error: Exception) -> Failure:
        """What it means that a call ended with one of `errors`."""
        return failure_of(error, self._endpoint.base_url, self.route)

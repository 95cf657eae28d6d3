"""A reply while it is being made, for people who wait for it: server-sent events of chat completions.

    async with Streaming(endpoint) as streaming:
        async for piece in streaming.reply(Ask(stage="chat", ...)): print(piece.text, end="")

    data: {"choices": [{"delta": {"content": "The Vol"}}]}
    data: [DONE]

An endpoint that does not stream answers in one piece. It is for a chat alone: nothing is kept in a ledger, nothing is
sent again, no schema is asked for. What a model does not take (a system role, `max_tokens`) is learnt from its refusal
as in a run.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from typing import Any, NamedTuple, Self

import aiohttp
import orjson

from blossom_data.asks import Ask, Reply
from blossom_data.config import Endpoint
from blossom_data.counters import Counters
from blossom_data.errors import EndpointError
from blossom_data.llm.access import what_to_do
from blossom_data.llm.client import Client
from blossom_data.llm.dialect import Dialect, not_taken
from blossom_data.llm.policy import Action, Failure, classify_hidden
from blossom_data.llm.reading import read_reply

_MOST_TRIES = 4
_DATA = b"data:"


class Piece(NamedTuple):
    """What came next: a part of the answer, or of what the model thinks before it."""

    text: str = ""
    thinking: str = ""


class Streaming:
    """One endpoint whose replies are read as they come; open it with `async with`."""

    def __init__(self, endpoint: Endpoint) -> None:
        self._endpoint = endpoint
        self._client = Client(endpoint)
        self._dialect = Dialect.of(endpoint, endpoint.model, Counters(), None)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._client.__aexit__()

    async def reply(self, ask: Ask) -> AsyncIterator[Piece]:
        """The reply to `ask` in pieces; the endpoint's deadline holds for each of them.

        Raises:
            EndpointError: it is refused, or breaks off.
        """
        learnt: set[str] = set()
        for _ in range(_MOST_TRIES):
            payload = self._dialect.say(_streamed(self._client.encode(ask, "off")), learnt)
            response = await self._within(self._client.post(payload))
            if isinstance(response, Failure):
                raise self._error(response)
            async with response:
                if 200 <= response.status < 300:
                    self._dialect.keep(learnt)
                    async for piece in self._pieces(response, ask):
                        yield piece
                    return
                failure = await self._client.refusal(response)
            untaken = not_taken(failure, payload)
            if not untaken or untaken in learnt:
                raise self._error(failure)
            learnt.add(untaken)
        raise self._error(failure)

    async def _pieces(self, response: aiohttp.ClientResponse, ask: Ask) -> AsyncIterator[Piece]:
        if "event-stream" not in response.headers.get("Content-Type", ""):
            body = await self._within(self._client.read(response, self._endpoint.max_body_bytes))
            found = body if isinstance(body, Failure) else read_reply(body, ask, self._endpoint.model, response.headers)
            found = self._endpoint.api_key.scrub_fields(found)
            if not isinstance(found, Reply):
                raise self._error(found)
            yield Piece(found.text, found.reasoning)
            return
        size = 0
        while line := await self._within(response.content.readline()):
            if isinstance(line, Failure):
                raise self._error(line)
            size += len(line)
            if size > self._endpoint.max_body_bytes:
                raise EndpointError(
                    f"endpoint {self._endpoint.label} sent more than {self._endpoint.max_body_bytes:,} bytes",
                    hint="ask for fewer tokens",
                )
            if line.startswith(_DATA) and (data := line[len(_DATA) :].strip()) != b"[DONE]":
                yield self._piece(self._endpoint.api_key.scrub_bytes(data))

    def _piece(self, data: bytes) -> Piece:
        """What one event says."""
        try:
            event = orjson.loads(data)
        except ValueError as why:
            raise EndpointError(
                f"endpoint {self._endpoint.label} sent an event that is no JSON", hint="try again"
            ) from why
        if isinstance(event, dict) and event.get("error"):
            raise self._error(classify_hidden(event["error"], {}))
        choices = event.get("choices") if isinstance(event, dict) else None
        delta: Any = choices[0].get("delta") if isinstance(choices, list) and choices else None
        if not isinstance(delta, dict):
            return Piece()
        return Piece(_text(delta, "content"), _text(delta, "reasoning_content") or _text(delta, "reasoning"))

    async def _within(self, waiting: Any) -> Any:
        """What `waiting` gives, or the Failure that it ends with."""
        try:
            async with asyncio.timeout(self._endpoint.timeout_s):
                return await waiting
        except TimeoutError:
            detail = f"nothing came within {self._endpoint.timeout_s:g} s"
            return Failure(action=Action.RETRY, cause="timeout", detail=detail)
        except self._client.errors as error:
            return self._client.failure(error)

    def _error(self, failure: Failure) -> EndpointError:
        label, origin = self._endpoint.label, self._endpoint.api_key.origin
        if failure.action is Action.AUTH:
            told, hint = what_to_do(failure.cause, label, failure.detail, origin)
            return EndpointError(told, hint=hint)
        hint = failure.hint or "try again, or look at the endpoint: blossom-data doctor"
        return EndpointError(f"endpoint {label}: {failure.detail}", hint=hint)


def _streamed(payload: bytes) -> bytes:
    body: dict[str, Any] = orjson.loads(payload)
    return orjson.dumps({**body, "stream": True})


def _text(delta: Mapping[str, Any], name: str) -> str:
    value = delta.get(name)
    return value if isinstance(value, str) else ""

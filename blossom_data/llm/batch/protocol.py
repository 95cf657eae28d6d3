"""The files and batches routes of an OpenAI-compatible endpoint, over the openai SDK; retried while that may help.

    POST /files (multipart, purpose=batch)   POST /batches   GET /batches/{id}   GET /batches   GET /files/{id}/content
    {"id": "batch_1", "status": "completed", "output_file_id": "file-2", "error_file_id": null,
     "request_counts": {"total": 3, "completed": 3, "failed": 0}, "metadata": {"blossom_intent": "5e0f..."}}

Creating a batch is the one call that costs money: where it is unknown whether it arrived, the list of batches is
asked before it is sent again, and the SDK itself sends nothing twice. What comes back is read here, and not by its
models, which take any JSON for what it should be. What the batches are for is asker.py's part.
"""

from __future__ import annotations

import asyncio
import random
import re
import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from functools import partial
from typing import IO, Any, Final, Self, TypeAlias

import httpx2
import openai
import orjson

from blossom_data.config import Endpoint
from blossom_data.errors import AuthError, BlossomError, ConfigError, EndpointError, NetworkError
from blossom_data.llm.access import what_to_do
from blossom_data.llm.batch.lines import URL as COMPLETIONS
from blossom_data.llm.batch.transport import PlainTransport
from blossom_data.llm.client import Client
from blossom_data.llm.http.connection_failures import https_failure, proxy_wants_name
from blossom_data.llm.http.plain_http import http_failure, http_options
from blossom_data.llm.policy import Action, Failure, Patience, backoff_s, classify_status

INTENT = "blossom_intent"
"""Name of the metadata entry that holds the hash of the batch's input."""
WINDOW: Final = "24h"
OVER = ("completed", "failed", "expired", "cancelled")
_JSON_BYTES = 8 << 20
_PART_BYTES = 16_000_000
"""A part is held in memory thrice while it is sent."""
_CONNECT_S = 60.0
_SLOW_BYTES_S = 100_000
"""An upload slower than this is given up."""
_CLOCK_SLACK_S = 3600.0
_PAGE = 100
_IDENT = re.compile(r"[A-Za-z0-9_:-][A-Za-z0-9_:.-]{0,199}")


Send: TypeAlias = "Callable[[], AbstractAsyncContextManager[openai.AsyncAPIResponse[Any]]]"
"""Begins one call; its answer is not read yet."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoteBatch:
    """A batch as the provider describes it."""

    id: str
    status: str
    intent: str = ""
    created_s: float = 0.0
    """Unix time by the provider's clock."""
    output_file_id: str = ""
    error_file_id: str = ""
    completed: int = 0
    """Lines answered so far."""
    reasons: tuple[tuple[str, str], ...] = ()
    """(code, message) of what is wrong with the whole batch."""

    @property
    def is_over(self) -> bool:
        return self.status in OVER


class CutShort(Exception):
    """A download broke off; what came before is sound."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(failure.detail)
        self.failure = failure


class BatchClient(Client):
    """A Client with the batch routes; open it with `async with`."""

    def __init__(
        self, endpoint: Endpoint, *, patience: Patience, settle_s: float, most_single_bytes: int, draw: random.Random
    ) -> None:
        """
        Args:
            settle_s: how long a batch may take to appear in the list after it was created.
            most_single_bytes: a longer file is uploaded in parts.
        """
        super().__init__(endpoint)
        self.endpoint, self.patience, self.settle_s, self.draw = endpoint, patience, settle_s, draw
        self._most_single_bytes = most_single_bytes
        # One after the other: the first batch begins sooner than if all shared the line.
        self._uploading = asyncio.Lock()

    async def __aenter__(self) -> Self:
        await super().__aenter__()
        own = {name: self._headers().get(name, "") for name in ("User-Agent", "Authorization")}
        transport = PlainTransport({**own, "Accept-Encoding": "identity"}, **http_options(self.route))
        self._sdk = openai.AsyncOpenAI(
            base_url=self._endpoint.base_url,
            api_key=self._secret.reveal() or "none",
            max_retries=0,
            # How long a whole call may take is bounded around it.
            timeout=httpx2.Timeout(None, connect=_CONNECT_S),
            http_client=httpx2.AsyncClient(transport=transport, follow_redirects=False),
        )
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._sdk.close()
        await super().__aexit__()

    async def upload(self, file: IO[bytes], intent: str) -> str:
        """The id of the uploaded input `file`, which stays open."""
        name, size = f"{intent}.jsonl", file.seek(0, 2)
        async with self._uploading:
            if size > self._most_single_bytes:
                return await self._upload_in_parts(file, name, size)
            return self._named(await self._insist("uploading a batch", lambda: self._begin_upload(file, name), size))

    def _begin_upload(self, file: IO[bytes], name: str) -> AbstractAsyncContextManager[openai.AsyncAPIResponse[Any]]:
        file.seek(0)
        return self._sdk.files.with_streaming_response.create(file=(name, file, "application/jsonl"), purpose="batch")

    def _named(self, found: object) -> str:
        if not (name := _ident(found, "id")):
            raise EndpointError(
                f"endpoint {self._endpoint.label} took a file and gave no id for it",
                hint="run the same command again; if it stays so, leave out --batch",
            )
        return name

    async def _upload_in_parts(self, file: IO[bytes], name: str, size: int) -> str:
        """The id of a file that is sent part by part, of which each is tried again by itself."""
        uploads = self._sdk.uploads.with_streaming_response
        begun = await self._insist(
            "uploading a batch",
            lambda: uploads.create(bytes=size, filename=name, mime_type="application/jsonl", purpose="batch"),
        )
        upload_id, part_ids = self._named(begun), []
        file.seek(0)
        while data := file.read(min(_PART_BYTES, self._most_single_bytes)):
            send = partial(uploads.parts.create, upload_id, data=data)
            part_ids.append(self._named(await self._insist("uploading a part of a batch", send, len(data))))
        done = await self._insist(
            "completing the upload of a batch", lambda: uploads.complete(upload_id, part_ids=part_ids)
        )
        return self._named(done.get("file"))

    async def create(self, file_id: str, *, intent: str, stage: str, created: float) -> RemoteBatch:
        """The batch of the uploaded file `file_id`, created once, whatever becomes of the answer."""
        metadata = {INTENT: intent, "blossom_stage": stage}
        tries = Tries(self, "creating a batch")
        while True:
            outcome = await self._once(
                lambda: self._sdk.batches.with_streaming_response.create(
                    input_file_id=file_id, endpoint=COMPLETIONS, completion_window=WINDOW, metadata=metadata
                )
            )
            if isinstance(outcome, dict):
                if (batch := read_batch(outcome)) is not None:
                    return batch
                outcome = _odd("a created batch without id or status")
            await tries.bear(outcome)
            if outcome.cause != "connect" and (outcome.action is Action.RETRY or outcome.status >= 500):
                await asyncio.sleep(self.settle_s)
                if found := await self.find({intent}, since_s=created):
                    return found[intent]

    async def retrieve(self, batch_id: str) -> RemoteBatch:
        """The batch as it stands."""
        tries = Tries(self, f"looking at batch {batch_id}")
        while True:
            outcome = await self._once(lambda: self._sdk.batches.with_streaming_response.retrieve(batch_id))
            if isinstance(outcome, Failure) and outcome.status == 404:
                raise self._unknown(batch_id)
            if isinstance(outcome, dict):
                if (batch := read_batch(outcome)) is not None:
                    return batch
                outcome = _odd("a batch without id or status")
            await tries.bear(outcome)

    async def find(self, intents: set[str], *, since_s: float) -> dict[str, RemoteBatch]:
        """The batches whose metadata names one of `intents`, among those created since (less an hour of clock skew)."""
        found: dict[str, RemoteBatch] = {}
        after = ""
        while True:
            page = await self._insist("listing the batches", partial(self._begin_list, after))
            listed = page.get("data")
            batches = [
                batch
                for entry in (listed if isinstance(listed, list) else [])
                if isinstance(entry, dict) and (batch := read_batch(entry)) is not None
            ]
            found.update({batch.intent: batch for batch in batches if batch.intent in intents})
            is_last = not batches or page.get("has_more") is not True or batches[-1].id == after
            if is_last or len(found) == len(intents) or batches[-1].created_s < since_s - _CLOCK_SLACK_S:
                return found
            after = batches[-1].id

    def _begin_list(self, after: str) -> AbstractAsyncContextManager[openai.AsyncAPIResponse[Any]]:
        return self._sdk.batches.with_streaming_response.list(limit=_PAGE, after=after or openai.omit)

    async def lines(self, file_id: str, *, most_line_bytes: int) -> AsyncGenerator[bytes, None]:
        """The lines of a result file as they arrive; a longer one comes as b"".

        Raises:
            CutShort: the download broke off.
        """
        timeout = httpx2.Timeout(None, connect=_CONNECT_S, read=self._endpoint.timeout_s)
        try:
            async with self._sdk.files.with_streaming_response.content(file_id, timeout=timeout) as response:
                async for line in _split(response.iter_bytes(), most_line_bytes):
                    yield self._secret.scrub_bytes(line)
        except (openai.APITimeoutError, httpx2.ReadTimeout) as late:
            silent = f"a result file that stopped for {self._endpoint.timeout_s:g} s"
            raise CutShort(Failure(action=Action.RETRY, cause="timeout", detail=silent)) from late
        except (openai.OpenAIError, httpx2.HTTPError, OSError, ValueError) as error:
            raise CutShort(self._failure(error)) from None

    async def _insist(self, what: str, send: Send, size: int = 0) -> dict[str, Any]:
        """The JSON object that a call with so many bytes brings, sent again while that may help."""
        tries = Tries(self, what)
        while isinstance(outcome := await self._once(send, size / _SLOW_BYTES_S), Failure):
            await tries.bear(outcome)
        return outcome

    async def _once(self, send: Send, more_s: float = 0.0) -> dict[str, Any] | Failure:
        """One call; its deadline is the endpoint's and `more_s`."""
        deadline_s = self._endpoint.timeout_s + more_s
        raw = bytearray()
        try:
            async with asyncio.timeout(deadline_s), send() as response:
                async for chunk in response.iter_bytes():
                    raw += chunk
                    if len(raw) > _JSON_BYTES:
                        return _odd(f"a reply longer than {_JSON_BYTES} bytes")
            found = orjson.loads(self._secret.scrub_bytes(bytes(raw)))
        except TimeoutError:
            return Failure(action=Action.RETRY, cause="timeout", detail=f"no complete answer within {deadline_s:g} s")
        except orjson.JSONDecodeError:
            return _odd("a 200 that is not JSON")
        except (openai.OpenAIError, httpx2.HTTPError, OSError, ValueError) as error:
            return self._failure(error)
        return found if isinstance(found, dict) else _odd("a 200 whose JSON is not an object")

    def _failure(self, error: Exception) -> Failure:
        """A failure in the words that calls one by one have for it."""
        if not isinstance(error, openai.APIStatusError):
            cause = error.__cause__ if isinstance(error, openai.APIConnectionError) else None
            return http_failure(cause or error, self._endpoint.base_url, self.route)
        headers = {name.lower(): self._secret.scrub(value) for name, value in error.response.headers.items()}
        failure = classify_status(error.status_code, headers, self._secret.scrub_bytes(error.response.content))
        if 300 <= error.status_code < 400:
            return https_failure(failure, self._endpoint.base_url, headers.get("location", ""))
        if error.status_code == 407 and self.route.proxy_url:
            return proxy_wants_name(self.route)
        return failure

    def _unknown(self, batch_id: str) -> EndpointError:
        return EndpointError(
            f"endpoint {self._endpoint.label} does not know batch {batch_id}",
            hint="use the key and project that it was made with; to give it up and buy its lines again: sqlite3 LEDGER "
            f"\"update batches set state = 'dropped' where batch_id = '{batch_id}'\"",
        )

    def fatal(self, failure: Failure, what: str) -> BlossomError:
        """The error of a failure that another try cannot mend."""
        label, origin = self._endpoint.label, self._endpoint.api_key.origin
        if failure.action is Action.NETWORK:
            return NetworkError(f"endpoint {label}: {failure.detail}", hint=failure.hint)
        if failure.action is Action.AUTH:
            told, hint = what_to_do(failure.cause, label, failure.detail, origin)
            return AuthError(told, hint=hint)
        if failure.status in (404, 405, 501):
            return ConfigError(
                f"endpoint {label} has no batches here: {what}: {failure.detail}",
                hint=f"leave out --batch, or check the base URL ({self._endpoint.base_url})",
            )
        hint = "mend what it names, or leave out --batch"
        return ConfigError(f"endpoint {label} refused {what}: {failure.detail}", hint=hint)


class Tries:
    """How one operation bears failures: it waits longer and longer, until there is no hope or the patience ends."""

    def __init__(self, client: BatchClient, what: str) -> None:
        """`what` names the operation in errors: "uploading a batch"."""
        self._client, self._what = client, what
        self._failed_s = 0.0
        self.count = 0
        """Failures so far."""

    async def bear(self, failure: Failure) -> None:
        """Waits before another try.

        Raises:
            AuthError, ConfigError: another try cannot help.
            EndpointError: it went on for too long.
        """
        client = self._client
        if failure.action not in (Action.RETRY, Action.WAIT):
            raise client.fatal(failure, self._what)
        self.count += 1
        self._failed_s = self._failed_s or time.monotonic()
        if time.monotonic() - self._failed_s > client.patience.total_s:
            raise EndpointError(
                f"endpoint {client.endpoint.label}: {self._what} failed {self.count} times: {failure.detail}",
                hint="run the same command again later: it finds its batches again",
            )
        await asyncio.sleep(max(failure.retry_after_s or 0.0, backoff_s(self.count, client.draw, client.patience)))


def read_batch(found: Mapping[str, Any]) -> RemoteBatch | None:
    """A batch object; None without id or status."""
    counts, metadata, errors = found.get("request_counts"), found.get("metadata"), found.get("errors")
    listed = errors.get("data") if isinstance(errors, dict) else errors
    created = found.get("created_at")
    completed = counts.get("completed") if isinstance(counts, dict) else 0
    batch = RemoteBatch(
        id=_ident(found, "id"),
        status=_text(found, "status").lower(),
        intent=_text(metadata, INTENT),
        created_s=float(created) if isinstance(created, int | float) else time.time(),
        output_file_id=_ident(found, "output_file_id"),
        error_file_id=_ident(found, "error_file_id"),
        completed=completed if isinstance(completed, int) else 0,
        reasons=tuple(
            (_text(reason, "code"), _text(reason, "message"))
            for reason in (listed if isinstance(listed, list) else [])[:3]
        ),
    )
    return batch if batch.id and batch.status else None


async def _split(chunks: AsyncIterator[bytes], most_line_bytes: int) -> AsyncIterator[bytes]:
    """The lines of a stream, without line breaks; one that is longer than `most_line_bytes` comes as b""."""
    rest, is_too_long = bytearray(), False
    async for chunk in chunks:
        *whole, last = chunk.split(b"\n")
        for part in whole:
            rest += part
            yield b"" if is_too_long or len(rest) > most_line_bytes else bytes(rest)
            rest.clear()
            is_too_long = False
        rest += last
        if len(rest) > most_line_bytes:
            rest.clear()
            is_too_long = True
    if rest:
        yield bytes(rest)


def _text(found: object, name: str) -> str:
    value = found.get(name) if isinstance(found, Mapping) else None
    return value if isinstance(value, str) else ""


def _ident(found: object, name: str) -> str:
    """An id that may stand in a path; "" for one that may not."""
    value = _text(found, name)
    return value if _IDENT.fullmatch(value) else ""


def _odd(detail: str) -> Failure:
    return Failure(action=Action.RETRY, cause="body", detail=detail)

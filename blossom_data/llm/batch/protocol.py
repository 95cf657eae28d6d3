"""The files and batches routes of an OpenAI-compatible endpoint: five calls, retried until they succeed or cannot.

    POST /files (multipart, purpose=batch)   POST /batches   GET /batches/{id}   GET /batches   GET /files/{id}/content
    {"id": "batch_1", "status": "completed", "output_file_id": "file-2", "error_file_id": null,
     "request_counts": {"total": 3, "completed": 3, "failed": 0}, "metadata": {"blossom_intent": "5e0f..."}}

Creating a batch is the one call that costs money: where it is unknown whether it arrived, the list of batches is
asked before it is sent again. What the batches are for is asker.py's part.
"""

from __future__ import annotations

import asyncio
import random
import re
import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping
from dataclasses import dataclass
from typing import IO, Any

import aiohttp
import orjson
from yarl import URL

from blossom_data.config import Endpoint
from blossom_data.errors import AuthError, BlossomError, ConfigError, EndpointError
from blossom_data.llm.batch.lines import URL as COMPLETIONS
from blossom_data.llm.policy import Action, Failure, Patience, backoff_s, classify_status
from blossom_data.llm.session import SessionClient

INTENT = "blossom_intent"
"""Name of the metadata entry that holds the hash of the batch's input."""
WINDOW = "24h"
OVER = ("completed", "failed", "expired", "cancelled")
_JSON_BYTES = 8 << 20
_CHUNK_BYTES = 1 << 20
_SLOW_BYTES_S = 100_000
"""An upload slower than this is given up."""
_CLOCK_SLACK_S = 3600.0
_PAGE = 100
_IDENT = re.compile(r"[A-Za-z0-9_:-][A-Za-z0-9_:.-]{0,199}")


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


class BatchClient(SessionClient):
    """A Client with the batch routes; open it with `async with`."""

    def __init__(self, endpoint: Endpoint, *, patience: Patience, settle_s: float, draw: random.Random) -> None:
        """
        Args:
            settle_s: how long a batch may take to appear in the list after it was created.
        """
        super().__init__(endpoint)
        self.endpoint, self.patience, self.settle_s, self.draw = endpoint, patience, settle_s, draw

    async def upload(self, file: IO[bytes], intent: str) -> str:
        """The id of the uploaded input `file`, which stays open."""
        size = file.seek(0, 2)
        boundary = f"blossom-{intent}"
        head = (
            f'--{boundary}\r\nContent-Disposition: form-data; name="purpose"\r\n\r\nbatch\r\n'
            f'--{boundary}\r\nContent-Disposition: form-data; name="file"; filename="{intent}.jsonl"\r\n'
            "Content-Type: application/jsonl\r\n\r\n"
        ).encode()
        tail = f"\r\n--{boundary}--\r\n".encode()

        async def parts() -> AsyncIterator[bytes]:
            file.seek(0)
            yield head
            while chunk := file.read(_CHUNK_BYTES):
                yield chunk
            yield tail

        headers = {
            "Content-Type": f"multipart/form-data; boundary={boundary}",
            "Content-Length": str(len(head) + size + len(tail)),
        }
        found = await self._insist(
            "uploading a batch", "POST", "/files", body=parts, headers=headers, more_s=size / _SLOW_BYTES_S
        )
        if not (file_id := _ident(found, "id")):
            raise EndpointError(f"endpoint {self._endpoint.label} took a file and gave no id for it")
        return file_id

    async def create(self, file_id: str, *, intent: str, stage: str, created: float) -> RemoteBatch:
        """The batch of the uploaded file `file_id`, created once, whatever becomes of the answer."""
        body = orjson.dumps(
            {
                "input_file_id": file_id,
                "endpoint": COMPLETIONS,
                "completion_window": WINDOW,
                "metadata": {INTENT: intent, "blossom_stage": stage},
            }
        )
        tries = Tries(self, "creating a batch")
        while True:
            outcome = await self._once("POST", "/batches", body=lambda: body)
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
            outcome = await self._once("GET", f"/batches/{batch_id}")
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
            page = await self._insist(
                "listing the batches", "GET", f"/batches?limit={_PAGE}" + (f"&after={after}" if after else "")
            )
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

    async def lines(self, file_id: str, *, most_line_bytes: int) -> AsyncGenerator[bytes, None]:
        """The lines of a result file as they arrive; a longer one comes as b"".

        Raises:
            CutShort: the download broke off.
        """
        assert self._session is not None, "use `async with`"
        url = URL(self._endpoint.base_url.rstrip("/") + f"/files/{file_id}/content")
        timeout = aiohttp.ClientTimeout(total=None, sock_read=self._endpoint.timeout_s, sock_connect=60)
        plain = {"Accept-Encoding": "identity", "Accept": "*/*"}
        try:
            async with self._session.get(url, headers=plain, timeout=timeout, allow_redirects=False) as response:
                if response.status != 200:
                    raise CutShort(await self._refusal(response))
                if response.headers.get("Content-Encoding", "identity").lower() != "identity":
                    raise CutShort(_odd("a result file in an encoding that was not asked for"))
                async for line in _split(response.content, most_line_bytes):
                    yield self._scrubbed(line)
        except TimeoutError as late:
            silent = f"a result file that stopped for {self._endpoint.timeout_s:g} s"
            raise CutShort(Failure(action=Action.RETRY, cause="timeout", detail=silent)) from late
        except (aiohttp.ClientError, OSError, ValueError) as error:
            raise CutShort(self._classify_exception(error)) from None

    async def _insist(
        self,
        what: str,
        method: str,
        path: str,
        *,
        body: Callable[[], Any] | None = None,
        headers: Mapping[str, str] | None = None,
        more_s: float = 0.0,
    ) -> dict[str, Any]:
        """The JSON object that a call brings, sent again while that may help."""
        tries = Tries(self, what)
        while isinstance(outcome := await self._once(method, path, body, headers, more_s), Failure):
            await tries.bear(outcome)
        return outcome

    async def _once(
        self,
        method: str,
        path: str,
        body: Callable[[], Any] | None = None,
        headers: Mapping[str, str] | None = None,
        more_s: float = 0.0,
    ) -> dict[str, Any] | Failure:
        """One call; its deadline is the endpoint's and `more_s`."""
        assert self._session is not None, "use `async with`"
        url = URL(self._endpoint.base_url.rstrip("/") + path)
        data = None if body is None else body()
        try:
            async with (
                asyncio.timeout(self._endpoint.timeout_s + more_s),
                self._session.request(method, url, data=data, headers=headers, allow_redirects=False) as response,
            ):
                if not 200 <= response.status < 300:
                    return await self._refusal(response)
                raw = await self._read(response, _JSON_BYTES)
        except TimeoutError:
            late = f"no complete answer within {self._endpoint.timeout_s + more_s:g} s"
            return Failure(action=Action.RETRY, cause="timeout", detail=late)
        except (aiohttp.ClientError, OSError, ValueError) as error:
            return self._classify_exception(error)
        if isinstance(raw, Failure):
            return raw
        try:
            found = orjson.loads(self._scrubbed(raw))
        except orjson.JSONDecodeError:
            return _odd("a 200 that is not JSON")
        return found if isinstance(found, dict) else _odd("a 200 whose JSON is not an object")

    async def _refusal(self, response: aiohttp.ClientResponse) -> Failure:
        raw = await self._read(response, 1 << 16)
        body = b"" if isinstance(raw, Failure) else self._scrubbed(raw)
        return classify_status(response.status, self._clean(response.headers), body)

    def _scrubbed(self, raw: bytes) -> bytes:
        if self._key_bytes and self._key_bytes in raw:
            return self._secret.scrub(raw.decode("utf-8", "replace")).encode()
        return raw

    def _unknown(self, batch_id: str) -> EndpointError:
        return EndpointError(
            f"endpoint {self._endpoint.label} does not know batch {batch_id}",
            hint="use the key and project that it was made with; to give it up and buy its lines again: sqlite3 LEDGER "
            f"\"update batches set state = 'dropped' where batch_id = '{batch_id}'\"",
        )

    def fatal(self, failure: Failure, what: str) -> BlossomError:
        """The error of a failure that another try cannot mend."""
        label, origin = self._endpoint.label, self._endpoint.api_key.origin
        if failure.action is Action.AUTH:
            key = f"the key comes from {origin}" if origin else "set OPENAI_API_KEY"
            if failure.status in (0, 400, 401, 403):
                return AuthError(f"endpoint {label} refused the key: {failure.detail}", hint=f"{key}; check it")
            return AuthError(f"the quota at endpoint {label} is used up: {failure.detail}", hint=f"{key}; top it up")
        if failure.status in (404, 405, 501):
            return ConfigError(
                f"endpoint {label} has no batches here: {what}: {failure.detail}",
                hint=f"leave out --batch, or check the base URL ({self._endpoint.base_url})",
            )
        return ConfigError(f"endpoint {label} refused {what}: {failure.detail}")


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


async def _split(content: aiohttp.StreamReader, most_line_bytes: int) -> AsyncIterator[bytes]:
    """The lines of a stream, without line breaks; one that is longer than `most_line_bytes` comes as b""."""
    rest, is_too_long = bytearray(), False
    async for chunk in content.iter_any():
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

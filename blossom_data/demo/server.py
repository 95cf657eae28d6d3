"""A small OpenAI-compatible endpoint on 127.0.0.1 that replays the recording, faults included.

    with OfflineEndpoint() as endpoint:
        ...  POST {endpoint.base_url}/chat/completions

It tells a typed question (one JSON document with a task) from an annotation request (a conversation), finds the
recorded reply, and answers an unrecorded question with status 422 and a clear error, never with an invented reply.
"""

from __future__ import annotations

import asyncio
import threading
from types import TracebackType
from typing import Any, Self

import orjson
from aiohttp import web

from blossom_data.demo.recording import (
    Scene,
    conversation_key,
    load_recording,
    numbered,
    scene_of,
    tokens_of,
    with_tokens,
)
from blossom_data.demo.synthesis import reply_to
from blossom_data.stages.translate.segments import estimate_tokens

MODEL = "recorded"
START_S = 10.0


class OfflineEndpoint:
    """The endpoint, running in a thread of its own while the block lasts."""

    def __init__(self) -> None:
        self.recording = load_recording()
        self.base_url = ""
        self.calls = 0
        """Complete replies handed out."""
        self._shown: set[tuple[str, int, str]] = set()
        """Transport faults that have been played: each happens once."""
        self._ready = threading.Event()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._serve, name="offline-endpoint", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        if not self._ready.wait(START_S):
            raise RuntimeError("the offline endpoint did not start")
        return self

    def __exit__(self, kind: type[BaseException] | None, why: BaseException | None, at: TracebackType | None) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()

    def _serve(self) -> None:
        asyncio.set_event_loop(self._loop)
        application = web.Application()
        application.router.add_post("/v1/chat/completions", self._complete)
        application.router.add_get("/v1/models", self._models)
        runner = web.AppRunner(application, access_log=None)
        self._loop.run_until_complete(runner.setup())
        site = web.TCPSite(runner, "127.0.0.1", 0)
        self._loop.run_until_complete(site.start())
        host, port = runner.addresses[0][:2]
        self.base_url = f"http://{host}:{port}/v1"
        self._ready.set()
        self._loop.run_forever()
        self._loop.run_until_complete(runner.cleanup())
        self._loop.close()

    async def _models(self, request: web.Request) -> web.Response:
        return web.json_response({"object": "list", "data": [{"id": MODEL, "object": "model"}]})

    async def _complete(self, request: web.Request) -> web.StreamResponse:
        try:
            body = await request.json(loads=orjson.loads)
            messages = body["messages"]
            attempt = int(request.headers.get("X-Blossom-Try", "0"))
            asked = str(messages[-1]["content"])
        except (ValueError, KeyError, TypeError, IndexError):
            return _error(400, "not a chat completion request")
        document = _document(asked)
        if document is not None and document["task"] == "translate":
            return await self._translate(request, document, attempt, messages)
        if document is not None:
            told = reply_to(document)
            return self._reply(messages, told) if told is not None else _not_recorded(asked)
        found = self.recording.answers.get(conversation_key(messages))
        if found is None:
            return _not_recorded(asked)
        answer, scene = found
        system = str(messages[0]["content"]) if messages[0]["role"] == "system" else ""
        stage, attempt = ("verify-math", attempt + 1) if "word problems" in system else ("annotate", attempt)
        if fault := scene.fault(stage, attempt) or _goes_on(scene, attempt):
            if (broken := await self._break(request, scene, fault)) is not None:
                return broken
            answer = fault["texts"][attempt] if "texts" in fault else fault.get("text", answer)
            return self._reply(messages, answer, fault.get("finish_reason", "stop"))
        return self._reply(messages, answer)

    async def _translate(
        self, request: web.Request, document: dict[str, Any], attempt: int, messages: list[dict[str, Any]]
    ) -> web.StreamResponse:
        """Answers one translation document, with what goes wrong at this try of its first recorded row."""
        texts = [str(segment["text"]) for segment in document["segments"]]
        sources = [numbered(text) for text in texts]
        known = self.recording.translations
        for source, text in zip(sources, texts, strict=True):
            if source not in known:
                return _not_recorded(text)
        outputs = [with_tokens(known[source], tokens_of(text)) for source, text in zip(sources, texts, strict=True)]
        scene = scene_of(self.recording, sources)
        fault = scene.fault("translate", attempt)
        if fault and (broken := await self._break(request, scene, fault)) is not None:
            return broken
        kind = fault["fault"] if fault else ""
        if fault and kind == "refusal":
            return self._reply(messages, fault["text"])
        if fault and kind in ("answered", "answered_always", "chatter", "partial"):
            wrong = fault["texts"][attempt] if "texts" in fault else fault["text"]
            outputs[min(fault.get("line", 0), len(outputs) - 1)] = wrong
        reply = _reply_document(document, outputs)
        if fault and kind == "prose":
            reply = f"{fault['before']}{reply}{fault['after']}"
        return self._reply(messages, reply)

    async def _break(self, request: web.Request, scene: Scene, fault: dict[str, Any]) -> web.StreamResponse | None:
        """Plays a fault of the transport, once; None when there is none to play."""
        mark = (scene.source, scene.row, fault["fault"])
        if fault["fault"] not in ("429", "drop") or mark in self._shown:
            return None
        self._shown.add(mark)
        if fault["fault"] == "429":
            headers = {"Retry-After": str(fault["retry_after_s"])}
            return _error(429, "rate limit reached (recorded)", headers)
        if request.transport is not None:
            # An answer that began: before that, a connection used again is taken for one that was closed while idle.
            request.transport.write(b"HTTP/1.1 200 OK\r\n")
            request.transport.close()
        return web.Response()

    def _reply(self, messages: list[dict[str, Any]], text: str, finish_reason: str = "stop") -> web.Response:
        self.calls += 1
        tokens_in = sum(estimate_tokens(str(turn["content"])) for turn in messages)
        tokens_out = estimate_tokens(text)
        choice = {"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": finish_reason}
        usage = {"prompt_tokens": tokens_in, "completion_tokens": tokens_out, "total_tokens": tokens_in + tokens_out}
        body = {
            "id": f"recorded-{self.calls}",
            "object": "chat.completion",
            "model": MODEL,
            "choices": [choice],
            "usage": usage,
        }
        return web.Response(body=orjson.dumps(body), content_type="application/json")


def _document(asked: str) -> dict[str, Any] | None:
    """The document of a typed question in a user message, or None when it is a conversation."""
    try:
        document = orjson.loads(asked)
    except ValueError:
        return None
    return document if isinstance(document, dict) and "task" in document else None


def _reply_document(document: dict[str, Any], outputs: list[str]) -> str:
    """The reply that the protocol asks for, as a careful model writes it."""
    segments = [
        {"id": segment["id"], "head": " ".join(segment["text"].split()[:3]), "text": output}
        for segment, output in zip(document["segments"], outputs, strict=True)
    ]
    reply = {"nonce": document["nonce"], "n": document["n"], "segments": segments}
    return orjson.dumps(reply).decode()


def _goes_on(scene: Scene, attempt: int) -> dict[str, Any] | None:
    """A fault of annotation that later samples repeat (`wrong_always`)."""
    for fault in scene.faults:
        if fault["fault"] == "wrong_always" and attempt < len(fault["texts"]):
            return fault
    return None


def _error(status: int, message: str, headers: dict[str, str] | None = None) -> web.Response:
    body = {"error": {"message": message, "type": "offline_endpoint"}}
    return web.json_response(body, status=status, headers=headers)


def _not_recorded(asked: str) -> web.Response:
    return _error(
        422, f"this question is not in the recording: {asked[:80]!r}; the demo endpoint replays, it does not answer"
    )

"""A real HTTP server on loopback that speaks files and batches (and chat completions), and bills every line it runs.

    with BatchServer(answer=lambda text: f"re: {text}") as server:
        blossom("annotate", ..., "--batch", "--base-url", server.base_url, ...)
        assert server.lines_paid == 3

`answer` gets the last user message and the number of times that this line was in a batch before (None online), and
gives a text, or a Line. A batch is carried out once it is created, whether or not anybody looks at it; what is shown
of it steps through `states` at each look. `hang` names the steps ("upload", "part", "create", "created", "retrieve",
"content", "half") at which requests are not answered while the name is in it. It also is a proxy to itself.
"""

from __future__ import annotations

import asyncio
import random
import threading
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import orjson
from aiohttp import web
from loopback import answer as completion

STATES = ("validating", "in_progress", "finalizing", "completed")
KEY = "sk-CANARY-batch-0123456789"


@dataclass(frozen=True, slots=True)
class Line:
    """What becomes of a line that is not answered: an HTTP status with a message, or an error without one."""

    status: int = 0
    message: str = ""
    code: str = "batch_expired"


Answer: TypeAlias = "str | Line"


@dataclass(slots=True)
class Batch:
    """One batch at the provider."""

    id: str
    lines: list[dict[str, Any]]
    metadata: dict[str, str]
    states: list[str]
    created_at: int
    output: bytes | None = None
    errors: bytes | None = None
    completed: int = 0
    failed: int = 0
    reasons: list[dict[str, Any]] = field(default_factory=list)


class BatchServer:
    """The provider; a context manager that runs it in a thread of its own on a free port of 127.0.0.1."""

    def __init__(
        self,
        answer: Callable[[str, int | None], Answer] | None = None,
        *,
        states: Sequence[str] = STATES,
        refuse: Callable[[Batch], tuple[str, str] | None] | None = None,
    ) -> None:
        """`refuse` gives (code, message) for a batch that is failed as a whole."""
        self._answer = answer or (lambda text, _: f"The answer to {text} is yes.")
        self.states, self._refuse = states, refuse
        self.batches: dict[str, Batch] = {}
        self.files: dict[str, bytes] = {}
        self.uploads = 0
        self.parts: dict[str, bytes] = {}
        """Parts of large files, by id."""
        self.headers: set[str] = set()
        """Names of all request headers that came, in lower case."""
        self.odd: dict[str, Any] = {}
        """What batch objects say in place of the truth."""
        self.lines_run: Counter[str] = Counter()
        """Batch lines carried out, by custom_id."""
        self.paid: Counter[str] = Counter()
        """Batch lines answered, by custom_id: what a provider would bill."""
        self.paid_online = 0
        self.canaries = 0
        self.statuses: list[str] = []
        self.hang: set[str] = set()
        self.reached: Counter[str] = Counter()
        """Requests that came to each step."""
        self.fail: dict[str, list[web.Response]] = {}
        """Answers given in place of the real ones, by step, used up in order."""
        self.cut_content = 0
        """So many downloads break off half-way."""
        self.short_content = 0
        """So many downloads are whole by their length and yet hold one line only."""
        self.drop_output = False
        """The next output file is lost."""
        self.mangle: Callable[[bytes], bytes] = lambda body: body
        """What is done to an output file."""
        self.complete: Callable[[dict[str, Any], str], dict[str, Any]] = lambda body, text: completion(text)
        """The completion of a line, by its request body and the text of its answer."""
        self.status_401 = False
        self._dice = random.Random(7)
        self._ready = threading.Event()

    @property
    def lines_paid(self) -> int:
        return self.paid.total()

    @property
    def base_url(self) -> str:
        return f"http://127.0.0.1:{self._port}/v1"

    def __enter__(self) -> BatchServer:
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve()), daemon=True)
        self._thread.start()
        self._ready.wait()
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join()

    def release(self) -> None:
        """Lets the requests that hang go on; none hangs any more."""
        self.hang.clear()
        self._loop.call_soon_threadsafe(self._released.set)

    async def _serve(self) -> None:
        self._loop, self._stop, self._released = asyncio.get_running_loop(), asyncio.Event(), asyncio.Event()
        app = web.Application(client_max_size=1 << 30)
        app.router.add_post("/v1/files", self._upload)
        app.router.add_post("/v1/uploads", self._begin)
        app.router.add_post("/v1/uploads/{id}/parts", self._part)
        app.router.add_post("/v1/uploads/{id}/complete", self._end)
        app.router.add_get("/v1/files/{id}/content", self._content)
        app.router.add_post("/v1/batches", self._create)
        app.router.add_get("/v1/batches", self._list)
        app.router.add_get("/v1/batches/{id}", self._retrieve)
        app.router.add_post("/v1/chat/completions", self._complete)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.01)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        self._port = runner.addresses[0][1]
        self._ready.set()
        await self._stop.wait()
        await runner.cleanup()

    async def _step(self, name: str, request: web.Request) -> web.Response | None:
        """The scripted answer of a step, None to go on."""
        self.reached[name] += 1
        self.headers.update(header.lower() for header in request.headers)
        if name in self.hang:
            await self._released.wait()
        if self.status_401 or request.headers.get("Authorization") not in (None, f"Bearer {KEY}"):
            return _error(401, f"wrong key {request.headers.get('Authorization')}", "invalid_api_key")
        scripted = self.fail.get(name)
        return scripted.pop(0) if scripted else None

    async def _upload(self, request: web.Request) -> web.Response:
        if scripted := await self._step("upload", request):
            return scripted
        form = await request.post()
        part = form["file"]
        assert form["purpose"] == "batch"
        assert isinstance(part, web.FileField)
        self.uploads += 1
        name = f"file-in-{self.uploads}"
        self.files[name] = part.file.read()
        return web.json_response({"id": name, "object": "file", "purpose": "batch"})

    async def _begin(self, request: web.Request) -> web.Response:
        if scripted := await self._step("begin", request):
            return scripted
        body = await request.json()
        assert (body["purpose"], body["mime_type"]) == ("batch", "application/jsonl")
        return web.json_response({"id": f"upload_{body['bytes']}", "object": "upload", "status": "pending"})

    async def _part(self, request: web.Request) -> web.Response:
        if scripted := await self._step("part", request):
            return scripted
        part = (await request.post())["data"]
        assert isinstance(part, web.FileField)
        name = f"part_{len(self.parts)}"
        self.parts[name] = part.file.read()
        return web.json_response({"id": name, "object": "upload.part", "upload_id": request.match_info["id"]})

    async def _end(self, request: web.Request) -> web.Response:
        if scripted := await self._step("end", request):
            return scripted
        whole = b"".join(self.parts[name] for name in (await request.json())["part_ids"])
        if request.match_info["id"] != f"upload_{len(whole)}":
            return _error(400, "the parts are not the bytes that were announced", "invalid")
        self.uploads += 1
        name = f"file-in-{self.uploads}"
        self.files[name] = whole
        return web.json_response({"id": "upload", "status": "completed", "file": {"id": name, "object": "file"}})

    async def _create(self, request: web.Request) -> web.Response:
        if scripted := await self._step("create", request):
            return scripted
        body = await request.json()
        assert body["endpoint"] == "/v1/chat/completions"
        assert body["completion_window"] == "24h"
        lines = [orjson.loads(line) for line in self.files[body["input_file_id"]].splitlines()]
        assert len({line["body"]["model"] for line in lines}) == 1
        assert len({line["custom_id"] for line in lines}) == len(lines)
        number = len(self.batches) + 1
        batch = Batch(f"batch_{number}", lines, body["metadata"], list(self.states), 1_900_000_000 + number)
        if self._refuse and (reason := self._refuse(batch)):
            batch.states = ["validating", "failed"]
            batch.reasons = [{"code": reason[0], "message": reason[1], "param": None, "line": None}]
        else:
            self._run(batch)
        self.batches[batch.id] = batch
        if scripted := await self._step("created", request):
            return scripted
        return web.json_response(self._described(batch))

    async def _retrieve(self, request: web.Request) -> web.Response:
        if scripted := await self._step("retrieve", request):
            return scripted
        batch = self.batches.get(request.match_info["id"])
        if batch is None:
            return _error(404, "No batch found", "not_found")
        if len(batch.states) > 1:
            batch.states.pop(0)
        self.statuses.append(batch.states[0])
        return web.json_response(self._described(batch))

    async def _list(self, request: web.Request) -> web.Response:
        if scripted := await self._step("list", request):
            return scripted
        newest = list(reversed(self.batches.values()))
        after = request.query.get("after")
        start = next((n + 1 for n, batch in enumerate(newest) if batch.id == after), 0)
        limit = min(2, int(request.query["limit"]))
        page = newest[start : start + limit]
        described = [self._described(batch) for batch in page]
        return web.json_response({"object": "list", "data": described, "has_more": start + limit < len(newest)})

    async def _content(self, request: web.Request) -> web.StreamResponse:
        if scripted := await self._step("content", request):
            return scripted
        body = self.files.get(request.match_info["id"])
        if body is None:
            return _error(404, "No such File object", "not_found")
        if self.short_content:
            self.short_content -= 1
            body = body[: body.index(b"\n") + 1]
        if not self.cut_content and "half" not in self.hang:
            return web.Response(body=body, content_type="application/octet-stream")
        response = web.StreamResponse(headers={"Content-Length": str(len(body))})
        await response.prepare(request)
        await response.write(body[: len(body) // 2])
        self.reached["half"] += 1
        if "half" in self.hang:
            await self._released.wait()
        self.cut_content -= 1
        assert request.transport is not None
        request.transport.close()
        return response

    async def _complete(self, request: web.Request) -> web.Response:
        if scripted := await self._step("online", request):
            return scripted
        body = await request.json()
        if "Say hello" in body["messages"][-1]["content"]:
            self.canaries += 1
            return web.json_response(completion('{"hello": 1}' if "response_format" in body else "hello"))
        outcome = self._answer(_text(body), None)
        if isinstance(outcome, Line):
            return _error(outcome.status, outcome.message, outcome.code)
        self.paid_online += 1
        return web.json_response(completion(outcome))

    def _run(self, batch: Batch) -> None:
        """Carries out the lines of a batch, and leaves the results in any order."""
        good, bad = [], []
        for line in batch.lines:
            name = line["custom_id"]
            outcome = self.refusal_of(line["body"]) or self._answer(_text(line["body"]), self.lines_run[name])
            self.lines_run[name] += 1
            if isinstance(outcome, str):
                self.paid[name] += 1
                response = {"status_code": 200, "request_id": "r", "body": self.complete(line["body"], outcome)}
                good.append({"id": "x", "custom_id": name, "response": response, "error": None})
            elif outcome.status:
                body = {"error": {"message": outcome.message, "type": "error", "code": outcome.code}}
                response = {"status_code": outcome.status, "request_id": "r", "body": body}
                bad.append({"id": "x", "custom_id": name, "response": response, "error": None})
            else:
                error = {"code": outcome.code, "message": outcome.message}
                bad.append({"id": "x", "custom_id": name, "response": None, "error": error})
        self._dice.shuffle(good)
        batch.completed, batch.failed = len(good), len(bad)
        output = b"".join(orjson.dumps(line) + b"\n" for line in good)
        batch.output = self.mangle(output) if output else None
        batch.errors = b"\n".join(orjson.dumps(line) for line in bad) or None
        for kind, content in (("out", batch.output), ("err", batch.errors)):
            if content is not None:
                self.files[f"file-{kind}-{batch.id}"] = content
        if self.drop_output:
            del self.files[f"file-out-{batch.id}"]
            self.drop_output = False

    def refusal_of(self, body: dict[str, Any]) -> Line | None:
        """What becomes of a line because of its body alone; for a server that takes less."""
        return None

    def _described(self, batch: Batch) -> dict[str, Any]:
        status = batch.states[0]
        is_over = status in ("completed", "expired", "cancelled", "failed")
        return {
            "id": batch.id,
            "object": "batch",
            "status": status,
            "created_at": batch.created_at,
            "metadata": batch.metadata,
            "errors": {"object": "list", "data": batch.reasons} if batch.reasons else None,
            "output_file_id": f"file-out-{batch.id}" if is_over and batch.output is not None else None,
            "error_file_id": f"file-err-{batch.id}" if is_over and batch.errors is not None else None,
            "request_counts": {"total": len(batch.lines), "completed": batch.completed, "failed": batch.failed},
            **self.odd,
        }


def _text(body: dict[str, Any]) -> str:
    return str([turn["content"] for turn in body["messages"] if turn["role"] == "user"][-1])


def _error(status: int, message: str, code: str) -> web.Response:
    body = orjson.dumps({"error": {"message": message, "type": "error", "code": code}})
    return web.Response(body=body, status=status, content_type="application/json")

"""A real HTTP server on loopback that speaks chat completions, counts what it was paid for, and misbehaves on request.

    with Loopback(respond=lambda request: "42", latency_s=0.05) as server:
        endpoint = Endpoint(base_url=server.base_url, model="test")
        ...
        assert server.paid == 1

`respond` gets a LoopbackRequest and returns the text of the answer, a dict (the JSON body as it is, see `answer`) or a
Fault. It runs in the server's thread. It does not speak TLS, pipelining or chunked requests.
"""

from __future__ import annotations

import asyncio
import socket
import struct
import sys
import threading
import time
import zlib
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import orjson


@dataclass(frozen=True, slots=True, kw_only=True)
class LoopbackRequest:
    """One request as it came; `at_s` is time.monotonic(), header names are in lower case."""

    at_s: float
    method: str
    path: str
    headers: Mapping[str, str]
    body: dict[str, Any]
    count: int
    """The n-th time that these very messages came, from 1, whatever the try number."""

    @property
    def try_number(self) -> int:
        """The client's X-Blossom-Try header: the ask's attempt."""
        return int(self.headers.get("x-blossom-try", "0"))

    @property
    def text(self) -> str:
        """The last user message."""
        turns = [turn for turn in self.body.get("messages", []) if turn.get("role") == "user"]
        return str(turns[-1]["content"]) if turns else ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """A scripted misbehaviour: what is sent, and how far it gets. A body of None stands for a sound answer."""

    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes | None = None
    delivery: str = "whole"
    """whole, reset (before any byte), cut (half the body, then closed), hang (no byte at all), hang_body (half the
    body, then silence), drip (a byte each 50 ms), endless (zeros without end)."""


Response: TypeAlias = "str | dict[str, Any] | Fault"

RESET = Fault(delivery="reset")
CUT = Fault(delivery="cut")
HANG = Fault(delivery="hang")
HANG_BODY = Fault(delivery="hang_body")
DRIP = Fault(delivery="drip")
ENDLESS = Fault(delivery="endless")
HTML_502 = Fault(status=502, headers={"Content-Type": "text/html"}, body=b"<html><h1>502 Bad Gateway</h1></html>")
HTML_200 = Fault(headers={"Content-Type": "text/html"}, body=b"<html><form>Please log in</form></html>")


def answer(text: str | None, *, finish_reason: str = "stop", model: str = "loopback", **message: Any) -> dict[str, Any]:
    """The JSON body of a completion; further keywords become fields of its message (`refusal`, `tool_calls`)."""
    words = len((text or "").split())
    return {
        "id": "chatcmpl-loopback",
        "object": "chat.completion",
        "model": model,
        "choices": [
            {
                "index": 0,
                "message": {"role": "assistant", "content": text, **message},
                "finish_reason": finish_reason,
            }
        ],
        "usage": {"prompt_tokens": 10, "completion_tokens": words, "total_tokens": 10 + words},
    }


def refused(status: int, message: str = "", *, code: str = "", **headers: str) -> Fault:
    """An error in OpenAI's shape; keywords become headers, `_` standing for `-` (`retry_after="2"`)."""
    body = orjson.dumps({"error": {"message": message or f"status {status}", "type": "error", "code": code or None}})
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Fault(status=status, headers={"Content-Type": "application/json", **named}, body=body)


def gzip_bomb(megabytes: int) -> Fault:
    """A small body that unpacks to `megabytes` of spaces before its JSON."""
    packer = zlib.compressobj(wbits=zlib.MAX_WBITS | 16)
    packed = b"".join(packer.compress(b" " * (1 << 20)) for _ in range(megabytes)) + packer.compress(b"{}")
    packed += packer.flush()
    return Fault(headers={"Content-Encoding": "gzip", "Content-Type": "application/json"}, body=packed)


class Loopback:
    """The server; a context manager that runs it in a thread of its own on a free port of 127.0.0.1."""

    def __init__(
        self,
        respond: Callable[[LoopbackRequest], Response] | None = None,
        *,
        latency_s: float | Callable[[LoopbackRequest], float] = 0.0,
        slots: int | None = None,
        port: int = 0,
    ) -> None:
        """`slots`: answers worked on at once; further requests queue inside the server."""
        self._respond = respond or (lambda request: f"answer to: {request.text}")
        self._latency_s, self._slots_wanted, self._port = latency_s, slots, port
        self._counts: Counter[bytes] = Counter()
        self._open: set[_Connection] = set()
        self._started = threading.Event()
        self._startup_error: OSError | None = None
        self.paid = 0
        """Complete answers handed out (a text, or a body with choices): what a provider would bill."""
        self.paid_by_ask: Counter[bytes] = Counter()
        """The same by messages and try number: a value above 1 is an answer bought twice."""
        self.requests: list[LoopbackRequest] = []
        self.in_flight = self.max_in_flight = 0
        self.connections = 0
        self.holds: Callable[[LoopbackRequest], bool] = lambda request: False
        """Whether a request has to wait: asked again and again until it need not."""
        self.aborted = 0
        """Requests whose client went away before the answer."""

    @property
    def bought_twice(self) -> int:
        """Answers handed out for asks that had been answered before."""
        return sum(times - 1 for times in self.paid_by_ask.values())

    @property
    def base_url(self) -> str:
        return f"http://127.0.0.1:{self._port}/v1"

    def __enter__(self) -> Loopback:
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve()), daemon=True, name="loopback")
        self._thread.start()
        self._started.wait()
        if self._startup_error:
            raise self._startup_error
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join()

    async def _serve(self) -> None:
        self._loop, self._stop = asyncio.get_running_loop(), asyncio.Event()
        self._slots = asyncio.Semaphore(self._slots_wanted) if self._slots_wanted else None
        try:
            server = await self._loop.create_server(lambda: _Connection(self), "127.0.0.1", self._port, backlog=1024)
        except OSError as error:
            self._startup_error = error
            self._started.set()
            return
        self._port = server.sockets[0].getsockname()[1]
        self._started.set()
        await self._stop.wait()
        # First no more accepts: asyncio leaks a connection that it has accepted when the server is closed under it.
        self._loop.remove_reader(server.sockets[0].fileno())
        turns = 0
        while self._open or turns < 5:
            for connection in list(self._open):
                connection.transport.abort()
            await asyncio.sleep(0)
            turns += 1
        server.close()
        await server.wait_closed()

    async def _answer(self, connection: _Connection, request: LoopbackRequest) -> None:
        """Works on one request: waits for a slot and the latency, asks `respond`, delivers."""
        self.in_flight += 1
        self.max_in_flight = max(self.max_in_flight, self.in_flight)
        try:
            if self._slots:
                async with self._slots:
                    await self._wait(request)
            else:
                await self._wait(request)
            response = self._route(request)
            if isinstance(response, Fault):
                await connection.deliver(response)
            else:
                body = answer(response) if isinstance(response, str) else response
                if body.get("choices"):
                    self.paid += 1
                    self.paid_by_ask[_identity(request.body) + b"#%d" % request.try_number] += 1
                connection.send(200, {"Content-Type": "application/json"}, orjson.dumps(body))
        except asyncio.CancelledError:
            self.aborted += 1
            raise
        finally:
            self.in_flight -= 1

    async def _wait(self, request: LoopbackRequest) -> None:
        latency_s = self._latency_s(request) if callable(self._latency_s) else self._latency_s
        if latency_s > 0:
            await asyncio.sleep(latency_s)
        while self.holds(request):
            await asyncio.sleep(0.01)

    def _route(self, request: LoopbackRequest) -> Response:
        if request.path.endswith("/chat/completions"):
            return self._respond(request)
        if request.path.endswith("/models"):
            return {"object": "list", "data": [{"id": "loopback", "object": "model"}]}
        return refused(404, f"no route {request.path}")

    def _note(self, method: str, path: str, headers: dict[str, str], raw: bytes) -> LoopbackRequest:
        try:
            body = orjson.loads(raw) if raw else {}
        except orjson.JSONDecodeError:
            body = {}
        identity = _identity(body)
        self._counts[identity] += 1
        count = self._counts[identity]
        request = LoopbackRequest(
            at_s=time.monotonic(), method=method, path=path, headers=headers, body=body, count=count
        )
        self.requests.append(request)
        return request


def _identity(body: dict[str, Any]) -> bytes:
    return orjson.dumps(body.get("messages"))


class _Connection(asyncio.Protocol):
    """One keep-alive connection: reads a request, has it answered, reads the next."""

    transport: asyncio.Transport

    def __init__(self, server: Loopback) -> None:
        self._server = server
        self._buffer = bytearray()
        self._task: asyncio.Task[None] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        self._server.connections += 1
        self._server._open.add(self)

    def connection_lost(self, _: Exception | None) -> None:
        self._server._open.discard(self)
        if self._task:
            self._task.cancel()

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        if self._task is None:
            self._next()

    def _next(self) -> None:
        end = self._buffer.find(b"\r\n\r\n")
        if end < 0:
            return
        start, *lines = self._buffer[:end].decode("latin-1").split("\r\n")
        headers = {name.strip().lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        whole = end + 4 + int(headers.get("content-length", "0"))
        if len(self._buffer) < whole:
            return
        raw = bytes(self._buffer[end + 4 : whole])
        del self._buffer[:whole]
        method, path, _ = start.split(" ", 2)
        request = self._server._note(method, path, headers, raw)
        self._task = asyncio.get_running_loop().create_task(self._server._answer(self, request))
        self._task.add_done_callback(self._answered)

    def _answered(self, task: asyncio.Task[None]) -> None:
        self._task = None
        if not task.cancelled() and (error := task.exception()):
            # A broken `respond` must fail the test at once, not look like a slow endpoint.
            sys.stderr.write(f"loopback: {error!r}\n")
            self.transport.abort()
        elif self._buffer:
            self._next()

    def send(self, status: int, headers: Mapping[str, str], body: bytes) -> None:
        self.transport.write(_head(status, headers, len(body)) + body)

    async def deliver(self, fault: Fault) -> None:
        """Sends a fault as far as its `delivery` says."""
        body = orjson.dumps(answer("a sound answer")) if fault.body is None else fault.body
        head = _head(fault.status, {"Content-Type": "application/json", **fault.headers}, len(body))
        match fault.delivery:
            case "whole":
                self.transport.write(head + body)
            case "reset":
                sock = self.transport.get_extra_info("socket")
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                self.transport.abort()
            case "cut":
                self.transport.write(head + body[: len(body) // 2])
                self.transport.close()
            case "hang":
                await asyncio.Event().wait()
            case "hang_body":
                self.transport.write(head + body[: len(body) // 2])
                await asyncio.Event().wait()
            case "drip":
                self.transport.write(head)
                for byte in body:
                    self.transport.write(bytes([byte]))
                    await asyncio.sleep(0.05)
            case "endless":
                self.transport.write(_head(fault.status, fault.headers, 1 << 40))
                while True:
                    if self.transport.get_write_buffer_size() < 1 << 20:
                        self.transport.write(b" " * 65536)
                    await asyncio.sleep(0.0005)
            case unknown:
                raise ValueError(f"no delivery {unknown!r}")


def _head(status: int, headers: Mapping[str, str], length: int) -> bytes:
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    return f"HTTP/1.1 {status} Scripted\r\n{lines}Content-Length: {length}\r\n\r\n".encode("latin-1")


if __name__ == "__main__":
    with Loopback(latency_s=float(sys.argv[1]) if len(sys.argv) > 1 else 0.0) as forever:
        sys.stdout.write(forever.base_url + "\n")
        sys.stdout.flush()
        sys.stdin.read()

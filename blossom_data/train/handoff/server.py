"""A model folder behind the protocol that everything here asks: chat completions, on this machine alone.

    python -m blossom_data.train.handoff.server models/out --port 8123 --name out-3f2a91c07b1d

It sends the very ids that the model was trained on (chat.py), or of a model from elsewhere what its own chat template
says, one request at a time, and is as fast as transformers is
without batches: for an evaluation of a checkpoint, not for traffic. It streams nothing, and ends on SIGTERM.
"""

from __future__ import annotations

import argparse
import signal
import sys
import threading
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import orjson

from blossom_data.errors import BlossomError
from blossom_data.records import ROLES, Message
from blossom_data.shards import read_manifest
from blossom_data.train.handoff.chat import Talker
from blossom_data.train.handoff.sampling import Sampling
from blossom_data.train.template.names import OWN

_MOST_BODY_BYTES = 16 << 20
_MOST_TOKENS = 2048
"""Of a reply to a request that names no limit."""


def main(arguments: list[str] | None = None) -> int:
    """Serves one model folder until SIGTERM or SIGINT."""
    parser = argparse.ArgumentParser(
        prog="python -m blossom_data.train.handoff.server", description="Serve one model folder."
    )
    parser.add_argument("folder", type=Path)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--name", default="", help="what the model is called in replies; none: its folder's name")
    options = parser.parse_args(arguments)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.pthread_sigmask(signal.SIG_BLOCK, [number])
    try:
        is_ours = "template" in (read_manifest(options.folder) or {})
        talker = Talker.open(options.folder, template="" if is_ours else OWN)
    except BlossomError as why:
        sys.stderr.write(f"cannot serve {options.folder}: {why}; {why.hint}\n")
        return 1
    server = ThreadingHTTPServer(
        ("127.0.0.1", options.port), _handler(Completions(talker, options.name or options.folder.name))
    )
    threading.Thread(target=server.serve_forever, daemon=True).start()
    sys.stderr.write(f"serving {options.folder} at port {options.port}\n")
    signal.sigwait([signal.SIGTERM, signal.SIGINT])
    server.shutdown()
    return 0


class BadRequest(Exception):
    """A request that cannot be answered, and why."""


class Completions:
    """A talker as an endpoint: one request, one body."""

    def __init__(self, talker: Talker, name: str) -> None:
        self.name, self._talker, self._turn = name, talker, threading.Lock()

    def answer(self, body: Any) -> dict[str, Any]:
        """The completion that the request `body` asks for.

        Raises:
            BadRequest: it asks for what there is not, or its chat cannot be written.
        """
        messages = _messages(body)
        sampling = Sampling(
            temperature=float(body.get("temperature") or 0.0),
            top_p=float(body.get("top_p") or 1.0),
            max_tokens=int(body.get("max_completion_tokens") or body.get("max_tokens") or _MOST_TOKENS),
            seed=int(body.get("seed") or 0),
        )
        with self._turn:
            try:
                text = "".join(self._talker.reply(messages, sampling))
            except BlossomError as why:
                raise BadRequest(str(why)) from why
            finish_reason, (sent, said) = self._talker.finish_reason, self._talker.usage
        choice = {"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": finish_reason}
        usage = {"prompt_tokens": sent, "completion_tokens": said, "total_tokens": sent + said}
        return {"object": "chat.completion", "model": self.name, "choices": [choice], "usage": usage}


def _messages(body: Any) -> list[Message]:
    turns = body.get("messages") if isinstance(body, dict) else None
    if not isinstance(turns, list) or not turns:
        raise BadRequest("messages is no list of turns")
    if body.get("response_format"):
        raise BadRequest("response_format is not supported")
    if body.get("stream"):
        raise BadRequest("stream is not supported")
    read = []
    for turn in turns:
        if not isinstance(turn, dict) or turn.get("role") not in ROLES or not isinstance(turn.get("content"), str):
            raise BadRequest("a turn has a role and a text as content")
        read.append(Message(turn["role"], turn["content"]))
    return read


def _handler(completions: Completions) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        """/health, /v1/models and /v1/chat/completions."""

        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            if self.path == "/health":
                self._send(HTTPStatus.OK, {"status": "ok"})
            elif self.path.endswith("/models"):
                self._send(HTTPStatus.OK, {"object": "list", "data": [{"id": completions.name, "object": "model"}]})
            else:
                self._refuse(HTTPStatus.NOT_FOUND, "no such route")

        def do_POST(self) -> None:
            size = int(self.headers.get("Content-Length") or 0)
            if not self.path.endswith("/chat/completions") or not 0 < size <= _MOST_BODY_BYTES:
                self.close_connection = True
                self._refuse(HTTPStatus.NOT_FOUND, "no such route, or a body of no or too large a size")
                return
            try:
                self._send(HTTPStatus.OK, completions.answer(orjson.loads(self.rfile.read(size))))
            except (BadRequest, ValueError, TypeError) as why:
                self._refuse(HTTPStatus.BAD_REQUEST, str(why))

        def _refuse(self, status: HTTPStatus, why: str) -> None:
            self._send(status, {"error": {"message": why, "type": "invalid_request_error"}})

        def _send(self, status: HTTPStatus, body: dict[str, Any]) -> None:
            data = orjson.dumps(body)
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, format: str, *arguments: Any) -> None:
            """Nothing: requests hold data."""

    return Handler


if __name__ == "__main__":
    sys.exit(main())

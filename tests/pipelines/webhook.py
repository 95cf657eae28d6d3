"""A webhook on loopback, real HTTP.

with Hook(503, 204) as hook:
    ...                                  # posts to hook.url; the first one is refused
    assert len(hook.told) == 2
"""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any


class Hook:
    """Keeps what it is told, and answers with one status after another, then always with the last one."""

    def __init__(self, *statuses: int) -> None:
        self.told: list[dict[str, Any]] = []
        hook, left = self, list(statuses or (204,))

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                hook.told.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
                self.send_response(left.pop(0) if len(left) > 1 else left[0])
                self.send_header("Location", "http://127.0.0.1:9/")
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *arguments: object) -> None:
                """Nothing is printed."""

        self._server = HTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}/T0/SECRET-PATH"

    def __enter__(self) -> Hook:
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

"""A hub on loopback that serves model folders: as much of it as the real client's snapshot_download takes.

with ModelHub({"Qwen/Qwen2.5-0.5B": Path("work/base")}) as hub: ...      hub.url; hub.commits[...]; hub.asked
"""

from __future__ import annotations

import hashlib
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Self


class ModelHub:
    """Models by id; a model's commit is the hash of its files, so a changed file is a new one."""

    def __init__(self, models: dict[str, Path]) -> None:
        self.models = models
        self.asked: list[str] = []
        """The files that were fetched."""
        hub = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *arguments: Any) -> None:
                pass

            def do_GET(self) -> None:
                hub.answer(self)

            do_HEAD = do_GET

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    def environment(self, cache: Path) -> dict[str, str]:
        """What makes a process know this hub alone."""
        names = ("HF_HUB_DISABLE_TELEMETRY", "HF_HUB_DISABLE_XET")
        return {"HF_ENDPOINT": self.url, "HF_HOME": str(cache), **dict.fromkeys(names, "1")}

    def commit(self, name: str) -> str:
        """The commit that the main branch of a model is at."""
        files = sorted(path for path in self.models[name].iterdir() if path.is_file())
        return hashlib.sha1(b"".join(path.name.encode() + path.read_bytes() for path in files)).hexdigest()

    def answer(self, request: BaseHTTPRequestHandler) -> None:
        """Answers one request."""
        path = request.path.partition("?")[0].lstrip("/")
        name = next((name for name in self.models if f"{name}/" in f"{path.removeprefix('api/models/')}/"), None)
        if name is None:
            send(request, 404, b"", {"X-Error-Code": "RepoNotFound"})
            return
        commit, rest = self.commit(name), path.removeprefix("api/models/").removeprefix(name).strip("/").split("/")
        files = {file.name: file for file in sorted(self.models[name].iterdir()) if file.is_file()}
        if len(rest) > 1 and rest[1] not in ("main", commit):
            send(request, 404, b"", {"X-Error-Code": "RevisionNotFound"})
        elif rest[0] == "tree":
            tree = [{"type": "file", "path": one, "size": files[one].stat().st_size, "oid": one} for one in files]
            send(request, 200, json.dumps(tree).encode(), {"Content-Type": "application/json"})
        elif rest[0] == "resolve" and rest[2] in files:
            data = files[rest[2]].read_bytes()
            if request.command == "GET":
                self.asked.append(rest[2])
            send(request, 200, data, {"ETag": f'"{hashlib.sha256(data).hexdigest()}"', "X-Repo-Commit": commit})
        elif rest[0] == "resolve":
            send(request, 404, b"", {"X-Error-Code": "EntryNotFound"})
        else:
            about = {"id": name, "sha": commit, "siblings": [{"rfilename": one} for one in files]}
            send(request, 200, json.dumps(about).encode(), {"Content-Type": "application/json"})


def send(request: BaseHTTPRequestHandler, status: int, body: bytes, headers: dict[str, str]) -> None:
    """Sends a reply; its body only where it was asked for."""
    request.send_response(status)
    for name, value in {**headers, "Content-Length": str(len(body))}.items():
        request.send_header(name, value)
    request.end_headers()
    if request.command != "HEAD":
        request.wfile.write(body)

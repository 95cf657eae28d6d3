"""`blossom-data view` as a user starts it, and the sets that its tests look at."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterable
from http.client import HTTPConnection, HTTPMessage
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlencode, urlsplit

from command import clean_environment

from blossom_data.shards import DatasetWriter


class ViewServer:
    """The server in a process of its own; a context manager."""

    def __init__(self, *arguments: object, cwd: Path, env: dict[str, str] | None = None) -> None:
        command = [sys.executable, "-m", "blossom_data", "view", *map(str, arguments), "--no-open", "--json", "-q"]
        environment = {**clean_environment(), **(env or {})}
        self._process = subprocess.Popen(
            command, cwd=cwd, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line.startswith('{"url"'):
            self._process.wait()
            assert self._process.stderr is not None
            raise AssertionError(line + self._process.stderr.read())
        self.link = str(json.loads(line)["url"])
        self.host = urlsplit(self.link).netloc
        self.base = f"http://{self.host}"
        self.token = urlsplit(self.link).query.removeprefix("token=")
        status, headers, _ = self.ask("GET", f"/?token={self.token}", headers={})
        assert status == 303
        self.cookie = str(headers["Set-Cookie"]).partition(";")[0]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, why: BaseException | None, at: TracebackType | None) -> None:
        self._process.terminate()
        self._process.communicate(timeout=60)

    def ask(
        self, method: str, address: str, *, headers: dict[str, str] | None = None, body: bytes | str | None = None
    ) -> tuple[int, HTTPMessage, str]:
        """Status, headers and text of a request; with the cookie and the server's own origin where none are given."""
        connection = HTTPConnection(self.host, timeout=60)
        usual = {} if headers is not None else {"Cookie": self.cookie, "Origin": self.base}
        connection.request(method, address, body=body, headers={**usual, **(headers or {})})
        response = connection.getresponse()
        text = response.read().decode()
        connection.close()
        return response.status, response.headers, text

    def page(self, address: str, **query: object) -> str:
        """A page that must be there."""
        address += ("?" + urlencode(query, doseq=True)) if query else ""
        status, _, text = self.ask("GET", address)
        assert status == 200, (status, text)
        return text

    def post(self, address: str, form: dict[str, Any]) -> int:
        """The status of a form that is sent."""
        return self.ask("POST", address, body=urlencode(form, doseq=True))[0]


def talk(number: int, *, lang: str = "en", answer: str = "", **further: Any) -> dict[str, Any]:
    """A record."""
    asked = f"What is {number} plus {number}?" if lang == "en" else f"{number} 加 {number} 等于多少？"
    messages = [
        {"role": "user", "content": asked},
        {"role": "assistant", "content": answer or f"It is {2 * number}."},
    ]
    usual = {"source": "sums", "source_id": f"row-{number}", "lang": lang, "gold": str(2 * number), "tags": []}
    return {"id": f"{number:032x}", **usual, "messages": messages, "lineage": [], **further}


def rejected(record: dict[str, Any], stage: str, code: str, **further: Any) -> dict[str, Any]:
    """A reject as a run stores it."""
    usual = {"detail": "seen", "file": "", "line": 0, "reply": "a reply", "history": ["try 0: bad"], "failed": False}
    return {"id": record["id"], "stage": stage, "code": code, **usual, "record": record, **further}


def write_set(folder: Path, kept: Iterable[dict[str, Any]], rejects: Iterable[dict[str, Any]] = ()) -> Path:
    """A finished data set."""
    with DatasetWriter(folder, shard_records=100) as writer:
        number = -1
        for number, row in enumerate(kept):
            writer.write(number, kept=[json.dumps(row).encode() + b"\n"])
        for place, row in enumerate(rejects, number + 1):
            writer.write(place, rejects=[json.dumps(row).encode() + b"\n"])
        counts = {"read": 0, "added": 0, "kept": number + 1, "skipped": 0, "rejected": {}, "failed": {}}
        writer.finish({"blossom_data": "0", "stage": "pull", **counts})
    return folder

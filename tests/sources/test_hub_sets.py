"""Hub data sets by id, over real HTTP from a small hub on loopback, in a process of its own as HF_ENDPOINT asks."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from blossom_data.sources.hub import is_hub_id

pytestmark = pytest.mark.slow

pytest.importorskip("datasets")

COMMIT = "a" * 40
CARD = b"""---
license: mit
configs:
- config_name: main
  data_files: [{split: train, path: train.jsonl}, {split: test, path: test.jsonl}]
---
"""
TRAIN = b"".join(b'{"question": "Q%d?", "answer": "SECRET OUTPUT\\n#### %d"}\n' % (n, n) for n in range(50))
FILES = {"README.md": CARD, "train.jsonl": TRAIN, "test.jsonl": TRAIN[:120].rpartition(b"\n")[0]}

SCRIPT = """
import json, sys
from blossom_data.errors import BlossomError
from blossom_data.pull import pull
for path, settings in json.loads(sys.argv[1]):
    try:
        pulled = pull("gsm8k", path, **settings)
        lines = [item.to_line().decode() for item in pulled]
        origin = pulled.origin
        print(json.dumps([len(lines), origin.path, origin.revision, origin.licence, "".join(lines)]))
    except BlossomError as why:
        print(json.dumps([type(why).__name__, str(why), why.hint]))
"""


class Hub(BaseHTTPRequestHandler):
    """As much of a hub as streaming a public data set `org/name` takes."""

    protocol_version = "HTTP/1.1"

    def log_message(self, *arguments: Any) -> None:
        pass

    def do_GET(self) -> None:
        path = self.path.partition("?")[0]
        if path.startswith("/api/datasets/org/name/tree/"):
            self.reply([{"type": "file", "oid": name, "size": len(data), "path": name} for name, data in FILES.items()])
        elif path.startswith("/api/datasets/org/name"):
            siblings = [{"rfilename": name} for name in FILES]
            self.reply({"id": "org/name", "sha": COMMIT, "cardData": {"license": "mit"}, "siblings": siblings})
        elif path.startswith(f"/datasets/org/name/resolve/{COMMIT}/") and path.rpartition("/")[2] in FILES:
            self.reply_file(FILES[path.rpartition("/")[2]])
        else:
            code = "EntryNotFound" if "/resolve/" in path else "RepoNotFound"
            self.send(404, b"", {"X-Error-Code": code})

    do_HEAD = do_GET

    def reply(self, value: object) -> None:
        self.send(200, json.dumps(value).encode(), {"Content-Type": "application/json"})

    def reply_file(self, data: bytes) -> None:
        headers = {"ETag": f'"{len(data)}"', "X-Repo-Commit": COMMIT, "Accept-Ranges": "bytes"}
        if wanted := self.headers.get("Range"):
            first, _, last = wanted.removeprefix("bytes=").partition("-")
            end = min(int(last or len(data)), len(data) - 1) + 1
            headers["Content-Range"] = f"bytes {first}-{end - 1}/{len(data)}"
            self.send(206, data[int(first) : end], headers)
        else:
            self.send(200, data, headers)

    def send(self, status: int, body: bytes, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in {**headers, "Content-Length": str(len(body))}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)


@pytest.fixture
def hub() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Hub) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()


def pulls(folder: Path, endpoint: str, *wanted: tuple[str, dict[str, Any]]) -> list[Any]:
    """What `pull` gives for each of the paths, in a fresh process that knows only this hub."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("HF_")}
    environment |= {"HF_ENDPOINT": endpoint, "HF_HOME": str(folder), "HF_HUB_DISABLE_TELEMETRY": "1"}
    command = [sys.executable, "-c", SCRIPT, json.dumps(wanted)]
    done = subprocess.run(command, env=environment, cwd=folder, capture_output=True, text=True, timeout=100)
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_a_data_set_is_streamed_at_a_pinned_revision_with_its_licence(tmp_path: Path, hub: str) -> None:
    train, test, refused, unknown_subset, unknown_set = pulls(
        tmp_path,
        hub,
        ("org/name", {}),
        ("hf:org/name", {"split": "test", "subset": "main", "revision": "v1", "allow_eval": True}),
        ("org/name", {"split": "test"}),
        ("org/name", {"subset": "nope"}),
        ("hf:org/other", {}),
    )
    assert train[:4] == [50, "org/name", COMMIT, "mit"]
    assert "Q49?" in train[4] and "SECRET OUTPUT" not in train[4]
    assert test[0] == 2
    assert refused[0] == "InputError" and "test set of gsm8k" in refused[1] and "--allow-eval" in refused[2]
    assert unknown_subset[0] == "InputError" and "main" in unknown_subset[1]
    assert unknown_set[0] == "InputError" and "org/other" in unknown_set[1]


def test_a_hub_that_cannot_be_reached_is_one_line(tmp_path: Path) -> None:
    ((kind, message, hint),) = pulls(tmp_path, "http://127.0.0.1:9", ("org/name", {}))
    assert kind == "InputError"
    assert "cannot read org/name from the hub" in message and "\n" not in message
    assert "HF_ENDPOINT" in hint


@pytest.mark.parametrize(
    ("path", "is_id"),
    [
        ("openai/gsm8k", True),
        ("hf:x/y", True),
        ("gsm8k", False),
        ("a/b/c", False),
        ("./a/b", False),
        ("/a/b", False),
        ("~/b", False),
        ("data/x.jsonl", False),
        ("-", False),
        ("here/not-yet", False),
    ],
)
def test_what_counts_as_a_hub_id(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, path: str, is_id: bool) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "here").mkdir()
    assert is_hub_id(path) is is_id

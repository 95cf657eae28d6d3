"""A hub on loopback: the part of the hub's protocol that a push needs, for the real huggingface_hub client.

    with LoopbackHub() as hub:
        hub.make("org/math")
        blossom("publish", ..., "--push", "org/math", env=hub.environment)
        hub.repos["org/math"].files("main")    -> {"README.md": b"...", "part-00000.parquet": b"..."}

Refs, tree, paths-info, preupload (Parquet and Zstandard go through LFS), LFS batch, upload and verify, validate-yaml,
commit (with parentCommit: 412 where it is not the head), tag (409 where it exists). It checks the token like the hub.
"""

from __future__ import annotations

import base64
import hashlib
import json
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self
from urllib.parse import parse_qs, unquote, urlsplit

TOKEN = "hf_CANARYtokenCANARYtoken"  # only this server takes it


@dataclass
class Commit:
    """One commit: its files whole, as git would show them."""

    oid: str
    parent: str
    title: str
    tree: dict[str, bytes]


@dataclass
class Repo:
    """One repository."""

    commits: dict[str, Commit] = field(default_factory=dict)
    branches: dict[str, str] = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)
    private: bool = False

    def commit(self, title: str, tree: dict[str, bytes], branch: str = "main") -> str:
        parent = self.branches.get(branch, "")
        identity = json.dumps([title, parent, len(self.commits), sorted(tree)])
        oid = hashlib.sha1(identity.encode()).hexdigest()
        self.commits[oid] = Commit(oid, parent, title, tree)
        self.branches[branch] = oid
        return oid

    def at(self, revision: str) -> Commit | None:
        return self.commits.get(self.branches.get(revision) or self.tags.get(revision) or revision)

    def files(self, revision: str) -> dict[str, bytes]:
        commit = self.at(revision)
        assert commit is not None
        return commit.tree


class Refused(Exception):
    """Answered with this status instead."""

    def __init__(self, status: int, message: str, code: str = "") -> None:
        super().__init__(message)
        self.status, self.message, self.code = status, message, code


class LoopbackHub:
    """The server; `faults` maps "METHOD kind" (commit, tag, preupload ...) to statuses that are used up one by one."""

    def __init__(self) -> None:
        self.repos: dict[str, Repo] = {}
        self.blobs: dict[str, bytes] = {}
        self.requests: list[str] = []
        self.faults: dict[str, list[int]] = {}
        self.before_commit: Callable[[Repo], None] = lambda repo: None
        self.lock = threading.Lock()
        hub = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def handle_one(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                try:
                    with hub.lock:
                        value = hub.answer(self.command, self.path, body, self.headers.get("Authorization") or "")
                    self.give(200, value)
                except Refused as why:
                    self.give(why.status, {"error": why.message}, why.code)

            def give(self, status: int, value: Any, code: str = "") -> None:
                data = json.dumps(value).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(data)))
                if code:
                    self.send_header("X-Error-Code", code)
                self.end_headers()
                self.wfile.write(data)

            do_GET = do_POST = do_PUT = handle_one

            def log_message(self, format: str, *args: Any) -> None:
                """Nothing is printed."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        return self

    def __exit__(self, *problem: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    @property
    def environment(self) -> dict[str, str]:
        """What points the client here."""
        return {"HF_ENDPOINT": self.url, "HF_TOKEN": TOKEN, "HF_HUB_DISABLE_XET": "1", "HF_HUB_DISABLE_TELEMETRY": "1"}

    def make(self, name: str, files: dict[str, bytes] | None = None) -> Repo:
        """A repository with a first commit, as the hub makes them."""
        self.repos[name] = Repo()
        self.repos[name].commit("initial commit", {".gitattributes": b"*.parquet filter=lfs\n", **(files or {})})
        return self.repos[name]

    def answer(self, method: str, target: str, body: bytes, authorization: str) -> Any:
        """The JSON value that a request gets."""
        path = urlsplit(target).path
        if method == "PUT":
            return self._store(path, body)
        if authorization != f"Bearer {TOKEN}":
            raise Refused(401, f"Invalid user token: {authorization}")
        parts = [unquote(part) for part in path.strip("/").split("/")]
        if parts == ["api", "validate-yaml"]:
            self.requests.append("POST validate-yaml")
            return {"warnings": [], "errors": []}
        if path.endswith(".git/info/lfs/objects/batch"):
            return self._batch(json.loads(body))
        if parts[0] == "verify":
            return {} if json.loads(body)["oid"] in self.blobs else self._refuse(404, "no such object")
        return self._api(method, parts, body, is_deep="recursive=true" in urlsplit(target).query.lower())

    def _api(self, method: str, parts: list[str], body: bytes, *, is_deep: bool) -> Any:
        if parts[1:] == ["repos", "create"]:
            return self._create(json.loads(body))
        name, rest = "/".join(parts[2:4]), parts[4:]
        kind = rest[0] if rest else "info"
        self.requests.append(f"{method} {kind}")
        self._fail(f"{method} {kind}")
        if (repo := self.repos.get(name)) is None:
            raise Refused(404, "Repository not found", "RepoNotFound")
        if kind == "refs":
            return {
                "branches": [_ref(f"refs/heads/{ref}", ref, oid) for ref, oid in repo.branches.items()],
                "tags": [_ref(f"refs/tags/{ref}", ref, oid) for ref, oid in repo.tags.items()],
                "converts": [],
            }
        if kind == "commit":
            oid = self._commit(repo, rest[1], body)
            return {"success": True, "commitOid": oid, "commitUrl": f"{self.url}/datasets/{name}/commit/{oid}"}
        revision = rest[1] if len(rest) > 1 else "main"
        kind = "info" if kind == "revision" else kind
        if (commit := repo.at(revision)) is None:
            raise Refused(404, f"Invalid rev id: {revision}", "RevisionNotFound")
        if kind == "tree":
            return [self._file(path, data) for path, data in commit.tree.items() if is_deep or "/" not in path]
        if kind == "paths-info":
            wanted = parse_qs(body.decode())["paths"]
            return [self._file(path, data) for path, data in commit.tree.items() if path in wanted]
        if kind == "preupload":
            return {"files": [self._mode(commit, file["path"]) for file in json.loads(body)["files"]]}
        if kind == "tag":
            return self._tag(repo, commit, json.loads(body)["tag"])
        told = {"id": name, "sha": commit.oid, "private": repo.private}
        return {**told, "siblings": [{"rfilename": path} for path in commit.tree]}

    def _fail(self, request: str) -> None:
        if self.faults.get(request):
            # A server that echoes the header back, as some proxies do.
            raise Refused(self.faults[request].pop(0), f"fault on request (Authorization: Bearer {TOKEN})")

    def _create(self, asked: dict[str, Any]) -> Any:
        self.requests.append("POST create")
        self._fail("POST create")
        name = f"{asked['organization']}/{asked['name']}" if asked.get("organization") else asked["name"]
        if name in self.repos:
            raise Refused(409, "You already created this model repo")
        self.make(name).private = asked.get("visibility") == "private" or bool(asked.get("private"))
        return {"url": f"{self.url}/{name}"}

    def _commit(self, repo: Repo, branch: str, body: bytes) -> str:
        lines = [json.loads(line) for line in body.splitlines()]
        self.before_commit(repo)
        header = lines[0]["value"]
        head = repo.branches[branch]
        if header.get("parentCommit") not in (None, head):
            raise Refused(412, "A commit has happened since. Please refresh and try again.")
        tree = dict(repo.commits[head].tree)
        for line in lines[1:]:
            value = line["value"]
            if line["key"] == "deletedFile":
                if tree.pop(value["path"], None) is None:
                    raise Refused(404, "A file with this name doesn't exist", "EntryNotFound")
            elif line["key"] == "lfsFile":
                tree[value["path"]] = self.blobs[value["oid"]]
            else:
                tree[value["path"]] = base64.b64decode(value["content"])
        return repo.commit(header["summary"], tree, branch)

    def _tag(self, repo: Repo, commit: Commit, tag: str) -> Any:
        if tag in repo.tags:
            raise Refused(409, "Tag already exists")
        repo.tags[tag] = commit.oid
        return {}

    def _batch(self, request: dict[str, Any]) -> Any:
        self.requests.append("POST lfs-batch")
        objects = []
        for item in request["objects"]:
            actions = {"upload": {"href": f"{self.url}/put/{item['oid']}"}, "verify": {"href": f"{self.url}/verify"}}
            objects.append({**item, **({} if item["oid"] in self.blobs else {"actions": actions})})
        return {"transfer": "basic", "objects": objects}

    def _store(self, path: str, body: bytes) -> Any:
        self.requests.append("PUT lfs")
        if self.faults.get("PUT lfs"):
            raise Refused(self.faults["PUT lfs"].pop(0), "storage fault")
        oid = path.rpartition("/")[2]
        if hashlib.sha256(body).hexdigest() != oid:
            raise Refused(400, "the bytes are not those of the oid")
        self.blobs[oid] = body
        return {}

    def _mode(self, commit: Commit, path: str) -> dict[str, Any]:
        data = commit.tree.get(path)
        oid = None if data is None else _lfs_oid(data) if _is_lfs(path) else _git_oid(data)
        return {"path": path, "uploadMode": "lfs" if _is_lfs(path) else "regular", "shouldIgnore": False, "oid": oid}

    def _file(self, path: str, data: bytes) -> dict[str, Any]:
        lfs = {"oid": _lfs_oid(data), "size": len(data), "pointerSize": 130} if _is_lfs(path) else None
        return {"type": "file", "path": path, "size": len(data), "oid": _git_oid(data), **({"lfs": lfs} if lfs else {})}

    def _refuse(self, status: int, message: str) -> Any:
        raise Refused(status, message)


def _ref(ref: str, name: str, oid: str) -> dict[str, str]:
    return {"name": name, "ref": ref, "targetCommit": oid}


def _is_lfs(path: str) -> bool:
    return path.endswith((".parquet", ".zst", ".safetensors"))


def _lfs_oid(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _git_oid(data: bytes) -> str:
    return hashlib.sha1(b"blob %d\0" % len(data) + data).hexdigest()

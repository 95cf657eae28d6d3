"""The push of an exported model, against a hub on loopback: private, in one commit, and never over what is there."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from command import clean_environment
from loopback_hub import TOKEN, LoopbackHub, Repo

from blossom_data.train.model.folders import Building

pytest.importorskip("huggingface_hub")
pytestmark = pytest.mark.slow

REPO = "org/blossom"
PUSH = """
import json, sys
from dataclasses import asdict
from pathlib import Path
from blossom_data.errors import BlossomError
from blossom_data.train.handoff.push import push_model
try:
    print(json.dumps(asdict(push_model(Path("model"), "org/blossom", **json.loads(sys.argv[1])))))
except BlossomError as why:
    print(json.dumps({"error": str(why), "hint": why.hint, "code": why.exit_code, "kind": type(why).__name__}))
"""


@pytest.fixture
def hub() -> Iterator[LoopbackHub]:
    with LoopbackHub() as hub:
        yield hub


def export_as(place: Path, weights: bytes, **more: bytes) -> Path:
    """A model folder as `train export` leaves it."""
    with Building(place / "model") as building:
        for name, data in {"model.safetensors": weights, "config.json": b"{}", **more}.items():
            (building.folder / name).write_bytes(data)
        building.finish({"kind": "model", "base_model": "base"})
    return place / "model"


def push(place: Path, hub: LoopbackHub, **settings: Any) -> dict[str, Any]:
    environment = {**clean_environment(), **hub.environment, "HF_HOME": str(place / "hf")}
    done = subprocess.run(
        [sys.executable, "-c", PUSH, json.dumps(settings)], cwd=place, env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert TOKEN not in done.stdout + done.stderr
    told = json.loads(done.stdout)
    assert isinstance(told, dict)
    return told


def on_disk(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def of_the_model(repo: Repo) -> dict[str, bytes]:
    return {name: data for name, data in repo.files("main").items() if name != ".gitattributes"}


def test_a_model_arrives_whole_in_a_private_repository_and_the_same_push_again_changes_nothing(
    tmp_path: Path, hub: LoopbackHub
) -> None:
    folder = export_as(tmp_path, b"w" * 5000)
    told = push(tmp_path, hub)
    repo = hub.repos[REPO]
    assert told == {"repo": REPO, "commit": repo.branches["main"], "is_new": True, "is_private": True}
    assert repo.private
    assert of_the_model(repo) == on_disk(folder)
    assert hub.requests.index("PUT lfs") < hub.requests.index("POST commit")
    hub.requests.clear()
    assert push(tmp_path, hub)["is_new"] is False
    assert not [request for request in hub.requests if "commit" in request or "PUT" in request]


@pytest.mark.parametrize("old", ["old.safetensors", "onnx/model.onnx"])
def test_another_model_is_replaced_only_where_that_was_asked_for(tmp_path: Path, hub: LoopbackHub, old: str) -> None:
    repo = hub.make(REPO, {"README.md": b"# Mine", old: b"theirs"})
    folder = export_as(tmp_path, b"new")
    refused = push(tmp_path, hub)
    assert (refused["code"], old in refused["error"], "--replace" in refused["hint"]) == (2, True, True)
    assert len(repo.commits) == 1
    told = push(tmp_path, hub, replaces=True, is_private=True)
    # The repository was there: whether it is private is its owner's business.
    assert (told["is_new"], told["is_private"]) == (True, False)
    assert of_the_model(repo) == {"README.md": b"# Mine", **on_disk(folder)}


@pytest.mark.parametrize("where", ["POST create", "PUT lfs", "POST commit", "POST preupload"])
def test_a_push_that_breaks_anywhere_is_finished_by_the_next(tmp_path: Path, hub: LoopbackHub, where: str) -> None:
    folder = export_as(tmp_path, b"w" * 5000)
    hub.faults[where] = [403] * 8
    broken = push(tmp_path, hub)
    assert broken["code"] in (2, 4), broken
    hub.faults.clear()
    assert push(tmp_path, hub, is_private=False)["is_new"]
    assert of_the_model(hub.repos[REPO]) == on_disk(folder)
    assert hub.requests.count("PUT lfs") - (where == "PUT lfs") <= 1 + (where == "PUT lfs") * 8


def test_a_commit_by_somebody_else_in_between_is_a_conflict(tmp_path: Path, hub: LoopbackHub) -> None:
    repo = hub.make(REPO)
    export_as(tmp_path, b"w")

    def somebody(repo: Repo) -> None:
        hub.before_commit = lambda repo: None
        repo.commit("from elsewhere", {**repo.files("main"), "other.txt": b"theirs"})

    hub.before_commit = somebody
    refused = push(tmp_path, hub)
    assert (refused["code"], "has changed while the model was pushed" in refused["error"]) == (4, True)
    assert of_the_model(repo) == {"other.txt": b"theirs"}
    # What somebody else put there is now another file: it is not gone over without a word.
    assert push(tmp_path, hub)["code"] == 2


def test_what_cannot_be_pushed_is_told(tmp_path: Path, hub: LoopbackHub) -> None:
    assert "no whole exported model" in push(tmp_path, hub)["error"]
    folder = export_as(tmp_path, b"w")
    (folder / "model.safetensors").write_bytes(b"")
    assert "no whole exported model" in push(tmp_path, hub)["error"]
    assert hub.requests == []
    export_as(tmp_path, b"w")
    hub.faults["GET info"] = [401]
    wrong = push(tmp_path, hub)
    assert (wrong["code"], wrong["kind"]) == (2, "AuthError")

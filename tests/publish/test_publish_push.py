"""--push against a hub on loopback, through the real client: one commit, then a tag; idempotent; no token shown."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from command import Result
from datasets_made import make, record, whole
from forked import blossom
from loopback_hub import TOKEN, LoopbackHub, Repo

pytestmark = pytest.mark.slow

REPO = "org/math"


@pytest.fixture
def hub() -> Iterator[LoopbackHub]:
    with LoopbackHub() as hub:
        yield hub


def push(folder: Path, hub: LoopbackHub, *numbers: int, layout: str = "jsonl", **environment: str) -> Result:
    make(folder / "in", [record(number) for number in numbers])
    command = ("publish", "in", "-o", "data", "--name", "math", "--format", layout, "--push", REPO, "--json")
    done = blossom(*command, cwd=folder, env={**hub.environment, "HF_HOME": str(folder / "hf"), **environment})
    assert TOKEN not in done.out + done.err
    return done


def on_disk(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in (folder / "data/math/current/").iterdir()}


@pytest.mark.parametrize("layout", ["jsonl", "parquet"])
def test_a_version_arrives_in_one_commit_with_a_tag(tmp_path: Path, hub: LoopbackHub, layout: str) -> None:
    repo = hub.make(REPO, {"LICENSE": b"MIT", "part-00007.parquet": b"of an older version", "notes-1.txt": b"mine"})
    done = push(tmp_path, hub, 1, 2, 3, layout=layout)
    assert done.code == 0, done
    version = done.json["version"]
    assert done.json["push"] == {"repo": REPO, "tag": version, "commit": repo.branches["main"], "is_new": True}
    assert len(repo.commits) == 2
    assert repo.tags == {version: repo.branches["main"]}
    untouched = {".gitattributes": b"*.parquet filter=lfs\n", "LICENSE": b"MIT", "notes-1.txt": b"mine"}
    assert repo.files(version) == {**on_disk(tmp_path), **untouched}
    assert hub.requests.index("PUT lfs") < hub.requests.index("POST commit") < hub.requests.index("POST tag")


def test_the_same_push_again_changes_nothing(tmp_path: Path, hub: LoopbackHub) -> None:
    repo = hub.make(REPO)
    push(tmp_path, hub, 1, 2)
    commits, hub.requests = len(repo.commits), []
    again = push(tmp_path, hub, 1, 2)
    assert (again.code, again.json["is_new"], again.json["push"]["is_new"]) == (0, False, False)
    assert len(repo.commits) == commits
    assert hub.requests == ["GET refs", "POST paths-info"]
    assert push(tmp_path, hub, 1, 2, 3).json["push"]["is_new"]
    assert len(repo.tags) == 2


def test_a_commit_by_somebody_else_in_between_is_a_conflict_and_a_retry_goes_on_top(
    tmp_path: Path, hub: LoopbackHub
) -> None:
    repo = hub.make(REPO)

    def somebody(repo: Repo) -> None:
        hub.before_commit = lambda repo: None
        repo.commit("from elsewhere", {**repo.files("main"), "other.txt": b"theirs"})

    hub.before_commit = somebody
    refused = push(tmp_path, hub, 1)
    assert refused.code == 4
    assert "has changed while the version was pushed" in refused.json["error"]["message"]
    assert set(repo.files("main")) == {".gitattributes", "other.txt"}
    assert repo.tags == {}
    assert whole(tmp_path / "data/math") == [record(1)]
    done = push(tmp_path, hub, 1)
    assert (done.code, done.json["is_new"]) == (0, False)
    assert repo.files("main")["other.txt"] == b"theirs"
    assert len(repo.tags) == 1


@pytest.mark.parametrize("where", ["POST tag", "POST commit", "PUT lfs", "GET refs"])
def test_a_push_that_breaks_anywhere_is_finished_by_the_next(tmp_path: Path, hub: LoopbackHub, where: str) -> None:
    repo = hub.make(REPO)
    hub.faults[where] = [403] if where == "PUT lfs" else [500]
    broken = push(tmp_path, hub, 1, 2)
    assert broken.code in (2, 4), broken
    assert repo.tags == {}
    done = push(tmp_path, hub, 1, 2)
    assert done.code == 0, done
    assert len(repo.commits) == 2
    assert {
        name: data for name, data in repo.files(done.json["version"]).items() if name != ".gitattributes"
    } == on_disk(tmp_path)


def test_a_tag_that_holds_something_else_is_not_taken_for_the_version(tmp_path: Path, hub: LoopbackHub) -> None:
    repo = hub.make(REPO)
    version = push(tmp_path, hub, 1).json["version"]
    repo.tags[version] = repo.commit("changed", {**repo.files("main"), "manifest.json": b"{}"})
    refused = push(tmp_path, hub, 1)
    assert refused.code == 2
    assert "with another manifest" in refused.json["error"]["message"]


def test_refusals_say_what_to_do_and_never_show_the_token(tmp_path: Path, hub: LoopbackHub) -> None:
    missing = push(tmp_path, hub, 1)
    assert (missing.code, "hf repo create" in missing.json["error"]["hint"]) == (2, True)
    hub.make(REPO)
    wrong = push(tmp_path, hub, 1, HF_TOKEN=f"{TOKEN}X")
    assert (wrong.code, wrong.json["error"]["kind"]) == (2, "AuthError")
    hub.faults["POST commit"] = [403]
    assert push(tmp_path, hub, 1).code == 2
    found = [path for path in (tmp_path / "data").rglob("*") if path.is_file() and TOKEN.encode() in path.read_bytes()]
    assert found == []


def test_offline_and_bad_ids_are_told_before_anything_is_published(tmp_path: Path, hub: LoopbackHub) -> None:
    offline = push(tmp_path, hub, 1, HF_HUB_OFFLINE="1")
    assert (offline.code, "HF_HUB_OFFLINE" in offline.json["error"]["message"]) == (2, True)
    for repo in ("math", "../x/y", "a/b/c", "org/ma th", "https://x/y", "org/.."):
        done = blossom("publish", "in", "-o", "data", "--name", "math", "--push", repo, cwd=tmp_path)
        assert done.code == 2, repo
    assert not (tmp_path / "data").exists()
    assert hub.requests == []


def test_a_hub_that_cannot_be_reached_leaves_the_version_published(tmp_path: Path, hub: LoopbackHub) -> None:
    done = push(tmp_path, hub, 1, HF_ENDPOINT="http://127.0.0.1:9")
    assert done.code == 4
    assert "run the same command again" in done.json["error"]["hint"]
    assert whole(tmp_path / "data/math") == [record(1)]

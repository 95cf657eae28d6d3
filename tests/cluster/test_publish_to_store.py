"""Publishing to a real S3-speaking server: two at once, killed at every step, retention, and what is sent again."""

from __future__ import annotations

import json
import signal
import sys
from pathlib import Path

import pytest
from s3_server import S3Server, lost_answer, refused

sys.path.append(str(Path(__file__).parents[1] / "publish"))

from datasets_made import make, record
from forked import blossom

from blossom_data.errors import AuthError, ConfigError, Locked
from blossom_data.object_store import ObjectPath, path_of, paths
from blossom_data.publish.published import Published
from blossom_data.publish.reading import Part
from blossom_data.publish.remote import versions as remote
from blossom_data.publish.retention import collect
from blossom_data.publish.steps import CLEANING, IN_STORE
from blossom_data.publish.versions import publish
from blossom_data.records import Record
from blossom_data.rows import read_records

ROOT = "s3://bucket/data"
OLD = [record(number) for number in range(50)]
NEW = [record(number) for number in range(60)]
SWITCHED = IN_STORE.index("swapped")


def put_out(folder: Path, records: list[Record], **further: object) -> Published:
    part = folder if (folder / "manifest.json").exists() else make(folder, records)
    arguments = {"layout": "jsonl", "shard_records": 20, **further}
    return publish([Part(part)], root=path_of(ROOT), name="math", **arguments)  # type: ignore[arg-type]


def seen_by_a_reader() -> list[Record]:
    """What a process that begins now reads behind `current`."""
    paths._links.clear()
    return [each for each in read_records(f"{ROOT}/math/current") if isinstance(each, Record)]


def run(folder: Path, fail_at: str = "", dataset: str = "new") -> int:
    command = ("publish", dataset, "-o", ROOT, "--name", "math", "--format", "jsonl")
    return blossom(*command, cwd=folder, env={"BLOSSOM_FAIL_AT": fail_at}).code


def test_a_version_in_the_store_has_the_bytes_of_one_in_a_folder(tmp_path: Path, s3: S3Server) -> None:
    there = put_out(tmp_path / "old", OLD)
    here = publish([Part(tmp_path / "old")], root=tmp_path / "data", name="math", layout="jsonl", shard_records=20)
    assert there.version[-8:] == here.version[-8:]
    files = {entry.name: entry.read_bytes() for entry in here.path.iterdir()}
    stored = {key.rpartition("/")[2]: s3.get(key) for key in s3.keys(f"data/math/{there.version}/")}
    renamed = {name: data.replace(here.version.encode(), there.version.encode()) for name, data in files.items()}
    assert {name: data for name, data in stored.items() if name.startswith("part-")} == {
        name: data for name, data in renamed.items() if name.startswith("part-")
    }
    assert stored.keys() == files.keys()
    state = json.loads(s3.get("data/math/current"))
    assert (state["version"], state["deleting"], state["pins"]) == (there.version, [], [])
    assert seen_by_a_reader() == OLD


def test_the_same_content_makes_no_version_and_an_older_one_comes_back(tmp_path: Path, s3: S3Server) -> None:
    first, second = put_out(tmp_path / "old", OLD), put_out(tmp_path / "new", NEW)
    s3.requests.clear()
    again = put_out(tmp_path / "new", NEW)
    assert (again.is_new, again.version, again.previous) == (False, second.version, second.version)
    assert s3.sent("PUT") == []
    back = publish([Part(path_of(first.path))], root=path_of(ROOT), name="math", layout="jsonl")
    assert (back.is_new, back.version, back.previous) == (False, first.version, second.version)
    assert s3.sent("PUT") == ["data/math/current"]
    assert seen_by_a_reader() == OLD


@pytest.mark.parametrize("step", IN_STORE)
def test_killed_at_any_step_a_reader_sees_the_old_version_or_the_new_one(
    tmp_path: Path, s3: S3Server, step: str
) -> None:
    put_out(tmp_path / "old", OLD)
    make(tmp_path / "new", NEW)
    assert run(tmp_path, step) == -signal.SIGKILL
    assert seen_by_a_reader() == (NEW if IN_STORE.index(step) >= SWITCHED else OLD)
    before = set(s3.keys("data/math/2"))
    s3.requests.clear()
    assert run(tmp_path) == 0
    assert seen_by_a_reader() == NEW
    sent = {key for key in s3.sent("PUT") if not key.endswith("/current")}
    assert sent == set(s3.keys("data/math/2")) - before  # nothing that was there was sent again
    assert len({key.split("/")[2] for key in s3.keys("data/math/2")}) == 2


def test_of_two_at_once_one_wins_and_the_other_is_told(
    tmp_path: Path, s3: S3Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    put_out(tmp_path / "old", OLD)
    theirs = [record(number) for number in range(70)]
    make(tmp_path / "theirs", theirs)
    real = remote.survey

    def overtaken(*arguments: object) -> object:
        monkeypatch.setattr(remote, "survey", real)
        assert run(tmp_path, dataset="theirs") == 0
        return real(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(remote, "survey", overtaken)
    with pytest.raises(Locked, match="somebody else published"):
        put_out(tmp_path / "new", NEW)
    assert seen_by_a_reader() == theirs
    s3.requests.clear()
    done = put_out(tmp_path / "new", NEW)
    assert not done.is_new  # it was whole already, and only had to be named
    assert s3.sent("PUT") == ["data/math/current"]
    assert seen_by_a_reader() == NEW


def test_what_another_publisher_left_under_the_name_is_never_replaced(tmp_path: Path, s3: S3Server) -> None:
    make(tmp_path / "new", NEW)
    assert run(tmp_path, "stored") == -signal.SIGKILL
    [shard] = s3.keys("data/math/2")
    s3.put(shard, b"other bytes")
    done = put_out(tmp_path / "new", NEW)
    assert not shard.startswith(f"data/math/{done.version}/")
    assert s3.get(shard) == b"other bytes"
    assert seen_by_a_reader() == NEW


def test_a_lost_answer_to_a_write_is_no_conflict(tmp_path: Path, s3: S3Server) -> None:
    s3.faults += [lost_answer("/manifest.json"), lost_answer("/current")]
    assert put_out(tmp_path / "old", OLD).is_new
    assert seen_by_a_reader() == OLD


def versions() -> list[str]:
    return remote.version_names(ObjectPath("s3:", "bucket", "data", "math"))


def test_gc_keeps_what_is_pinned_current_and_newest(tmp_path: Path, s3: S3Server) -> None:
    made = [put_out(tmp_path / f"set{n}", [record(k) for k in range(50 + n)]).version for n in range(4)]
    folder = path_of(f"{ROOT}/math")
    kept = collect(folder, keep=2, grace_h=24)
    assert (kept.deleted, len(kept.kept)) == ((), 4)
    assert collect(folder, keep=2, grace_h=0, is_dry_run=True).deleted == tuple(made[:2])
    assert versions() == made
    done = collect(folder, keep=2, grace_h=0, pin=[made[0]])
    assert (done.deleted, done.kept[made[0]]) == ((made[1],), "pinned")
    assert versions() == [made[0], *made[2:]]
    assert collect(folder, keep=0, grace_h=0, unpin=[made[0]]).deleted == (made[0], made[2])
    assert versions() == [made[3]]
    with pytest.raises(ConfigError, match="no version"):
        collect(folder, pin=["2026-01-01T000000Z-00000000"])


@pytest.mark.parametrize("step", CLEANING)
def test_a_gc_that_is_killed_is_finished_by_the_next(tmp_path: Path, s3: S3Server, step: str) -> None:
    put_out(tmp_path / "old", OLD)
    new = put_out(tmp_path / "new", NEW)
    command = ("gc", f"{ROOT}/math", "--keep", "1", "--grace-h", "0")
    assert blossom(*command, cwd=tmp_path, env={"BLOSSOM_FAIL_AT": step}).code == -signal.SIGKILL
    assert seen_by_a_reader() == NEW
    back = put_out(tmp_path / "old", OLD)  # a version that is about to go is none to go back to
    assert back.is_new
    assert seen_by_a_reader() == OLD
    assert blossom(*command, cwd=tmp_path).code == 0
    assert {key.split("/")[2] for key in s3.keys("data/math/2")} <= {back.version, new.version}


def test_a_publish_that_counted_on_a_version_is_told_when_gc_takes_it(
    tmp_path: Path, s3: S3Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    put_out(tmp_path / "old", OLD)
    put_out(tmp_path / "new", NEW)
    real = remote.is_whole

    def overtaken(*arguments: object) -> bool:
        found = real(*arguments)  # type: ignore[arg-type]
        monkeypatch.setattr(remote, "is_whole", real)
        collect(path_of(f"{ROOT}/math"), keep=1, grace_h=0)
        return found

    monkeypatch.setattr(remote, "is_whole", overtaken)
    with pytest.raises(Locked):
        put_out(tmp_path / "old", OLD)
    assert seen_by_a_reader() == NEW


def test_a_store_that_refuses_to_be_written_is_told_and_nothing_is_switched(tmp_path: Path, s3: S3Server) -> None:
    put_out(tmp_path / "old", OLD)
    s3.faults.append(refused("403 Forbidden", "AccessDenied", "PUT"))
    with pytest.raises(AuthError, match="AccessDenied"):
        put_out(tmp_path / "new", NEW)
    assert seen_by_a_reader() == OLD


def test_diff_push_and_status_of_what_lies_in_the_store(tmp_path: Path, s3: S3Server) -> None:
    first = put_out(tmp_path / "old", OLD)
    put_out(tmp_path / "new", NEW)
    found = blossom("diff", str(first.path), f"{ROOT}/math", "--json", cwd=tmp_path).json
    assert (found["added"], found["removed"], found["same"]) == (10, 0, 50)
    refusal = blossom("publish", "new", "-o", ROOT, "--name", "math", "--push", "org/math", cwd=tmp_path)
    assert (refusal.code, "local folder" in refusal.err) == (2, True)
    state = blossom("status", f"{ROOT}/math", "--json", cwd=tmp_path).json
    assert [version["is_current"] for version in state["datasets"][0]["versions"]] == [False, True]

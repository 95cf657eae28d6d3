"""What an unfinished run has settled is passed over, and only what it concerns is worked on again."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from command import values

from blossom_data.asks import Stage, Steps
from blossom_data.engine import Work
from blossom_data.errors import BlossomError
from blossom_data.executors.job import Job
from blossom_data.executors.local import run_job
from blossom_data.records import Message, Record, Reject
from blossom_data.shards import DatasetWriter


@dataclass
class Shout:
    """Upper case; rejects texts that hold `no`, breaks at `break_at`; counts how often it ran."""

    mark: str = "!"
    break_at: str = ""
    name: str = "shout"
    version: int = 1

    def run(self, record: Record) -> Steps:
        yield from ()
        RUNS.append(record.id)
        text = record.messages[0].content
        if self.break_at and text == self.break_at:
            raise BlossomError("stopped here")
        if "no" in text:
            raise Reject("refused_word", "it says no")
        return replace(record, messages=(Message("user", text.upper() + self.mark),))

    def __repr__(self) -> str:
        return f"Shout({self.mark})"


RUNS: list[str] = []


def records(number: int, *, changed: int | None = None) -> list[Record]:
    def text(n: int) -> str:
        return f"changed {n}" if n == changed else f"no {n}" if n % 7 == 3 else f"text {n}"

    return [Record(id=f"r{n}", source="s", lang="en", messages=(Message("user", text(n)),)) for n in range(number)]


def run(out: Path, rows: Sequence[Record], stage: Stage) -> dict[str, Any]:
    stages = [stage]
    work: list[Work] = [(row, stages) for row in rows]
    RUNS.clear()
    return run_job(Job(label="shout", work=work, stages=("shout",), out=out, shard_records=10))


def manifest(out: Path) -> dict[str, Any]:
    value = json.loads((out / "manifest.json").read_text())
    assert isinstance(value, dict)
    return value


def test_a_broken_run_goes_on_behind_its_last_whole_shard(tmp_path: Path) -> None:
    rows = records(47)
    with pytest.raises(BlossomError, match="stopped here"):
        run(tmp_path / "out", rows, Shout(break_at="text 33"))
    run(tmp_path / "out", rows, Shout())
    assert [f"r{n}" for n in range(30, 47)] == RUNS
    assert not (tmp_path / "out" / ".building").exists()
    whole = run(tmp_path / "whole", rows, Shout())
    assert len(RUNS) == 47
    assert manifest(tmp_path / "out") == manifest(tmp_path / "whole")
    assert whole["rejected"] == {"shout/refused_word": 7}


@pytest.mark.parametrize("what", ["row", "stage"])
def test_what_changed_since_is_worked_on_again(tmp_path: Path, what: str) -> None:
    with pytest.raises(BlossomError):
        run(tmp_path / "out", records(47), Shout(break_at="text 33"))
    rows = records(47, changed=12 if what == "row" else None)
    stage = Shout(mark="?" if what == "stage" else "!")
    run(tmp_path / "out", rows, stage)
    again = [f"r{n}" for n in (*range(10, 20), *range(30, 47))] if what == "row" else [f"r{n}" for n in range(47)]
    assert again == RUNS
    run(tmp_path / "whole", rows, stage)
    assert manifest(tmp_path / "out")["shards"] == manifest(tmp_path / "whole")["shards"]


def test_a_damaged_note_or_shard_of_a_settled_block_is_not_believed(tmp_path: Path) -> None:
    rows = records(47)
    with pytest.raises(BlossomError):
        run(tmp_path / "out", rows, Shout(break_at="text 33"))
    building = tmp_path / "out" / ".building"
    (building / "block-00000.json").write_bytes(b'{"digest": "torn')
    shard = building / "part-00001.jsonl.zst"
    shard.write_bytes(shard.read_bytes()[:-3])
    (building / "part-00002.jsonl.zst").unlink()
    run(tmp_path / "out", rows, Shout())
    assert len(RUNS) == 47
    run(tmp_path / "whole", rows, Shout())
    assert manifest(tmp_path / "out") == manifest(tmp_path / "whole")
    assert values(tmp_path / "out") == values(tmp_path / "whole")


def test_nothing_is_left_of_a_run_that_settled_nothing(tmp_path: Path) -> None:
    with pytest.raises(BlossomError):
        run(tmp_path / "out", records(9), Shout(break_at="text 5"))
    assert not (tmp_path / "out" / ".building").exists()
    DatasetWriter(tmp_path / "out").__exit__(None, None, None)


def test_a_run_that_ended_with_a_whole_block_can_fail_at_the_very_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object, **__: object) -> None:
        raise BlossomError("no room for the manifest")

    rows = records(20)
    with monkeypatch.context() as patch, pytest.raises(BlossomError, match="no room"):
        patch.setattr(DatasetWriter, "finish", broken)
        run(tmp_path / "out", rows, Shout())
    done = run(tmp_path / "out", rows, Shout())
    assert (RUNS, done["read"], done["kept"]) == ([], 20, 17)


def test_no_file_of_a_block_that_is_outdated_is_left(tmp_path: Path) -> None:
    with pytest.raises(BlossomError):
        run(tmp_path / "out", records(30), Shout(break_at="text 25"))
    rows = [replace(row, messages=(Message("user", "no"),)) for row in records(30)]
    run(tmp_path / "out", rows, Shout())
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [
        ".blocks.json",
        "README.md",
        "manifest.json",
        "rejects",
    ]

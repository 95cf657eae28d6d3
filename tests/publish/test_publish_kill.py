"""SIGKILL at every step of a publish: `current` is whole each time, and the next run cleans up and succeeds."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest
from datasets_made import make, record, tidy, whole
from forked import blossom

from blossom_data.publish.names import current_version
from blossom_data.publish.reading import Part
from blossom_data.publish.steps import STEPS
from blossom_data.publish.versions import publish, version_names

OLD = [record(number) for number in range(50)]
NEW = [record(number) for number in range(60)]
SWITCHED = STEPS.index("switch")


def run(folder: Path, fail_at: str) -> int:
    command = ("publish", "new", "-o", "data", "--name", "math", "--format", "jsonl")
    return blossom(*command, cwd=folder, env={"BLOSSOM_FAIL_AT": fail_at}).code


@pytest.mark.parametrize("step", STEPS)
def test_killed_at_any_step_a_reader_sees_the_old_version_or_the_new_one(tmp_path: Path, step: str) -> None:
    folder = tmp_path / "data/math"
    publish([Part(make(tmp_path / "old", OLD))], root=tmp_path / "data", name="math", layout="jsonl")
    make(tmp_path / "new", NEW)
    assert run(tmp_path, step) == -signal.SIGKILL
    assert whole(folder) == (NEW if STEPS.index(step) >= SWITCHED else OLD)
    done = publish([Part(tmp_path / "new")], root=tmp_path / "data", name="math", layout="jsonl")
    assert done.is_new == (STEPS.index(step) < STEPS.index("rename"))
    assert whole(folder) == NEW
    assert tidy(folder)
    assert len(version_names(folder)) == 2


@pytest.mark.parametrize("step", ["folder", "manifest", "rename", "link"])
def test_a_first_publish_that_is_killed_leaves_no_current(tmp_path: Path, step: str) -> None:
    make(tmp_path / "new", NEW)
    assert run(tmp_path, step) == -signal.SIGKILL
    assert current_version(tmp_path / "data/math") is None
    assert run(tmp_path, "") == 0
    assert whole(tmp_path / "data/math") == NEW
    assert tidy(tmp_path / "data/math")

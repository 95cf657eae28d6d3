"""SIGKILL at every step of finishing a data set: a reader gets the old one, the new one or an error."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest
from command import write_lines
from kill_runs import cli, environment, finish

from blossom_data.errors import InputError
from blossom_data.executors.job import Job
from blossom_data.executors.local import run_job
from blossom_data.rows import read_records
from blossom_data.stages.build import build_stage

pytestmark = pytest.mark.slow

STEPS = ("replace", "unlink", "rmdir", "fsync")
KILL_AT = f"""
import os, signal
left = int(os.environ["KILL_AT"])
def guarded(call):
    def count(*arguments, **more):
        global left
        left -= 1
        if left == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        return call(*arguments, **more)
    return count
for name in {STEPS!r}:
    setattr(os, name, guarded(getattr(os, name)))
"""


def rows(folder: Path, name: str, count: int) -> Path:
    """`count` solved sums, each third of them wrong."""
    lines = (
        {
            "messages": [
                {"role": "user", "content": f"{name}: what is {n} + 1?"},
                {"role": "assistant", "content": f"It is {n + 1 + (n % 3 == 0)}.\n#### {n + 1 + (n % 3 == 0)}"},
            ],
            "gold": str(n + 1),
        }
        for n in range(count)
    )
    return write_lines(folder / f"{name}.jsonl", lines)


def verify(source: Path, out: Path) -> None:
    stage = build_stage("verify-math", {"resample": 0})
    work = ((record, [stage]) for record in read_records(source))
    run_job(Job(label="verify-math", work=work, stages=("verify-math",), out=out, shard_records=4))


def texts(out: Path) -> list[str]:
    return [record.messages[0].content for record in read_records(out)]


def test_killed_at_any_step_a_reader_sees_a_whole_data_set_or_an_error(tmp_path: Path) -> None:
    old, new = rows(tmp_path, "old", 8), rows(tmp_path, "new", 4)
    verify(old, tmp_path / "is_old")
    verify(new, tmp_path / "is_new")
    is_old, is_new = texts(tmp_path / "is_old"), texts(tmp_path / "is_new")
    seen = set()
    out = tmp_path / "out"
    for k in range(1, 200):
        verify(old, out)
        done = finish(
            cli("verify-math", new, "-o", out, "--shard-records", "4", "--replace", bootstrap=KILL_AT),
            tmp_path,
            env=environment(KILL_AT=str(k)),
        )
        try:
            found = texts(out)
        except InputError as why:
            assert "not finished" in str(why), why
            seen.add("unfinished")
        else:
            assert found in (is_old, is_new)
            seen.add("old" if found == is_old else "new")
        if done.code != -signal.SIGKILL:
            break
        verify(new, out)
        assert texts(out) == is_new
        assert not (out / ".building").exists()
        assert sorted(path.name for path in out.iterdir()) == sorted(
            path.name for path in (tmp_path / "is_new").iterdir()
        )
    assert done.code == 0, done
    assert k > 15
    assert seen == {"old", "unfinished", "new"}

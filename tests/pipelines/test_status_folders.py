"""`status` of a folder: work stage by stage, what runs, what was stopped, what each has bought, pipelines inside."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

from command import clean_environment, user, write_lines
from forked import blossom
from loopback import Loopback
from test_refresh import small

from blossom_data.shards import DatasetWriter


def questions(folder: Path, count: int) -> Path:
    return write_lines(folder / f"{count}.jsonl", (user(f"Question {number}?") for number in range(count)))


def test_a_folder_tells_data_sets_stage_by_stage_and_what_each_has_bought(tmp_path: Path) -> None:
    with Loopback(lambda _: "An answer.") as server:
        where = ("--base-url", server.base_url, "--model", "m")
        assert blossom("annotate", questions(tmp_path, 3), "-o", "sft/a", *where, cwd=tmp_path).code == 0
        assert blossom("mix", "sft/a", "-o", "train/a", cwd=tmp_path).code == 0
        stop = ["annotate", str(questions(tmp_path, 40)), "-o", "sft/b", *where, "--max-in-flight", "1"]
        run = subprocess.Popen([sys.executable, "-m", "blossom_data", *stop], cwd=tmp_path, env=clean_environment())
        while server.paid < 8:
            assert run.poll() is None
        state = blossom("status", "sft", "--json", cwd=tmp_path).json
        run.send_signal(signal.SIGINT)
        assert run.wait(60) == 130
    assert {each["path"]: each["state"] for each in state["sets"]} == {"sft/a": "whole", "sft/b": "running"}
    found = blossom("status", "--json", cwd=tmp_path).json
    sets = {each["path"]: each for each in found["sets"]}
    assert {path: each["state"] for path, each in sets.items()} == {
        "sft/a": "whole",
        "sft/b": "stopped",
        "train/a": "whole",
    }
    assert (sets["sft/a"]["command"], sets["sft/a"]["records"]) == ("annotate", 3)
    assert [(row["stage"], row["replies"]) for row in sets["sft/a"]["spent"]] == [("annotate", 3)]
    assert sum(row["replies"] for row in sets["sft/b"]["spent"]) >= 5
    (alone,) = blossom("status", "sft/b", "--json", cwd=tmp_path).json["sets"]
    assert (alone["state"], alone["spent"]) == ("stopped", sets["sft/b"]["spent"])
    told = blossom("status", cwd=tmp_path).out
    assert "sft/b    stopped" in told
    assert "the same command again goes on" in told


def test_a_data_set_that_is_being_written_is_told_as_running(tmp_path: Path) -> None:
    with DatasetWriter(tmp_path / "raw"):
        found = blossom("status", "--json", cwd=tmp_path)
    assert [(each["path"], each["state"]) for each in found.json["sets"]] == [("raw", "running")]


def test_a_folder_with_a_pipeline_tells_it_and_an_empty_one_is_an_error(tmp_path: Path) -> None:
    small(tmp_path)
    (tmp_path / "empty").mkdir()
    found = blossom("status", tmp_path, "--json", cwd=tmp_path / "empty")
    assert [each["pipeline"] for each in found.json["pipelines"]] == ["small"]
    # A pipeline that cannot be read is told beside the others.
    (tmp_path / "broken.toml").write_text((tmp_path / "small.toml").read_text() + "[curate]\nsteps = ['dedupe']\n")
    told = blossom("status", tmp_path, cwd=tmp_path / "empty")
    assert (told.code, "did you mean 'dedup'" in told.out, "small.toml\n  running" in told.out) == (0, True, True), told
    states = blossom("status", tmp_path, "--json", cwd=tmp_path / "empty").json["pipelines"]
    assert ["unreadable" in state for state in states] == [True, False]
    absent = blossom("status", "nowhere", cwd=tmp_path)
    assert (absent.code, "folder of data sets" in absent.err) == (2, True)
    nothing = blossom("status", cwd=tmp_path / "empty")
    assert (nothing.code, "no pipeline and no data set" in nothing.err, "  try: " in nothing.err) == (2, True, True)

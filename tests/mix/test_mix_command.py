"""`blossom-data mix` as a user meets it: amounts, recipes, summaries, and one clear line for what is wrong."""

from __future__ import annotations

import random
import subprocess
import sys
from pathlib import Path

import pytest
from command import user, values, write_lines
from forked import blossom
from sets import chat, ids, numbered


@pytest.fixture
def work(tmp_path: Path) -> Path:
    """A folder with two small sets."""
    numbered(tmp_path / "orca.jsonl", "orca", range(60))
    numbered(tmp_path / "math.jsonl", "math", range(40), lang="zh")
    return tmp_path


def test_counts_shares_and_a_replay(work: Path) -> None:
    done = blossom("mix", "orca.jsonl=30", "math.jsonl=50%", "-o", "train/one", "--seed", 1, "--json", cwd=work)
    assert done.code == 0, done
    (manifest,) = done.json["mixes"]
    assert manifest["by_source"] == {"math": {"kept": 20}, "orca": {"kept": 30}}
    done = blossom("mix", "--replay", "train/one=10%", "orca.jsonl=5", "-o", "two", "--layout", "sharegpt", cwd=work)
    assert done.code == 0, done
    assert "5   (replay, 50 usable" in done.out
    assert len(values(work / "two")) == 10
    assert {tuple(row) for row in values(work / "two")} == {("id", "source", "lang", "conversations")}


def test_weights_languages_and_caps(work: Path) -> None:
    flags = ["--records", 30, "--cap", "orca=12", "--allow-short", "--json"]
    done = blossom("mix", "orca.jsonl=2x", "math.jsonl=1x", "-o", "out", *flags, cwd=work)
    assert done.json["mixes"][0]["by_source"] == {"math": {"kept": 10}, "orca": {"kept": 12}}
    done = blossom("mix", "math.jsonl=10", "-o", "zh", "--lang", "zh=50%,en=50%", cwd=work)
    assert (done.code, "math.jsonl has 0 of 5 in en" in done.err) == (2, True)


def test_a_recipe_writes_its_mixes_in_order(work: Path) -> None:
    (work / "mix.toml").write_text(
        '[[mix]]\nname = "stage1"\npart = [{data = "orca.jsonl", count = 50}, {data = "math.jsonl"}]\n'
        '[[mix]]\nname = "stage2"\nplain = true\nreplay = [{of = "stage1", share = 0.2}]\n'
    )
    done = blossom("mix", "mix.toml", "--seed", 7, "--json", cwd=work)
    assert done.code == 0, done
    assert [(mix["name"], mix["kept"], mix["seed"]) for mix in done.json["mixes"]] == [
        ("stage1", 90, 7),
        ("stage2", 18, 7),
    ]
    assert set(ids(work / "train/stage2")) < set(ids(work / "train/stage1"))
    assert [path.name for path in (work / "train/stage2").glob("part-*")] == ["part-00000.jsonl"]
    again = blossom("mix", "mix.toml", "--only", "stage2", "-o", "elsewhere", cwd=work)
    assert (again.code, "elsewhere/stage1" in again.err) == (2, True)


def test_another_format_replaces_the_old_files(work: Path) -> None:
    for flags in (["--format", "parquet"], ["--plain"], []):
        assert blossom("mix", "orca.jsonl", "-o", "out", *flags, cwd=work).code == 0
    assert [path.name for path in (work / "out").glob("part-*")] == ["part-00000.jsonl.zst"]
    assert len(values(work / "out")) == 60


def test_records_without_answers_say_why_nothing_is_left(work: Path) -> None:
    write_lines(work / "raw.jsonl", [user(f"question {n}") for n in range(9)])
    done = blossom("mix", "raw.jsonl", "-o", "out", cwd=work)
    assert (done.code, "9 were rejected: mix/no_answer 9" in done.err) == (2, True)


@pytest.mark.parametrize("files", [[], ["--plain"], ["--format", "parquet"]])
def test_a_full_disk_leaves_the_old_set(work: Path, files: list[str]) -> None:
    write_lines(work / "big.jsonl", [chat(f"b{n}", f"{n}?", random.Random(n).randbytes(400).hex()) for n in range(90)])
    assert blossom("mix", "orca.jsonl", "-o", "out", cwd=work).code == 0
    limited = f"ulimit -f 20; exec {sys.executable} -m blossom_data mix big.jsonl --replace -o out {' '.join(files)}"
    done = subprocess.run(["sh", "-c", limited], cwd=work, capture_output=True, text=True, check=False, timeout=100)
    assert (done.returncode, done.stderr.count("\n")) == (1, 2), done.stderr
    assert "ulimit -f" in done.stderr
    assert "cannot" in done.stderr and "File too large" in done.stderr
    assert len(values(work / "out")) == 60
    assert not (work / "out" / ".building").exists()


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["orca.jsonl=61", "-o", "out"], "orca.jsonl has 60 of 61"),
        (["orca.jsonl=many", "-o", "out"], "not DATA=AMOUNT"),
        (["orca.jsonl=0", "-o", "out"], "1 or more"),
        (["orca.jsonl=0%", "-o", "out"], "greater than 0"),
        (["orca.jsonl=1.2.3x", "-o", "out"], "not a number"),
        (["none.jsonl=3", "-o", "out"], "no such file"),
        (["x" * 300, "-o", "out"], "no such file"),
        (["orca.jsonl", "-o", "loop/out"], "cannot be followed"),
        (["-", "-o", "out"], "reads its inputs twice"),
        (["orca.jsonl"], "no output"),
        (["orca.jsonl", "-o", "orca.jsonl"], "is the input"),
        (["orca.jsonl", "-o", "."], "overlaps"),
        (["orca.jsonl", "-o", "taken"], "other files"),
        (["orca.jsonl", "-o", "out", "--format", "parquet", "--plain"], "Parquet"),
        (["orca.jsonl", "-o", "out", "--lang", "zh=1,en=1"], "sum to 2"),
        (["orca.jsonl", "-o", "out", "--lang", "zh"], "NAME=NUMBER"),
        (["orca.jsonl", "-o", "out", "--cap", "orca=few"], "whole number"),
        (["orca.jsonl=1x", "-o", "out", "--cap", "orca=5"], "--records"),
        (["orca.jsonl", "-o", "out", "--records", "5"], "weighted"),
        (["orca.jsonl", "-o", "out", "--only", "x"], "recipe"),
        (["none.toml"], "cannot read recipe"),
    ],
)
def test_what_is_wrong_is_one_line_and_exit_two(work: Path, arguments: list[str], told: str) -> None:
    (work / "taken").mkdir()
    (work / "taken" / "thesis.tex").write_text("...")
    (work / "loop").symlink_to("loop")
    before = sorted(path for path in work.rglob("*") if path.is_file())
    done = blossom("mix", *arguments, cwd=work)
    assert done.code == 2, done
    assert told in done.err
    assert done.err.startswith("error: ")
    assert len(done.err.splitlines()) <= 2
    assert sorted(path for path in work.rglob("*") if path.is_file()) == before

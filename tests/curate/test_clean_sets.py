"""A set is clean of what was left out of it, and of what was left out of all that it was made of."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
from command import blossom, write_lines

from blossom_data.curate.clean_sets import left_out_of

QUESTIONS = ("Name a lake in Finland.", "How do owls hear at night?", "Write a poem about rain.")


def answered(question: str) -> dict[str, Any]:
    return {"messages": [{"role": "user", "content": question}, {"role": "assistant", "content": f"So: {question}"}]}


@pytest.fixture(scope="module")
def work(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two sets, both looked at for one test set and one of them for another; mixed, and published."""
    folder = tmp_path_factory.mktemp("clean")
    write_lines(folder / "bench.jsonl", [{"question": "Which river is the longest of Africa?"}])
    commands = []
    for at, name in enumerate(("one", "two")):
        write_lines(folder / f"{name}.jsonl", [answered(f"{question} ({name})") for question in QUESTIONS])
        against = ["--against", "gsm8k-test"] if at else ["--against", "gsm8k-test", "--against", "bench.jsonl"]
        commands.append(["decontaminate", f"{name}.jsonl", "-o", name, *against, "--words-only"])
    commands.append(["dedup", "one", "-o", "sub/distinct"])
    commands.append(["mix", "sub/distinct", "two", "-o", "train/both"])
    commands.append(["mix", "one", "two.jsonl", "-o", "train/raw"])
    commands.append(["publish", "one", "two", "-o", "site", "--name", "s", "--licence", "MIT"])
    for command in commands:
        done = blossom(*command, cwd=folder)
        assert done.code == 0, done
    return folder


@pytest.mark.parametrize(
    ("place", "names"),
    [
        ("one", {"gsm8k-test", "bench.jsonl"}),
        ("sub/distinct", {"gsm8k-test", "bench.jsonl"}),
        ("train/both", {"gsm8k-test"}),
        ("train/raw", set()),
        ("one.jsonl", set()),
        ("site/s/current", {"gsm8k-test"}),
        ("nowhere", set()),
    ],
)
def test_what_was_left_out_is_known_of_what_is_made_of_it(work: Path, place: str, names: set[str]) -> None:
    assert left_out_of(work / place) == names
    if (shards := sorted((work / place).rglob("part-*"))) and "rejects" not in str(shards[0]):
        assert left_out_of(shards[0]) == names


def test_a_mix_knows_it_when_what_it_was_made_of_has_gone(work: Path, tmp_path: Path) -> None:
    shutil.copytree(work / "train/both", tmp_path / "both")
    shutil.copytree(work / "sub/distinct", tmp_path / "distinct")
    assert left_out_of(tmp_path / "both") == {"gsm8k-test"}
    assert left_out_of(tmp_path / "distinct") == set()


def test_packing_wants_it_if_it_is_told_to(work: Path) -> None:
    pack = ["train", "pack", "--tokenizer", "no-model", "--template", "chatml", "-o", "packed", "--decontaminated"]
    for place, name in (("train/both", "bench.jsonl"), ("one.jsonl", "gsm8k-test")):
        refused = blossom(*pack, name, place, cwd=work)
        assert (refused.code, f"{place} may hold items of {name}" in refused.err) == (2, True), refused
    let_through = blossom(*pack, "gsm8k-test", "train/both", cwd=work)
    assert "no-model" in let_through.err and "items of" not in let_through.err

"""Rows inside something else: read where that is certain, else told with the command that takes them out."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from blossom_data.errors import InputError
from blossom_data.pull import pull
from blossom_data.records import Record
from blossom_data.rows import BadRow, read_records

ROWS = [{"instruction": f"task {number}", "input": "", "output": "o"} for number in range(3)]
TURNS = [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello"}]


def asked(path: Path, source: str = "alpaca") -> list[str]:
    items = pull(source, path)
    return [item.messages[0].content if isinstance(item, Record) else item.code for item in items]


def write(folder: Path, value: Any, indent: int | None = None, name: str = "x.json") -> Path:
    (folder / name).write_text(value if isinstance(value, str) else json.dumps(value, indent=indent))
    return folder / name


@pytest.mark.parametrize("indent", [None, 2])
@pytest.mark.parametrize(
    "value",
    [
        {"version": "1.0", "data": ROWS, "about": {"n": 3}},
        {"a": {"b": [1]}, "empty": [], "parts": ROWS[:2], "rest": ROWS[2:]},
        {"test": [{"instruction": "held out", "output": "o"}], "train": ROWS},
        {str(number): row for number, row in enumerate(ROWS)},
        [["instruction", "output"], *([row["instruction"], "o"] for row in ROWS)],
    ],
)
def test_rows_in_a_wrapper_are_read(tmp_path: Path, value: Any, indent: int | None) -> None:
    assert asked(write(tmp_path, value, indent)) == ["task 0", "task 1", "task 2"]


def test_a_wrapper_larger_than_any_block_is_read_in_pieces(tmp_path: Path) -> None:
    rows = [{"instruction": f"task {number}", "output": "o" * 5000} for number in range(4000)]
    assert len(asked(write(tmp_path, {"meta": ["x"] * 100, "data": rows}))) == 4000


def test_a_bad_element_of_a_wrapper_costs_itself(tmp_path: Path) -> None:
    good = json.dumps(ROWS[0])
    text = '{"data": [' + good + ', {"instruction": "no end, "output": "o"}, {"instruction": "b", "output": "o"}, 7]'
    assert asked(write(tmp_path, text + "}")) == ["task 0", "bad_json", "b", "not_an_object"]
    assert asked(write(tmp_path, text)) == ["task 0", "bad_json", "b", "not_an_object", "torn_line"]
    assert asked(write(tmp_path, text + '}\n{"data": [{"instruction": "c", "output": ""}]}\n{"x": 1}'))[-2:] == [
        "c",
        "wrong_layout",
    ]


@pytest.mark.parametrize(
    ("source", "row"),
    [
        ("alpaca", {"id": "s", "instruction": "Q", "instances": [{"input": "i", "output": "o"}], "similar": ROWS}),
        ("alpaca", {"similar": ROWS, "instruction": "Q", "output": "o"}),
        (
            "sharegpt",
            {"id": "x", "conversations": [{"from": "human", "value": "Q"}], "chosen": [{"conversations": []}]},
        ),
    ],
)
def test_a_row_that_holds_rows_is_one_row(tmp_path: Path, source: str, row: dict[str, Any]) -> None:
    assert len(asked(write(tmp_path, row, name="x.jsonl"), source)) == 1


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("x.json", json.dumps([TURNS, TURNS[:1]])),
        ("x.json", json.dumps([TURNS, TURNS[:1]], indent=1)),
        ("x.jsonl", f"{json.dumps(TURNS)}\n{json.dumps(TURNS[:1])}\n"),
        ("x.jsonl", json.dumps([TURNS, TURNS[:1]])),
    ],
)
def test_lists_of_turns_are_chats(tmp_path: Path, name: str, text: str) -> None:
    path = write(tmp_path, text, name=name)
    first, second = read_records(path)
    assert isinstance(first, Record) and isinstance(second, Record)
    assert [turn.content for turn in first.messages] == ["Hi", "Hello"]
    for source in ("messages", "sharegpt"):
        assert asked(path, source) == ["Hi"]


def test_turns_under_another_name_are_told_as_such(tmp_path: Path) -> None:
    path = write(tmp_path, {"id": "x", "items": [{"from": "human", "value": "Q"}]}, name="x.jsonl")
    with pytest.raises(InputError) as refusal:
        list(pull("sharegpt", path))
    assert "jq -c '{conversations: .items}'" in refusal.value.hint


@pytest.mark.parametrize(
    ("value", "told"),
    [
        (
            {"features": [{"name": "q"}], "rows": [{"row_idx": 0, "row": ROWS[0]}, {"row_idx": 1, "row": ROWS[1]}]},
            ".row",
        ),
        ({"test": ROWS[:2]}, ".test[]"),
        ({"instruction": ["task 0", "task 1"], "output": ["o", "o"]}, "by columns"),
        ({"instruction": {"0": "task 0", "1": "task 1"}, "output": {"0": "o", "1": "o"}}, "by columns"),
        ([["task 0", "o"], ["task 1", "o"]], "which place"),
        ([{"row": ROWS[0]}, {"row": ROWS[1]}], ".row"),
    ],
)
def test_what_is_not_certain_is_told_with_the_command_that_unwraps_it(tmp_path: Path, value: Any, told: str) -> None:
    path = write(tmp_path, value)
    with pytest.raises(InputError) as refusal:
        list(pull("alpaca", path))
    assert told in refusal.value.hint and str(path) in str(refusal.value)
    if shutil.which("jq"):
        command = refusal.value.hint.partition(": ")[2]
        subprocess.run(command, shell=True, check=True, cwd=tmp_path)  # noqa: S602 the command that is under test
        assert asked(tmp_path / "rows.jsonl") == ["task 0", "task 1"]


@pytest.mark.parametrize(
    "bad",
    [
        '{"instruction": "no end, "output": "x"}',
        '{"instruction": "a, "output": "{[", "b": "x"}',
        '{"instruction": "a", "output": ["x"}',
        '{"instruction": "a", "output": "x"',
        '{"instruction": "a", "output": {"x": [{"y": 1}}',
        '{"instruction": "a" "output": "x"}',
        '{"instruction": "a", "output": "x"]',
        '{"instruction": "a\\", "output": "x"}',
        '{"instruction": "a", "output": [[{"instruction": "inner"}, "x"}',
        '{"instruction": "a", "output": ' + "[" * 70 + "}",
        '{"instruction": "a", "output": "' + "x" * 40 + "\t" + '"}',
    ],
)
def test_a_bad_element_of_a_one_line_array_costs_that_element_alone(tmp_path: Path, bad: str) -> None:
    good = [json.dumps(row) for row in ROWS]
    found = asked(write(tmp_path, "[" + ", ".join([good[0], bad, *good[1:]]) + "]"))
    assert [text for text in found if text.startswith("task")] == ["task 0", "task 1", "task 2"]
    assert len(found) <= 5 and set(found) - {"task 0", "task 1", "task 2", "inner"} < {"bad_json", "too_deep"}


def test_a_nul_in_what_is_dropped_costs_nothing(tmp_path: Path) -> None:
    rows = [{"instruction": "a", "output": "x\0"}, {"instruction": "b\0", "output": "x"}, {"k\0": 1, **ROWS[0]}]
    text = "".join(json.dumps(row) + "\n" for row in rows)
    assert asked(write(tmp_path, text, name="x.jsonl")) == ["a", "nul", "task 0"]
    chat = {"conversations": [{"from": "human", "value": "Q"}, {"from": "gpt", "value": "\0"}]}
    assert asked(write(tmp_path, [chat]), "sharegpt") == ["Q"]
    kept = [{"messages": TURNS, "note": "\0"}, {"messages": [{"role": "user", "content": "\0"}]}]
    first, second = read_records(write(tmp_path, kept))
    assert isinstance(first, Record) and isinstance(second, BadRow) and second.code == "nul"

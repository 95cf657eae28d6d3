"""Every layout by a row of its own: what becomes of it, and that its outputs stay behind."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from blossom_data.pull import pull
from blossom_data.records import Record
from blossom_data.rows import BadRow

OUT = "ORIGINAL OUTPUT"


def write(folder: Path, *rows: Any) -> Path:
    path = folder / "raw.jsonl"
    path.write_bytes(b"".join(json.dumps(row, ensure_ascii=False).encode() + b"\n" for row in rows))
    return path


def records(folder: Path, source: str, *rows: Any, **settings: Any) -> list[Record]:
    items = list(pull(source, write(folder, *rows), allow_eval=True, **settings))
    found = [item for item in items if isinstance(item, Record)]
    assert found == items, items
    return found


def turns(record: Record) -> list[tuple[str, str]]:
    return [(turn.role, turn.content) for turn in record.messages]


def chat(*said: tuple[str, Any]) -> list[dict[str, Any]]:
    return [{"from": role, "value": text} for role, text in said]


CASES: list[Any] = [
    ("orca", {"id": "niv.1", "system_prompt": "Be terse.", "question": "Q?\n", "response": OUT}, ["s:Be terse.", "Q?"]),
    ("orca", {"system_prompt": "", "question": "Q?", "response": OUT}, ["Q?"]),
    ("orca", {"prompt": "Is it $ 14 ?\n", "completion": OUT + "<|endoftext|>"}, ["Is it $ 14 ?"]),
    ("orca", {"prompt": "Q?", "response": OUT}, ["Q?"]),
    ("orca", {"inputs": "Q?", "targets": OUT, "_task_name": "cola"}, ["Q?"]),
    ("orca", {"definition": "Do it.", "inputs": "this", "targets": OUT}, ["Do it.\n\nthis"]),
    ("wizard", {"instruction": "Q?", "output": OUT}, ["Q?"]),
    ("wizard", {"input": "Q?", "output": OUT}, ["Q?"]),
    ("wizard", {"idx": 1, "Skill": "Math", "Difficulty": 3, "Instruction": "Q?"}, ["Q?"]),
    ("wizard", {"idx": "a", "conversations": chat(("human", "Q?"), ("gpt", OUT))}, ["Q?"]),
    ("gsm8k", {"question": "Q?", "answer": f"{OUT} <<1+1=2>>\n#### 1,234"}, ["Q?"]),
    ("math23k", {"id": "1", "original_text": "多少？", "equation": "x=" + OUT, "ans": "25%"}, ["多少？"]),
    ("math23k", {"question": "多少？", "ans": 3}, ["多少？"]),
    ("alpaca", {"instruction": "Q?", "input": "", "output": OUT}, ["Q?"]),
    ("alpaca", {"instruction": "Classify:", "input": "He goes. ", "output": OUT}, ["Classify:\n\nHe goes."]),
    ("alpaca", {"instruction": "Q?", "input": None, "output": OUT}, ["Q?"]),
    ("alpaca", {"instruction": "Q?", "output": OUT}, ["Q?"]),
    (
        "alpaca",
        {"system": "S", "history": [["Q1?", OUT], ["Q2?", OUT]], "instruction": "Q3?", "input": "", "output": OUT},
        ["s:S", "Q1?", "Q2?", "Q3?"],
    ),
    ("alpaca", {"id": "s", "instruction": "Q?", "instances": [{"input": "i", "output": OUT}]}, ["Q?\n\ni"]),
    ("belle", {"instruction": "问？", "input": "", "output": OUT}, ["问？"]),
    (
        "belle",
        {"instruction": f"Human:你好\nAssistant:{OUT}\n{OUT}\nHuman：再见\n朋友\nAssistant:", "input": ""},
        ["你好", "再见\n朋友"],
    ),
    ("belle", {"question": "问？", "std_answer": OUT, "class": "code"}, ["问？"]),
    (
        "sharegpt",
        {"conversations": chat(("system", "S"), ("human", "Q1"), ("gpt", OUT), ("human", "Q2")), "chosen": [OUT]},
        ["s:S", "Q1", "Q2"],
    ),
    (
        "messages",
        {"messages": [{"role": "user", "content": "Q"}, {"role": "assistant", "content": OUT}], "label": True},
        ["Q"],
    ),
    (
        "messages",
        {
            "messages": [
                {"role": "system", "content": [{"type": "text", "value": "S"}]},
                {"role": "user", "content": [{"type": "text", "value": "a"}, {"type": "text", "text": "b"}]},
                {"role": "assistant", "content": [{"type": "reasoning", "value": OUT}, {"type": "text", "value": OUT}]},
            ]
        },
        ["s:S", "a\nb"],
    ),
    ("turns", {"question_id": 81, "category": "writing", "turns": ["Q1", "Q2"], "reference": [OUT]}, ["Q1", "Q2"]),
]  # fmt: skip


@pytest.mark.parametrize(("source", "row", "said"), CASES)
def test_each_layout_keeps_what_was_asked_and_nothing_else(
    tmp_path: Path, source: str, row: dict[str, Any], said: list[str]
) -> None:
    (record,) = records(tmp_path, source, row)
    expected = [("system", text[2:]) if text.startswith("s:") else ("user", text) for text in said]
    assert turns(record) == expected
    assert record.source == source
    assert record.tags[0].startswith("layout:")
    assert [step.stage for step in record.lineage] == ["pull"]
    assert OUT not in record.to_line().decode()


@pytest.mark.parametrize(
    ("source", "row", "gold"),
    [
        ("gsm8k", {"question": "Q?", "answer": "a #### b\n#### -1,234"}, "-1234"),
        ("math23k", {"original_text": "多少？", "ans": "1((1)/(2))"}, "1((1)/(2))"),
        ("math23k", {"original_text": "多少？", "ans": 0}, "0"),
    ],
)
def test_gold_labels_are_kept(tmp_path: Path, source: str, row: dict[str, Any], gold: str) -> None:
    assert records(tmp_path, source, row)[0].gold == gold


def test_own_ids_and_tags_are_kept(tmp_path: Path) -> None:
    (record,) = records(tmp_path, "wizard", {"idx": 7, "Skill": "Math", "Difficulty": 3, "Instruction": "Q?"})
    assert (record.source_id, record.tags) == ("7", ("layout:evol-test", "category:Math", "difficulty:3"))


def test_a_task_becomes_a_record_for_each_instance(tmp_path: Path) -> None:
    task = {
        "Definition": ["Find the typo.", "Give one word."],
        "Categories": ["Verification"],
        "Positive Examples": [{"input": OUT, "output": OUT}],
        "Instances": [{"id": "t-1", "input": "a idiot", "output": [OUT]}, {"input": 3}, {"id": "t-3", "input": "b"}],
    }
    path = tmp_path / "task088.json"
    path.write_text(json.dumps(task, indent=4))
    pulled = pull("orca", path)
    first, bad, last = pulled
    assert isinstance(first, Record) and isinstance(last, Record) and isinstance(bad, BadRow)
    assert turns(first) == [("user", "Find the typo.\nGive one word.\n\na idiot")]
    assert (first.source_id, last.source_id, bad.code) == ("t-1", "t-3", "wrong_type")
    assert first.tags == ("layout:natural-instructions", "category:Verification")
    assert (pulled.counts.rows, pulled.counts.read, pulled.counts.kept) == (1, 3, 2)


@pytest.mark.parametrize(
    "text", ["<noinput>", "noinput", "No input.", "Noinput", "`<noinput>`", "< noinput >", "无", " "]
)
def test_no_input_in_any_spelling_is_none(tmp_path: Path, text: str) -> None:
    (record,) = records(tmp_path, "alpaca", {"instruction": "Q?", "input": text, "output": OUT})
    assert turns(record) == [("user", "Q?")]


@pytest.mark.parametrize("text", ["no inputs were given to the model", "noinput() raises", "无锡"])
def test_an_input_that_only_begins_like_none_is_kept(tmp_path: Path, text: str) -> None:
    (record,) = records(tmp_path, "alpaca", {"instruction": "Q?", "input": text, "output": OUT})
    assert turns(record) == [("user", f"Q?\n\n{text}")]


def test_seed_tasks_with_several_instances_have_an_id_each(tmp_path: Path) -> None:
    row = {"id": "seed_1", "name": "odd", "instruction": "Q?", "instances": [{"input": "a"}, {"input": "b"}]}
    first, second = records(tmp_path, "alpaca", row)
    assert (first.source_id, second.source_id) == ("seed_1#0", "seed_1#1")
    assert "task:odd" in first.tags


@pytest.mark.parametrize(
    ("said", "tools", "tags"),
    [
        ([("human", "Q"), ("gpt", OUT)], "[]", ()),
        ([("human", "Q"), ("gpt", OUT)], None, ()),
        ([("human", "Q"), ("gpt", OUT)], '[{"name": "f"}]', ("tools",)),
        ([("human", "Q"), ("function_call", '{"x": 1}'), ("observation", "{}"), ("gpt", OUT)], "", ("tools",)),
        ([("system", "S"), ("gpt", OUT), ("human", "Q")], None, ("answer-first",)),
    ],
)
def test_tool_traffic_is_dropped_and_tagged(tmp_path: Path, said: Any, tools: Any, tags: tuple[str, ...]) -> None:
    (record,) = records(tmp_path, "sharegpt", {"conversations": chat(*said), "tools": tools})
    assert record.tags[1:] == tags
    assert {turn.role for turn in record.messages} <= {"system", "user"}


@pytest.mark.parametrize(
    ("source", "row", "code"),
    [
        ("alpaca", {"instruction": " \n", "input": "x", "output": OUT}, "empty"),
        ("alpaca", {"instruction": None, "input": "", "output": OUT}, "missing_field"),
        ("alpaca", {"instruction": ["Q"], "input": "", "output": OUT}, "wrong_type"),
        ("alpaca", {"instruction": "Q", "input": 3, "output": OUT}, "wrong_type"),
        ("alpaca", {"instruction": "Q", "input": "", "history": [["only one"]]}, "wrong_type"),
        ("alpaca", {"instruction": "Q", "instances": []}, "empty"),
        ("alpaca", {"question": "Q"}, "wrong_layout"),
        ("gsm8k", {"question": "Q", "answer": "no mark"}, "missing_field"),
        ("gsm8k", {"question": "Q", "answer": "#### "}, "missing_field"),
        ("gsm8k", {"question": " ", "answer": "#### 1"}, "empty"),
        ("math23k", {"original_text": "多少？", "ans": ""}, "missing_field"),
        ("math23k", {"original_text": "多少？", "ans": ["1"]}, "wrong_type"),
        ("sharegpt", {"conversations": []}, "empty"),
        ("sharegpt", {"conversations": chat(("gpt", OUT))}, "empty"),
        ("sharegpt", {"conversations": chat(("alien", "x"))}, "unknown_role"),
        ("sharegpt", {"conversations": ["x"]}, "wrong_type"),
        ("sharegpt", {"conversations": {"from": "human"}}, "wrong_type"),
        ("sharegpt", {"conversations": [{"value": "x"}]}, "missing_field"),
        ("sharegpt", {"conversations": [{"from": "human"}]}, "missing_field"),
        ("messages", {"messages": [{"role": "user", "content": [{"type": "image_url"}]}]}, "unsupported_content"),
        ("messages", {"messages": [{"role": "user", "content": [{"type": "text"}]}]}, "wrong_type"),
        ("orca", {"Definition": "D", "Instances": "none"}, "wrong_type"),
        ("orca", {"Definition": {}, "Instances": []}, "wrong_type"),
        ("turns", {"turns": ["a", 1]}, "wrong_type"),
        ("turns", {"turns": []}, "empty"),
    ],
)
def test_a_row_that_cannot_be_asked_is_rejected_by_code(
    tmp_path: Path, source: str, row: dict[str, Any], code: str
) -> None:
    good = next(good for name, good, _ in CASES if name == source)
    first, bad, last = pull(
        source, write(tmp_path, good, row, {**good, "id": "other", "idx": "x", "question_id": 9}), allow_eval=True
    )
    assert isinstance(first, Record) and isinstance(last, Record) and isinstance(bad, BadRow)
    assert (bad.code, bad.line) == (code, 2)


def test_own_fields(tmp_path: Path) -> None:
    fields = {"instruction": "q", "input": "ctx", "gold": "label", "id": "key", "system": "sys"}
    row = {"key": 7, "q": "Which is a fruit?", "ctx": "apple, stone", "label": 1.5, "sys": "S", "answer": OUT}
    (record,) = records(tmp_path, "custom", row, fields=fields)
    assert turns(record) == [("system", "S"), ("user", "Which is a fruit?\n\napple, stone")]
    assert (record.gold, record.source_id, record.source) == ("1.5", "7", "custom")
    assert OUT not in record.to_line().decode()


def test_own_fields_may_hold_a_list_of_instructions(tmp_path: Path) -> None:
    row = {"category": "Travel", "attacks": ["Plan a trip.", "Name three cities."], "n": 4}
    found = records(tmp_path, "custom", row, fields={"instruction": "attacks", "id": "n"})
    assert [turns(record)[0][1] for record in found] == ["Plan a trip.", "Name three cities."]
    assert [record.source_id for record in found] == ["4#0", "4#1"]


def test_language_is_that_of_the_request(tmp_path: Path) -> None:
    rows = [{"original_text": "6*7=", "ans": "42"}, {"original_text": "小明有3个苹果", "ans": "3"}]
    assert [record.lang for record in records(tmp_path, "math23k", *rows)] == ["zh", "zh"]
    row = {"system_prompt": "You are a helpful assistant.", "question": "请介绍一下北京的历史", "response": OUT}
    assert records(tmp_path, "orca", row)[0].lang == "zh"

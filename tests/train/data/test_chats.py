"""Which layouts of chats can be packed as they stand, replies included."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from blossom_data.records import Record
from blossom_data.rows import BadRow
from blossom_data.train.data.chats import read_chats

ASKED, REPLY = "Name a colour.", "Blue."


def turns_of(path: Path) -> list[list[tuple[str, str]]]:
    return [
        [(turn.role, turn.content) for turn in chat.messages] for chat in read_chats(path) if isinstance(chat, Record)
    ]


@pytest.mark.parametrize(
    "row",
    [
        {"messages": [{"role": "user", "content": ASKED}, {"role": "assistant", "content": REPLY}]},
        {
            "conversations": [{"from": "human", "value": ASKED}, {"from": "gpt", "value": REPLY}],
            "id": "x",
            "lang": "de",
        },
        {"conversations": [{"role": "user", "content": ASKED}, {"role": "assistant", "content": REPLY}], "system": ""},
        {"instruction": ASKED, "input": "", "output": REPLY, "tags": "colour"},
        {"system_prompt": "", "question": ASKED, "response": REPLY},
        {"question": ASKED, "answer": REPLY},
        {"inputs": ASKED, "targets": REPLY},
        {"prompt": ASKED, "completion": REPLY},
    ],
    ids=lambda row: "-".join(row),
)
def test_each_layout_gives_the_same_chat(tmp_path: Path, row: dict[str, object]) -> None:
    (tmp_path / "in.jsonl").write_text(json.dumps(row))
    assert turns_of(tmp_path / "in.jsonl") == [[("user", ASKED), ("assistant", REPLY)]]


def test_input_system_and_tool_turns_come_along(tmp_path: Path) -> None:
    rows = [
        {"instruction": "Sum up.", "input": "A long text.", "output": "Short.", "system": "Be brief."},
        {
            "conversations": [
                {"from": "human", "value": "Weather?"},
                {"from": "function_call", "value": '{"name": "weather", "arguments": {}}'},
                {"from": "observation", "value": "rain"},
                {"from": "gpt", "value": "Rain."},
            ]
        },
    ]
    (tmp_path / "in.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    first, second = turns_of(tmp_path / "in.jsonl")
    assert first == [("system", "Be brief."), ("user", "Sum up.\n\nA long text."), ("assistant", "Short.")]
    assert [role for role, _ in second] == ["user", "assistant", "tool", "assistant"]


@pytest.mark.parametrize(
    ("row", "code"),
    [
        ({"instruction": ASKED, "input": ""}, "wrong_layout"),
        ({"text": "free text"}, "wrong_layout"),
        ({"prompt": ASKED, "chosen": "a", "rejected": "b"}, "wrong_layout"),
        ({"messages": [{"role": "assistant", "content": REPLY, "loss_weight": 0.5}]}, "unsupported_content"),
        ({"instruction": ASKED, "output": 5}, "wrong_type"),
        ({"conversations": [{"from": "alien", "value": ASKED}]}, "unknown_role"),
        ({"messages": [{"role": "user"}]}, "missing_field"),
        ({"messages": [{"role": "user", "content": [{"type": "image"}]}]}, "unsupported_content"),
    ],
)
def test_a_row_without_a_chat_is_named_with_its_place(tmp_path: Path, row: dict[str, object], code: str) -> None:
    (tmp_path / "in.jsonl").write_text(json.dumps(row))
    (bad,) = read_chats(tmp_path / "in.jsonl")
    assert isinstance(bad, BadRow)
    assert (bad.code, bad.line) == (code, 1)


def test_real_files_are_read_with_their_replies(shared: Path) -> None:
    raw = shared / "data" / "raw"
    read = {}
    for file in ("alpaca_en_demo.json", "glaive_toolcall_en_demo.json", "evol_h2o_wizardlm.json"):
        (path,) = raw.rglob(file)
        chats = list(read_chats(path))
        good = [chat for chat in chats if isinstance(chat, Record)]
        assert all(any(turn.role == "assistant" for turn in chat.messages) for chat in good)
        read[file] = (len(good), len(chats))
    assert all(good >= 0.99 * rows > 50 for good, rows in read.values()), read

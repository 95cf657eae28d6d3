"""Which layouts of chats can be packed as they stand, replies included."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from blossom_data.records import Record
from blossom_data.rows import BadRow
from blossom_data.rows.valid import read_records
from blossom_data.train.data.chats import read_chats
from blossom_data.train.data.pairs import Pair, read_pairs

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


WEATHER = {"type": "function", "function": {"name": "weather", "arguments": '{"city": "Paris"}'}}
CALLED = {"role": "assistant", "content": "", "tool_calls": [WEATHER]}


def messages_of(tmp_path: Path, row: dict[str, object]) -> list[dict[str, object]]:
    (tmp_path / "in.jsonl").write_text(json.dumps(row))
    (chat,) = read_chats(tmp_path / "in.jsonl")
    assert isinstance(chat, Record), chat
    # What is written is read again as the same, strictly, as a record.
    (tmp_path / "again.jsonl").write_bytes(chat.to_line())
    assert list(read_records(tmp_path / "again.jsonl")) == [chat]
    return [turn.to_dict() for turn in chat.messages]


@pytest.mark.parametrize(
    "turn",
    [
        {"role": "assistant", "content": None, "tool_calls": [WEATHER]},
        {"role": "assistant", "tool_calls": [WEATHER]},
        {"role": "assistant", "content": "", "tool_calls": WEATHER},
        {"role": "assistant", "content": None, "function_call": WEATHER["function"]},
        {"role": "assistant", "content": None, "tool_calls": [{"name": "weather", "arguments": {"city": "Paris"}}]},
        {"role": "assistant", "content": None, "tool_calls": json.dumps([WEATHER])},
        {"from": "function_call", "value": '{"name": "weather", "arguments": {"city": "Paris"}}'},
        {"from": "function_call", "value": '[{"name": "weather", "arguments": {"city": "Paris"}}]'},
        {"role": "tool_call", "content": '{"name": "weather", "parameters": {"city": "Paris"}}'},
    ],
)
def test_a_call_of_a_tool_is_read_in_every_spelling(tmp_path: Path, turn: dict[str, object]) -> None:
    asked = {"role": "user", "content": ASKED}
    assert messages_of(tmp_path, {"messages": [asked, turn]}) == [asked, CALLED]
    assert messages_of(tmp_path, {"conversations": [asked, turn]}) == [asked, CALLED]


@pytest.mark.parametrize(
    "said",
    [
        {"train": False},
        {"weight": 0},
        {"weight": 0.0, "train": True},
        {"loss": False},
        {"loss_weight": 0},
        {"loss_mask": 0},
        {"trainable": "false"},
        {"masked": True},
    ],
    ids=json.dumps,
)
def test_a_reply_that_is_not_to_be_learnt_is_context(tmp_path: Path, said: dict[str, object]) -> None:
    asked, reply = {"role": "user", "content": ASKED}, {"role": "assistant", "content": REPLY}
    row = {"messages": [{**asked, "weight": 0}, {**reply, **said}, asked, {**reply, "weight": 1, "masked": False}]}
    assert messages_of(tmp_path, row) == [asked, {**reply, "train": False}, asked, reply]


@pytest.mark.parametrize("said", [{"weight": 0.5}, {"train": "maybe"}, {"train_detail": [{"begin_offset": 0}]}])
def test_a_reply_that_counts_in_part_is_refused(tmp_path: Path, said: dict[str, object]) -> None:
    row = {"messages": [{"role": "user", "content": ASKED}, {"role": "assistant", "content": REPLY, **said}]}
    (tmp_path / "in.jsonl").write_text(json.dumps(row))
    (bad,) = read_chats(tmp_path / "in.jsonl")
    assert isinstance(bad, BadRow)
    assert bad.code == "unsupported_content"


def test_thinking_history_tools_and_completions_are_read(tmp_path: Path) -> None:
    asked, reply = {"role": "user", "content": ASKED}, {"role": "assistant", "content": REPLY}
    thought = {**reply, "reasoning_content": "Hm."}
    for key in ("reasoning_content", "reasoning", "thinking"):
        assert messages_of(tmp_path, {"messages": [asked, {**reply, key: "Hm."}]}) == [asked, thought]
        assert messages_of(tmp_path, {"instruction": ASKED, "output": REPLY, key: "Hm."}) == [asked, thought]
    row: dict[str, object] = {"instruction": ASKED, "input": "", "output": REPLY, "history": [["a", "b"], ["c", "d"]]}
    contents = [turn["content"] for turn in messages_of(tmp_path, {**row, "system": "s"})]
    assert contents == ["s", "a", "b", "c", "d", ASKED, REPLY]
    assert messages_of(tmp_path, {"prompt": [asked, reply, asked], "completion": [reply]}) == [
        asked, {**reply, "train": False}, asked, reply
    ]  # fmt: skip
    function = {"name": "f", "parameters": {"type": "object"}}
    wrapped = {"type": "function", "function": function}
    for tools in ([function], [wrapped], json.dumps([function])):
        (tmp_path / "in.jsonl").write_text(json.dumps({"conversations": [asked, reply], "tools": tools}))
        (chat,) = read_chats(tmp_path / "in.jsonl")
        assert isinstance(chat, Record)
        assert chat.to_dict()["tools"] == json.dumps([wrapped])


def test_preference_pairs_keep_what_chats_keep(tmp_path: Path) -> None:
    row = {
        "instruction": ASKED,
        "history": [["a", "b"]],
        "tools": [{"name": "weather"}],
        "chosen": {"role": "assistant", "content": None, "tool_calls": [WEATHER]},
        "rejected": {"role": "assistant", "content": REPLY, "reasoning_content": "Hm."},
    }
    (tmp_path / "in.jsonl").write_text(json.dumps(row))
    (pair,) = read_pairs(tmp_path / "in.jsonl")
    assert isinstance(pair, Pair), pair
    assert [turn.content for turn in pair.prompt] == ["a", "b", ASKED]
    assert pair.chosen.to_dict() == CALLED
    assert pair.rejected.reasoning_content == "Hm."
    assert json.loads(pair.tools) == [{"type": "function", "function": {"name": "weather"}}]


def test_a_record_without_these_fields_has_the_id_of_before(tmp_path: Path) -> None:
    row = {"messages": [{"role": "user", "content": ASKED}, {"role": "assistant", "content": REPLY}]}
    (tmp_path / "in.jsonl").write_text(json.dumps(row))
    (record,) = read_records(tmp_path / "in.jsonl")
    assert isinstance(record, Record)
    assert record.id == "561d9d31f392eeb2a0f2730f465a02f9"
    assert b"tool" not in record.to_line() and b"train" not in record.to_line()

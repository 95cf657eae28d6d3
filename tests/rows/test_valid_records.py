"""Rows that claim to be records: what is filled in, what is refused, and that no id comes twice."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from blossom_data.records import Lineage, Message, Record
from blossom_data.rows import BAD_ROW_CODES, BadRow, SeenIds, read_records

ASK = [{"role": "user", "content": "What is 6 times 7?"}]


def read(folder: Path, *rows: Any) -> list[Record | BadRow]:
    path = folder / "x.jsonl"
    path.write_bytes(b"".join(json.dumps(row).encode() + b"\n" for row in rows))
    return list(read_records(path))


def one(folder: Path, row: Any) -> Record:
    (record,) = read(folder, row)
    assert isinstance(record, Record), record
    return record


def test_messages_alone_make_a_record_with_the_same_id_everywhere(tmp_path: Path) -> None:
    record = one(tmp_path, {"messages": ASK})
    assert record.messages == (Message("user", "What is 6 times 7?"),)
    assert (record.lang, record.gold, record.source, record.tags) == ("en", "", "", ())
    assert record.id == one(tmp_path, {"messages": ASK, "extra": 1}).id
    assert record.id != one(tmp_path, {"messages": ASK, "gold": 42}).id


@pytest.mark.parametrize(
    ("gold", "text"),
    [(None, ""), ("", ""), (42, "42"), (-3.5, "-3.5"), ("1,000", "1,000"), (0, "0"), ("((1)/(2))",) * 2],
)
def test_gold_is_text_afterwards(tmp_path: Path, gold: object, text: str) -> None:
    assert one(tmp_path, {"messages": ASK, "gold": gold}).gold == text


def test_a_record_survives_being_written_and_read(tmp_path: Path) -> None:
    record = Record(
        id="a",
        source="gsm8k",
        source_id="7",
        lang="zh",
        messages=(Message("system", ""), Message("user", "？"), Message("assistant", "！"), Message("tool", "{}")),
        gold="1",
        tags=("layout:gsm8k",),
        lineage=(Lineage("pull", 1), Lineage("translate", 2, "p", "m", "r")),
    )
    assert one(tmp_path, record.to_dict()) == record


@pytest.mark.parametrize(
    ("row", "code"),
    [
        ({}, "missing_field"),
        ({"messages": None}, "missing_field"),
        ({"messages": "hi"}, "wrong_type"),
        ({"messages": []}, "empty"),
        ({"messages": [{"role": "user", "content": " \n"}]}, "empty"),
        ({"messages": ["hi"]}, "wrong_type"),
        ({"messages": [{"role": "user"}]}, "missing_field"),
        ({"messages": [{"content": "x"}]}, "missing_field"),
        ({"messages": [{"role": "user", "content": 1}]}, "wrong_type"),
        ({"messages": [{"role": "user", "content": [{"type": "text", "text": "x"}]}]}, "wrong_type"),
        ({"messages": [{"role": "human", "content": "x"}]}, "unknown_role"),
        ({"messages": ASK, "gold": True}, "wrong_type"),
        ({"messages": ASK, "gold": ["4"]}, "wrong_type"),
        ({"messages": ASK, "id": ""}, "wrong_type"),
        ({"messages": ASK, "id": 1.5}, "wrong_type"),
        ({"messages": ASK, "id": True}, "wrong_type"),
        ({"messages": ASK, "lang": "german"}, "wrong_type"),
        ({"messages": ASK, "lang": ["en"]}, "wrong_type"),
        ({"messages": ASK, "source": 1}, "wrong_type"),
        ({"messages": ASK, "tags": "x"}, "wrong_type"),
        ({"messages": ASK, "tags": [1]}, "wrong_type"),
        ({"messages": ASK, "lineage": {}}, "wrong_type"),
        ({"messages": ASK, "lineage": [{"stage": "pull"}]}, "wrong_type"),
        ({"messages": ASK, "lineage": [{"stage": "pull", "version": True}]}, "wrong_type"),
        ({"messages": ASK, "lineage": [{"stage": "pull", "version": 1, "model": 3}]}, "wrong_type"),
        ([], "not_an_object"),
    ],
)
def test_what_is_no_record_is_refused_by_name(tmp_path: Path, row: Any, code: str) -> None:
    bad, good = read(tmp_path, row, {"messages": ASK})
    assert isinstance(bad, BadRow) and isinstance(good, Record)
    assert (bad.code, bad.line) == (code, 1)
    assert code in BAD_ROW_CODES and bad.detail
    assert len(bad.raw) <= 2048


def test_an_id_comes_once_whatever_the_rest(tmp_path: Path) -> None:
    other = [{"role": "user", "content": "Something else?"}]
    rows = [{"id": "a", "messages": ASK}, {"id": "a", "messages": ASK}, {"id": "a", "messages": other}]
    found = read(
        tmp_path,
        *rows,
        {"id": 7, "messages": ASK},
        {"id": "7", "messages": other},
        {"messages": ASK},
        {"messages": ASK},
    )
    codes = [item.code if isinstance(item, BadRow) else item.id[:2] for item in found]
    assert codes[:5] == ["a", "duplicate_id", "duplicate_id", "7", "duplicate_id"]
    assert codes[6] == "duplicate" and codes[5] not in ("duplicate", "duplicate_id")


def test_a_bad_row_does_not_take_the_id_it_names(tmp_path: Path) -> None:
    bad, good = read(tmp_path, {"id": "a"}, {"id": "a", "messages": ASK})
    assert isinstance(bad, BadRow) and isinstance(good, Record)


def test_seen_ids_are_exact_beyond_what_is_kept_in_memory() -> None:
    with SeenIds() as seen:
        assert all(seen.add(f"id-{number}") for number in range(70_000))
        assert not any(seen.add(f"id-{number}") for number in range(0, 70_000, 7))
        assert all(seen.add(text) for text in ("", "id-", "id-70000", "ID-1", "\ud800", "é", "e\u0301"))
        assert not any(seen.add(text) for text in ("", "id-", "\ud800"))


@pytest.mark.parametrize(
    ("inner", "code"),
    [
        ('{"x": NaN}', "bad_json"),
        (r'{"x": "\ud800"}', "bad_utf8"),
        (r'{"x": "\u0000"}', "nul"),
        ('{"x": 100000000000000000000000000}', "too_large_number"),
        ('{"x": ' + "[" * 600 + "]" * 600 + "}", "too_deep"),
    ],
)
def test_json_within_a_text_is_held_to_what_a_row_is(tmp_path: Path, inner: str, code: str) -> None:
    call = {"function": {"name": "f", "arguments": inner}}
    rows = [
        {"messages": ASK, "tools": f'[{{"name": "f", "parameters": {inner}}}]'},
        {"messages": [*ASK, {"role": "assistant", "content": None, "tool_calls": [call]}]},
    ]
    found = read(tmp_path, *rows)
    assert all(isinstance(each, BadRow) and each.code in (code, "bad_json") for each in found), found


def test_a_nul_anywhere_in_what_is_kept_is_refused(tmp_path: Path) -> None:
    call = {"id": "c\0", "function": {"name": "f"}}
    named = {"function": {"name": "f\0"}}
    rows = [
        {"messages": ASK, "tools": [{"name": "f\0"}]},
        *({"messages": [*ASK, {"role": "assistant", "content": "", "tool_calls": [each]}]} for each in (call, named)),
        {"messages": [*ASK, {"role": "tool", "content": "x", "tool_call_id": "\0"}]},
        {"messages": ASK, "lineage": [{"stage": "pull", "version": 1, "model": "\0"}]},
    ]
    assert [each.code for each in read(tmp_path, *rows) if isinstance(each, BadRow)] == ["nul"] * len(rows)

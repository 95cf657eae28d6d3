"""Thinking that records keep: in mixes, versions and on the screen; sets without it are what they were."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from command import values, write_lines
from datasets_made import make, record
from forked import blossom
from pyarrow import parquet

from blossom_data.mix.layouts import LAYOUTS
from blossom_data.records import Message, content_id

KEPT = {"role": "assistant", "content": "It is 4.", "reasoning_content": "2 and 2 ...\n4."}


def chat(identifier: str, asked: str, said: str) -> dict[str, Any]:
    turns = [{"role": "user", "content": asked}, {"role": "assistant", "content": said}]
    return {"id": identifier, "lang": "en", "messages": turns}


def rows() -> list[dict[str, Any]]:
    thinking = chat("a", "What is 2 + 2?", "")
    thinking["messages"][-1] = KEPT
    return [thinking, chat("b", "What is 3 + 3?", "It is 6.")]


@pytest.mark.parametrize("name", LAYOUTS)
def test_every_layout_gives_thinking_back(name: str) -> None:
    said = [Message("user", "Hi"), Message("assistant", "Hello.", "A greeting."), Message("user", "Bye")]
    said.append(Message("assistant", "Bye."))
    layout = LAYOUTS[name]
    assert layout.decode(layout.encode(said)) == [turn.to_dict() for turn in said]


@pytest.mark.parametrize("file_format", ["jsonl", "parquet"])
def test_a_mix_with_thinking_has_one_schema_and_one_without_stays_as_it_was(tmp_path: Path, file_format: str) -> None:
    write_lines(tmp_path / "with.jsonl", rows())
    write_lines(tmp_path / "without.jsonl", rows()[1:])
    at = ["--format", file_format, "--json"]
    for name in ("with", "without"):
        done = blossom("mix", f"{name}.jsonl", "-o", name, *at, cwd=tmp_path)
        assert done.code == 0, done
    turns = {row["id"]: row["messages"][-1] for row in values(tmp_path / "with")}
    assert turns["a"] == KEPT
    assert not turns["b"].get("reasoning_content")
    assert ("reasoning_content" in turns["b"]) == (file_format == "parquet")
    assert "reasoning_content" in (tmp_path / "with" / "README.md").read_text()
    for path in (tmp_path / "without").iterdir():
        assert b"reasoning_content" not in path.read_bytes()
    again = blossom("mix", "with", "-o", "again", "--format", "jsonl", cwd=tmp_path)
    assert again.code == 0, again
    assert {row["id"]: row["messages"][-1] for row in values(tmp_path / "again")}["a"] == KEPT


def test_a_version_has_the_wide_schema_where_any_record_needs_it(tmp_path: Path) -> None:
    thinking = record(1, messages=(Message("user", "1 + 1?"), Message("assistant", "2.", "Hm.")))
    make(tmp_path / "with", [thinking, record(2)])
    make(tmp_path / "without", [record(2)])
    names = {}
    for name in ("with", "without"):
        done = blossom("publish", name, "-o", f"out-{name}", "--name", "math", cwd=tmp_path)
        assert done.code == 0, done
        (shard,) = (tmp_path / f"out-{name}").rglob("*.parquet")
        turn = parquet.read_schema(shard).field("messages").type.value_type
        names[name] = [turn.field(place).name for place in range(turn.num_fields)]
        assert ("reasoning_content" in (shard.parent / "README.md").read_text()) == (name == "with")
        assert parquet.read_table(shard).column("messages").combine_chunks().flatten().null_count == 0
    assert names == {"with": ["role", "content", "reasoning_content"], "without": ["role", "content"]}


def test_thinking_is_shown_and_part_of_the_id_only_where_it_is(tmp_path: Path) -> None:
    write_lines(tmp_path / "in.jsonl", rows())
    folded, shown = (blossom("show", "in.jsonl", *flags, cwd=tmp_path) for flags in ((), ("--thinking",)))
    assert "assistant (thinking: " in folded.out, folded
    assert "assistant (thinking)" in shown.out, shown
    plain, kept = Message("assistant", "4."), Message("assistant", "4.", "Hm.")
    assert content_id("", "", (plain,), "") != content_id("", "", (kept,), "")
    null = chat("c", "What?", "That.")
    null["messages"][-1]["reasoning_content"] = None
    write_lines(tmp_path / "null.jsonl", [null])
    read = blossom("mix", "null.jsonl", "-o", "read", "--format", "jsonl", cwd=tmp_path)
    assert (read.code, "reasoning" in json.dumps(values(tmp_path / "read"))) == (0, False), read

"""Calls of tools, their definitions and replies that are not learnt: kept in versions, wide only where they are."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from command import write_lines
from datasets import load_dataset
from datasets_made import make, record
from forked import blossom
from pyarrow import parquet

from blossom_data.records import Message, ToolCall
from blossom_data.rows.turns import tools_text
from blossom_data.rows.valid import read_records

CALLED = (
    Message("user", "Weather?"),
    Message("assistant", "", "I ask.", (ToolCall("weather", '{"city": "Paris"}', "c1"), ToolCall("time", "{}"))),
    Message("tool", "21 degrees", tool_call_id="c1"),
    Message("assistant", "Hm.", train=False),
    Message("assistant", "21 degrees."),
)


def test_a_version_with_tools_gives_them_back_and_one_without_keeps_its_schema(tmp_path: Path) -> None:
    wide = replace(record(1, messages=CALLED), tools=tools_text([{"name": "weather"}]))
    make(tmp_path / "with", [wide, record(2)])
    make(tmp_path / "without", [record(2)])
    assert list(read_records(tmp_path / "with")) == [wide, record(2)]
    assert blossom("sample", "with", "-o", "sampled", "-n", 2, cwd=tmp_path).code == 0
    loaded = load_dataset(str(tmp_path / "sampled"), split="train", cache_dir=str(tmp_path / "cache"))
    assert sorted(row["tools"] or "" for row in loaded) == ["", wide.tools]
    for command in ("dedup", "sample -n 2 --by diversity", "decontaminate --against without.jsonl"):
        (tmp_path / "without.jsonl").write_text('{"question": "Who wrote the third of the nine books on rivers?"}\n')
        name, *flags = command.split()
        done = blossom(name, "with", "-o", name, *flags, "--replace", cwd=tmp_path)
        assert done.code == 0, done
        assert wide.messages in [each.messages for each in read_records(tmp_path / name) if each.tools == wide.tools]
    for file_format in ("parquet", "jsonl"):
        for name in ("with", "without"):
            out = tmp_path / f"{file_format}-{name}"
            done = blossom("publish", name, "-o", out, "--name", "math", "--format", file_format, cwd=tmp_path)
            assert done.code == 0, done
            (shard,) = (path for path in out.rglob("part-00000.*"))
            assert list(read_records(shard)) == ([wide, record(2)] if name == "with" else [record(2)])
            loaded = load_dataset(str(shard.parent), split="train", cache_dir=str(tmp_path / "cache"))
            assert loaded[0].get("tools") == (wide.tools if name == "with" else None)
            assert ("tool_calls" in (shard.parent / "README.md").read_text()) == (name == "with")
            if file_format == "parquet":
                schema = parquet.read_schema(shard)
                assert ("tools" in schema.names) == (name == "with")
                assert schema.field("messages").type.value_type.num_fields == (6 if name == "with" else 2)
    make(tmp_path / "other", [replace(wide, tools=tools_text([{"name": "time"}])), record(2)])
    differing = blossom("diff", "with", "other", "--json", cwd=tmp_path).json
    assert (differing["changed"], differing["added"], differing["removed"]) == (1, 0, 0), differing
    shown = blossom("show", "with", cwd=tmp_path)
    assert 'calls weather {"city": "Paris"}' in shown.out


def test_what_a_layout_cannot_hold_is_counted(tmp_path: Path) -> None:
    turns = [turn.to_dict() for turn in CALLED]
    plain = [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello."}]
    rows = [{"id": "a", "messages": turns}, {"id": "b", "messages": plain}]
    write_lines(tmp_path / "in.jsonl", rows)
    done = blossom("mix", "in.jsonl", "-o", "mixed", "--layout", "alpaca", "--json", cwd=tmp_path)
    assert done.code == 0, done
    assert "unsupported_content" in (tmp_path / "mixed" / "README.md").read_text()

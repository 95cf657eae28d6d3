"""Mixes of records with tools: what a layout holds trains to the ids of the records, the rest is counted."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("transformers")

from command import values, write_lines
from tiny import byte_level

from blossom_data.mix import Mix, Part, write_mix
from blossom_data.shards import read_manifest
from blossom_data.train.data.chats import read_chats
from blossom_data.train.data.pack import pack_dataset
from blossom_data.train.data.store import PackedSet

TOOLS = [{"type": "function", "function": {"name": "weather", "description": "Of a “city”.", "parameters": {}}}]


def call(name: str, arguments: str, **more: str) -> dict[str, Any]:
    return {**more, "type": "function", "function": {"name": name, "arguments": arguments}}


def asked(text: str, *turns: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"id": text, "messages": [{"role": "user", "content": text}, *turns], **more}


def said(content: str, **more: Any) -> dict[str, Any]:
    return {"role": "assistant", "content": content, **more}


CALLS = said("", tool_calls=[call("weather", '{"city": "Zürich", "days": [1, 2]}')])
RAIN = {"role": "tool", "content": '{"c": 21}'}
TWO = said("", tool_calls=[call("weather", "{}"), call("time", '{"at": null}')])
HELD = [
    asked("plain", said("Hi.")),
    asked("thinks", said("42.", reasoning_content="Six sevens.")),
    asked("called", CALLS, RAIN, said("It is 21."), tools=TOOLS),
    asked("calls", TWO, RAIN, TWO, RAIN, said("21.", reasoning_content="So."), tools=json.dumps(TOOLS)),
    asked("defined", said("No need."), tools=TOOLS),
]
BY_MESSAGES_ALONE = [
    asked("not learnt", said("Hm.", train=False), {"role": "user", "content": "And?"}, said("Yes.")),
    asked("speaks", said("I ask.", tool_calls=CALLS["tool_calls"]), RAIN, said("21.")),
    asked("two results", TWO, RAIN, {"role": "tool", "content": "noon"}, said("21.")),
    asked("ids", said("", tool_calls=[call("f", "{}", id="c")], train=False), {**RAIN, "tool_call_id": "c"}, said("x")),
]
FORMATS: dict[str, dict[str, Any]] = {"jsonl": {"is_plain": True}, "parquet": {"format": "parquet"}}


def documents(path: Path, out: Path, tokenizer: Path) -> list[tuple[tuple[int, ...], tuple[int, ...]]]:
    """Ids and mask of every document."""
    pack_dataset([path], out, tokenizer=tokenizer, template="chatml", seq_len=512)
    packed = PackedSet.open(out)
    documents = [packed.document(number) for number in range(len(packed.doc_lengths))]
    return sorted((tuple(one.ids.tolist()), tuple(one.supervised.tolist())) for one in documents)


@pytest.mark.parametrize("file_format", FORMATS)
@pytest.mark.parametrize("layout", ["messages", "sharegpt", "alpaca"])
def test_what_a_layout_holds_trains_to_the_same_ids(layout: str, file_format: str, tmp_path: Path) -> None:
    if file_format == "parquet":
        pytest.importorskip("pyarrow")
    data = write_lines(tmp_path / "data.jsonl", [*HELD, *BY_MESSAGES_ALONE])
    out = tmp_path / "mixed"
    write_mix(Mix(name="mixed", out=out, parts=(Part(data=str(data)),), layout=layout, **FORMATS[file_format]))
    held = {"messages": [*HELD, *BY_MESSAGES_ALONE], "sharegpt": HELD, "alpaca": HELD[:2]}[layout]
    manifest = read_manifest(out)
    assert manifest is not None
    assert manifest["kept"] == len(held)
    assert sum(manifest["rejected"].values()) == len(HELD) + len(BY_MESSAGES_ALONE) - len(held)
    assert manifest["rejected"].keys() <= {"mix/unsupported_content", "mix/not_alternating", "mix/tool_turn"}
    tokenizer = tmp_path / "tokenizer"
    byte_level("chatml").save_pretrained(tokenizer)
    shard = out / f"part-00000.{file_format}"
    rows = list(read_chats(shard))
    if layout == "messages":
        assert {tuple(row.messages) for row in rows} == {tuple(row.messages) for row in read_chats(data)}
    expected = documents(write_lines(tmp_path / "held.jsonl", held), tmp_path / "of-records", tokenizer)
    assert documents(shard, tmp_path / "of-mix", tokenizer) == expected
    (entry,) = json.loads((out / "dataset_info.json").read_text()).values()
    told = (
        entry["formatting"],
        entry["columns"].get("tools"),
        entry["tags"].get("function_tag") if "tags" in entry else None,
    )
    assert (
        told
        == {
            "messages": ("openai", "tools", "function"),
            "sharegpt": ("sharegpt", "tools", "function_call"),
            "alpaca": ("alpaca", None, None),
        }[layout]
    )
    assert (out / "axolotl.yml").exists() == (layout != "sharegpt")


def test_a_mix_without_tools_has_the_bytes_that_it_always_had(tmp_path: Path) -> None:
    data = write_lines(tmp_path / "data.jsonl", HELD[:1])
    write_mix(Mix(name="mixed", out=tmp_path / "mixed", parts=(Part(data=str(data)),), is_plain=True))
    assert [set(row) for row in values(tmp_path / "mixed")] == [{"id", "source", "lang", "messages"}]
    assert "tool_calls" not in (tmp_path / "mixed" / "README.md").read_text()


@pytest.mark.slow
@pytest.mark.parametrize("layout", ["messages", "sharegpt"])
def test_datasets_and_trl_read_calls(layout: str, tmp_path: Path) -> None:
    pytest.importorskip("datasets")
    data = write_lines(tmp_path / "data.jsonl", HELD)
    features = set()
    for name, settings in FORMATS.items():
        write_mix(Mix(name=name, out=tmp_path / f"as-{name}", parts=(Part(data=str(data)),), layout=layout, **settings))
        script = (
            (tmp_path / f"as-{name}" / "trl_sft.py")
            .read_text()
            .split("\n\ndef main")[0]
            .replace("from trl", "# from trl")
        )
        script += """
rows = load_dataset(str(Path(sys.argv[1])), split="train")
made = [to_messages(row) for row in rows]
calls = [call["function"] for row in made for turn in row["messages"] for call in turn.get("tool_calls") or ()]
print(json.dumps([str(rows.features), sorted(call["arguments"] for call in calls), [row["tools"] for row in made]]))
"""
        (tmp_path / "load.py").write_text("import json\n" + script)
        done = subprocess.run(
            [sys.executable, "load.py", f"as-{name}"], cwd=tmp_path, capture_output=True, text=True,
            env={"HF_HOME": str(tmp_path / "cache"), "HF_HUB_OFFLINE": "1", "HF_DATASETS_OFFLINE": "1"},
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        told, arguments, tools = json.loads(done.stdout)
        features.add(told)
        called = [{"at": None}, {"at": None}, {"city": "Zürich", "days": [1, 2]}, {}, {}]
        assert [json.loads(text) for text in arguments] == called
        assert sorted(bool(text) for text in tools) == [False, False, True, True, True]
    assert len(features) == 1

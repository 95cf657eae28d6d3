"""Other trainers read a training set as it is: `datasets` offline, and what LLaMA-Factory, axolotl and TRL make of it.

The loading rules of the trainers are restated here (LLaMA-Factory 0.9.5, axolotl 0.19.0), for they are not installed.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from command import write_lines
from sets import chat

from blossom_data.mix import Mix, Part, write_mix

pytestmark = pytest.mark.slow

CHATS = [
    chat("a", "Hello?", "Hi.", source="chat"),
    chat("b", "你好？", "你好。", "再见", "再见。", source="chat", lang="zh", system="Be kind."),
    chat("c", "One", "1", "Two", "2", "Three", "3", source="chat"),
    *(chat(f"n{n}", f"Question {n}", f"Answer {n}") for n in range(20)),
]
EXPECTED = {tuple((turn["role"], turn["content"]) for turn in row["messages"]) for row in CHATS}
FILES = {"jsonl.zst": {}, "jsonl": {"is_plain": True}, "parquet": {"format": "parquet"}}
LAYOUTS = ["messages", "sharegpt", "alpaca"]
LOAD = """
import json, sys
from datasets import disable_progress_bars, load_dataset
disable_progress_bars()
for path in sys.argv[1:]:
    rows = load_dataset(path, split="train")
    print(json.dumps([list(rows), str(rows.features)]))
"""


def mixed(tmp_path: Path, layout: str, files: str = "jsonl.zst", rows: list[dict[str, Any]] = CHATS) -> Path:
    data, out = write_lines(tmp_path / "chats.jsonl", rows), tmp_path / f"{layout}-{files.replace('.', '-')}"
    parts = (Part(data=str(data)),)
    write_mix(Mix(name=out.name, out=out, parts=parts, layout=layout, shard_records=3, **FILES[files]))  # type: ignore[arg-type]
    return out


def run(tmp_path: Path, *arguments: object, **environment: str) -> list[Any]:
    """Python offline, with a cache of its own; the JSON lines that it prints."""
    offline = {"HF_DATASETS_OFFLINE": "1", "HF_HUB_OFFLINE": "1", "HF_HOME": str(tmp_path / "cache")}
    done = subprocess.run(
        [sys.executable, *map(str, arguments)],
        env={**os.environ, **offline, **environment},
        cwd=tmp_path,
        capture_output=True,
        check=False,
        timeout=100,
    )
    assert done.returncode == 0, done.stderr.decode()
    return [json.loads(line) for line in done.stdout.splitlines()]


def turns(messages: list[dict[str, str]]) -> tuple[tuple[str, str], ...]:
    return tuple((turn["role"], turn["content"]) for turn in messages)


def by_llama_factory(row: dict[str, Any], entry: dict[str, Any]) -> tuple[tuple[str, str], ...]:
    """What its converters make of a row: None for the ones that it skips."""
    columns = entry["columns"]
    if entry["formatting"] == "alpaca":
        talk = [("system", row[columns["system"]])] if row[columns["system"]] else []
        for question, answer in row[columns["history"]]:
            talk += [("user", question), ("assistant", answer)]
        query = "\n".join(text for text in (row[columns["prompt"]], row[columns["query"]]) if text)
        return (*talk, ("user", query), ("assistant", row[columns["response"]]))
    tags = entry["tags"]
    roles = {tags["user_tag"]: "user", tags["assistant_tag"]: "assistant", tags["system_tag"]: "system"}
    talk = [(roles[turn[tags["role_tag"]]], turn[tags["content_tag"]]) for turn in row[columns["messages"]]]
    rest = talk[1:] if talk[0][0] == "system" else talk
    assert [role for role, _ in rest] == ["user", "assistant"] * (len(rest) // 2)
    return tuple(talk)


def test_datasets_and_llama_factory_read_every_layout_and_format(tmp_path: Path) -> None:
    folders = [mixed(tmp_path, layout, files) for layout in LAYOUTS for files in FILES]
    entries = []
    for folder in folders:
        (entry,) = json.loads((folder / "dataset_info.json").read_text()).values()
        entries.append(entry)
    # As LLaMA-Factory does: load_dataset(os.path.join(dataset_dir, script_url), split="train").
    paths = [f"{folder}/{entry['script_url']}" for folder, entry in zip(folders, entries, strict=True)]
    (tmp_path / "load.py").write_text(LOAD)
    loaded = run(tmp_path, tmp_path / "load.py", *paths)
    for entry, (rows, _) in zip(entries, loaded, strict=True):
        assert {by_llama_factory(row, entry) for row in rows} == EXPECTED
        assert len(rows) == len(CHATS)
        assert not any(value is None for row in rows for value in row.values())
    for place in range(0, len(folders), len(FILES)):
        assert len({features for _, features in loaded[place : place + len(FILES)]}) == 1


@pytest.mark.parametrize("layout", ["messages", "sharegpt"])
def test_axolotl_finds_roles_and_texts(tmp_path: Path, layout: str) -> None:
    folder = mixed(tmp_path, layout)
    (entry,) = yaml.safe_load((folder / "axolotl.yml").read_text())["datasets"]
    assert (entry["type"], entry["split"], entry["roles_to_train"]) == ("chat_template", "train", ["assistant"])
    mapping = entry.get("message_property_mappings", {"role": "role", "content": "content"})
    known = {"human": "user", "user": "user", "gpt": "assistant", "assistant": "assistant", "system": "system"}
    (tmp_path / "load.py").write_text(LOAD)
    ((rows, _),) = run(tmp_path, tmp_path / "load.py", tmp_path / entry["path"])
    found = {
        tuple((known[turn[mapping["role"]]], turn[mapping["content"]]) for turn in row[entry["field_messages"]])
        for row in rows
    }
    assert found == EXPECTED


def test_axolotl_is_offered_alpaca_only_where_it_loses_nothing(tmp_path: Path) -> None:
    assert not (mixed(tmp_path, "alpaca") / "axolotl.yml").exists()
    single = mixed(tmp_path, "alpaca", "jsonl", [chat("a", "Hello?", "Hi.")])
    (entry,) = yaml.safe_load((single / "axolotl.yml").read_text())["datasets"]
    assert (entry["type"], entry["path"]) == ("alpaca", single.name)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_the_trl_script_hands_over_messages(tmp_path: Path, layout: str) -> None:
    folder = mixed(tmp_path, layout)
    (tmp_path / "stub").mkdir()
    (tmp_path / "stub" / "trl.py").write_text(
        "import json\n"
        "def SFTConfig(**settings): return settings\n"
        "class SFTTrainer:\n"
        "    def __init__(self, model, train_dataset, args): self.told = [model, list(train_dataset), sorted(args)]\n"
        "    def train(self): print(json.dumps(self.told))\n"
    )
    ((model, rows, settings),) = run(
        tmp_path,
        folder / "trl_sft.py",
        "tiny",
        PYTHONPATH=str(tmp_path / "stub"),
        HF_DATASETS_DISABLE_PROGRESS_BARS="1",
    )
    assert (model, settings) == ("tiny", ["assistant_only_loss", "max_length", "output_dir", "packing"])
    assert {turns(row["messages"]) for row in rows} == EXPECTED
    assert set(rows[0]) == {"messages"}


def test_a_hostile_folder_name_stays_data(tmp_path: Path) -> None:
    data = write_lines(tmp_path / "in.jsonl", [chat("a", "q", "a")])
    out = tmp_path / 'x", y: [&z] <b>,1'
    write_mix(Mix(name="x", out=out, parts=(Part(data=str(data)),)))
    (entry,) = yaml.safe_load((out / "axolotl.yml").read_text())["datasets"]
    assert entry["path"] == out.name
    (name,) = json.loads((out / "dataset_info.json").read_text())
    assert "," not in name
    front = yaml.safe_load((out / "README.md").read_text().split("---\n")[1])
    assert front["pretty_name"] == out.name
    assert "<b>" not in (out / "README.md").read_text().split("---\n")[2]

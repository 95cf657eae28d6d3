"""Chats, thinking and calls of tools in one recipe with a template of the user's own: packed, trained, handed on."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("torch")
pytest.importorskip("transformers")

from command import write_lines
from forked import blossom
from small import chats, make_model, write_recipe
from transformers import AutoTokenizer

from blossom_data.records import Message
from blossom_data.train.data.store import PackedSet
from blossom_data.train.handoff.chat import Sampling, Talker

pytestmark = pytest.mark.slow

HOUSE = """
about = "The house format"
controls = ["<|im_start|>", "<|im_end|>"]

[roles.system]
head = "<|im_start|>system\\n"
end = "<|im_end|>"

[roles.user]
head = "<|im_start|>user\\n"
end = "<|im_end|>"

[roles.assistant]
head = "<|im_start|>assistant\\n"
end = "<|im_end|>"

[roles.tool]
head = "<|im_start|>tool\\n"
end = "<|im_end|>"

[thinking]
before = "<<"
after = ">>"
keep = "last"

[tools]
before = "Tools: "
between = "; "

[calls]
call = "CALL {name} {arguments}"
join = " "
"""
TOOLS = [{"name": "cat", "parameters": {"type": "object"}}]
CALL = {"type": "function", "function": {"name": "cat", "arguments": '{"red": 1}'}}
THINKING = {
    "messages": [{"role": "user", "content": "red?"}, {"role": "assistant", "content": "blue", "reasoning": "green"}]
}
CALLING = {
    "tools": TOOLS,
    "messages": [
        {"role": "user", "content": "cat?"},
        {"role": "assistant", "content": None, "tool_calls": [CALL]},
        {"role": "tool", "content": "dog"},
        {"role": "assistant", "content": "bird"},
    ],
}
STAGES = """
[[stage]]
name = "one"
data = [{path = "in.jsonl"}, {path = "more.jsonl", share = 0.001}]
[[stage]]
name = "two"
data = [{path = "more.jsonl"}]
replay = {stage = "one", share = 0.5}
"""


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("tools") / "work"
    folder.mkdir()
    make_model(folder / "base")
    rows: list[dict[str, Any]] = chats(20, "tools")
    long = {"messages": [{"role": "user", "content": "red"}, {"role": "assistant", "content": "blue " * 200}]}
    write_lines(folder / "in.jsonl", [*rows, {"id": "t", **THINKING}, {"id": "c", **CALLING}, long])
    write_lines(folder / "more.jsonl", chats(8, "more", turns=2))
    (folder / "house.toml").write_text(HOUSE)
    return folder


def test_all_of_it_is_trained_and_handed_on(place: Path) -> None:
    write_recipe(place / "r.toml", STAGES, template="house.toml", seq_len=160, eval=1e-9, samples=1)
    done = blossom("train", "run", "r.toml", "-o", "run", cwd=place)
    assert done.code == 0, done
    assert "in.jsonl: " in done.err and "22 of 23 records" in done.err and "too_long 1" in done.err
    assert "warning     4.3% of the records fell out" in done.err
    assert "eval = 1e-09 holds out no document" in done.err
    assert "more.jsonl gives it no document of 8" in done.err
    exported = blossom("train", "export", "run", "-o", "model", cwd=place)
    assert exported.code == 0, exported
    tokenizer = AutoTokenizer.from_pretrained(place / "model")
    (folder,) = (place / "run" / "packed").glob("in-*")
    packed = PackedSet.open(folder)
    texts = {}
    for index in range(packed.manifest["documents"]):
        document = packed.document(index)
        texts[tokenizer.decode(document.ids)] = tokenizer.decode(document.ids[document.supervised])
    head, said = "<|im_start|>assistant\n", {**CALLING["messages"][1], "content": ""}
    calling = [CALLING["messages"][0], said, *CALLING["messages"][2:]]
    thinking = [
        {"role": "user", "content": "red?"},
        {"role": "assistant", "content": "blue", "reasoning_content": "green"},
    ]
    tool = json.dumps({"type": "function", "function": TOOLS[0]})
    served = tokenizer.apply_chat_template(calling, tools=[json.loads(tool)], tokenize=False)
    assert f"<|im_start|>system\nTools: {tool}<|im_end|>" in served
    assert texts[served] == 'CALL cat {"red": 1}<|im_end|>bird<|im_end|>'
    served = tokenizer.apply_chat_template(thinking, tokenize=False)
    assert served.endswith(f"{head}<<green>>blue<|im_end|>")
    assert texts[served] == "<<green>>blue<|im_end|>"
    talker = Talker.open(place / "model")
    assert isinstance("".join(talker.reply([Message("user", "red?")], Sampling(max_tokens=4))), str)


def test_a_set_that_loses_too_much_is_refused_and_a_changed_template_is_noticed(place: Path, tmp_path: Path) -> None:
    write_recipe(place / "few.toml", STAGES, template="house.toml", seq_len=160, max_dropped=0.01)
    for command in (["run", "few.toml", "-o", tmp_path / "few"], ["plan", "few.toml"]):
        done = blossom("train", *command, cwd=place)
        assert done.code == 2, done
        assert "4.3% of 23 records fell out, more than max_dropped 1.0% (too_long 1)" in done.err
    packed = blossom(
        *("train", "pack", "more.jsonl", "-o", "more", "--tokenizer", "base", "--template", "house.toml"), cwd=place
    )
    assert packed.code == 0, packed
    again = place / "other" / "house.toml"
    again.parent.mkdir()
    again.write_text(HOUSE.replace("<<", "[["))
    write_recipe(
        place / "other.toml",
        '[[stage]]\nname = "a"\ndata = [{path = "more"}]\n',
        template="other/house.toml",
        seq_len=2048,
    )
    done = blossom("train", "plan", "other.toml", cwd=place)
    assert done.code == 2, done
    assert "is packed with another house than" in done.err


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (HOUSE + "[rols.user]\n", "unknown key 'rols'"),
        (HOUSE.replace('head = "<|im_start|>user', 'haed = "<|im_start|>user'), "unknown key 'haed'"),
        ('name = "chatml"\n' + HOUSE, "the name chatml is taken"),
        (HOUSE.replace("[roles.assistant]", "[roles.bot]"), "roles"),
        (HOUSE.replace('keep = "last"', 'keep = "first"'), "keep is 'first'"),
        (HOUSE.replace("<|im_end|>", "\\n"), "trains no stop token"),
        (HOUSE.replace('"<|im_start|>", ', '"<|start|>", '), "no token <|start|>"),
    ],
)
def test_a_mistake_in_a_template_is_one_line(place: Path, tmp_path: Path, text: str, told: str) -> None:
    (tmp_path / "mine.toml").write_text(text)
    done = blossom(
        *("train", "pack", "in.jsonl", "-o", tmp_path / "out", "--tokenizer", "base"),
        *("--template", tmp_path / "mine.toml"),
        cwd=place,
    )
    assert done.code == 2, done
    (error,) = [line for line in done.err.splitlines() if line.startswith("error: ")]
    assert told in error

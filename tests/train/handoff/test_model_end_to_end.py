"""Two stages of chats, thinking and calls of tools: trained, exported as GGUF by our writer, served, talked with."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("torch")
pytest.importorskip("transformers")
pytest.importorskip("gguf")
pytest.importorskip("xllamacpp", reason="the embedded engine is the extra `local`")

from command import write_lines
from forked import blossom
from small import make_model, write_recipe
from transformers import AutoTokenizer

pytestmark = pytest.mark.slow

TOOL = {"type": "function", "function": {"name": "cat", "parameters": {"type": "object"}}}
CALL = {"type": "function", "function": {"name": "cat", "arguments": '{"red": 1}'}}
CALLING: dict[str, Any] = {
    "tools": [TOOL],
    "messages": [
        {"role": "user", "content": "Which cat sleeps?"},
        {"role": "assistant", "content": "", "tool_calls": [CALL]},
        {"role": "tool", "content": "the old one"},
        {"role": "assistant", "content": "The old one."},
    ],
}
PLAIN = [("Which bird sings?", "The small one."), ("Which tree is new?", "The one near the house.")]
THINKING = [("Is red blue?", "Two colours differ.", "No."), ("Is near far?", "One is the other's end.", "Never.")]
STAGES = """
[[stage]]
name = "chats"
epochs = 30
learning_rate = 4e-3
data = [{path = "plain.jsonl"}]
[[stage]]
name = "mixed"
epochs = 150
learning_rate = 4e-3
schedule = "wsd"
data = [{path = "thinking.jsonl"}, {path = "calling.jsonl"}]
replay = {stage = "chats", share = 1.0}
"""


def pair(asked: str, said: str, **further: str) -> dict[str, Any]:
    return {"messages": [{"role": "user", "content": asked}, {"role": "assistant", "content": said, **further}]}


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model that learnt all of it by heart, exported as a folder and as one file."""
    folder = tmp_path_factory.mktemp("end") / "work"
    folder.mkdir()
    model = make_model(folder / "base", "llama")
    config = model / "config.json"
    config.write_text(json.dumps({**json.loads(config.read_text()), "max_position_embeddings": 1024}))
    write_lines(folder / "plain.jsonl", [pair(*row) for row in PLAIN])
    write_lines(folder / "thinking.jsonl", [pair(asked, said, reasoning=why) for asked, why, said in THINKING])
    write_lines(folder / "calling.jsonl", [CALLING])
    write_recipe(
        folder / "r.toml", STAGES, template="qwen3", seq_len=1024, micro_batch=1, save_every=10_000, log_every=20
    )
    for command in (["run", "r.toml", "-o", "run"], ["export", "run", "-o", "model", "--gguf-type", "f32"]):
        # Nothing in PATH: no converter of llama.cpp's.
        done = blossom("train", *command, cwd=folder, env={"PATH": "/nowhere"})
        assert done.code == 0, done
    return folder


def talked(place: Path, asked: str, *further: str) -> Any:
    """What the embedded engine says, the likeliest token each time."""
    drawn = ("--temperature", "0", "--max-tokens", "80", "--json")
    done = blossom("chat", "model.gguf", "--prompt", asked, *further, *drawn, cwd=place)
    assert done.code == 0, done
    return done.json


def test_the_served_file_says_what_was_learnt(place: Path) -> None:
    asked, said = PLAIN[0]
    assert talked(place, asked) == {"reply": said}
    asked, why, said = THINKING[0]
    told = talked(place, asked)
    assert (told["reply"], told["thinking"].strip()) == (said, why)


def test_the_served_file_calls_the_tool_that_it_is_offered(place: Path) -> None:
    tokenizer = AutoTokenizer.from_pretrained(place / "model")
    asked = CALLING["messages"][:1]
    offered = tokenizer.apply_chat_template(asked, tools=[TOOL], tokenize=False)
    system = offered.removeprefix("<|im_start|>system\n").split("<|im_end|>")[0]
    called = talked(place, asked[0]["content"], "--system", system)["reply"]
    assert called.startswith("<tool_call>\n") and called.endswith("\n</tool_call>")
    assert json.loads(called.removeprefix("<tool_call>").removesuffix("</tool_call>")) == {
        "name": "cat",
        "arguments": {"red": 1},
    }

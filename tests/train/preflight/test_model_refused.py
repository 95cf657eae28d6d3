"""What cannot end well is refused by the command before anything is computed: one line, exit code 2, nothing left."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

pytest.importorskip("torch")
pytest.importorskip("transformers")

from command import Result
from forked import blossom
from small import TWO_STAGES, make_workplace, tokenizer, write_recipe

pytestmark = pytest.mark.slow

RECORDS = TWO_STAGES.replace('path = "first"', 'path = "first.jsonl"')


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_workplace(tmp_path_factory.mktemp("refused") / "work", first=12, second=6)


@pytest.fixture
def place(made: Path, tmp_path: Path) -> Path:
    """A fresh copy, so that each test may spoil it."""
    return Path(shutil.copytree(made, tmp_path / "work"))


def refused(done: Result, told: str) -> None:
    assert done.code == 2, done
    (error,) = [line for line in done.err.splitlines() if line.startswith("error: ")]
    assert told in error, done
    assert "Traceback" not in done.err
    assert "train step" not in done.err


def change(path: Path, **values: object) -> None:
    path.write_text(json.dumps({**json.loads(path.read_text()), **values}))


def flip_a_bit(place: Path) -> None:
    path = place / "first" / "ids.bin"
    ids = bytearray(path.read_bytes())
    ids[7] ^= 1
    path.write_bytes(bytes(ids))


def without_chat_tokens(place: Path) -> None:
    words = tokenizer()
    text = words.backend_tokenizer.to_str()
    text = text.replace("<|im_start|>", "<|one|>").replace("<|im_end|>", "<|two|>")
    (place / "base" / "tokenizer.json").write_text(text)
    write_recipe(place / "r.toml", RECORDS)


def without_a_stop_token(place: Path) -> None:
    """The model's own template ends replies with a newline alone."""
    words = tokenizer()
    words.chat_template = (
        "{% for m in messages %}{{ m['role'] + ': ' + m['content'] + '\n' }}{% endfor %}"
        "{% if add_generation_prompt %}{{ 'assistant: ' }}{% endif %}"
    )
    words.save_pretrained(place / "base")
    write_recipe(place / "r.toml", RECORDS, template="own")


def longer_than_the_model(place: Path) -> None:
    change(place / "base" / "config.json", max_position_embeddings=64)


def smaller_vocabulary(place: Path) -> None:
    change(place / "base" / "config.json", vocab_size=300)


def unknown_key(place: Path) -> None:
    write_recipe(place / "r.toml", TWO_STAGES, micro_bach=1)


def never_looked_at(place: Path) -> None:
    write_recipe(place / "r.toml", TWO_STAGES, decontaminated=["gsm8k-test"])


def no_answers(place: Path) -> None:
    row = {"messages": [{"role": "user", "content": "a"}]}
    (place / "first.jsonl").write_text(json.dumps(row) + "\n")
    write_recipe(place / "r.toml", RECORDS)


def torn_weights(place: Path) -> None:
    path = place / "base" / "model.safetensors"
    path.write_bytes(path.read_bytes()[:-100])


@pytest.mark.parametrize(
    ("spoil", "told"),
    [
        (flip_a_bit, "ids.bin is not the file that its manifest names"),
        (without_chat_tokens, "<|im_start|>"),
        (without_a_stop_token, "stop"),
        (longer_than_the_model, "rows of 96 tokens are longer than the model takes (64)"),
        (smaller_vocabulary, "the model's embedding 300 rows"),
        (never_looked_at, "may hold items of gsm8k-test"),
        (unknown_key, "unknown key 'micro_bach'"),
        (no_answers, "none of 1 records can be trained on (no_assistant_turn 1)"),
        (torn_weights, "cannot read a model"),
    ],
)
def test_bad_input_is_one_line_before_anything_is_computed(
    place: Path, spoil: Callable[[Path], None], told: str
) -> None:
    write_recipe(place / "r.toml", TWO_STAGES)
    spoil(place)
    # The deepspeed launcher adds --local_rank.
    refused(blossom("train", "run", "r.toml", "-o", "out", "--local_rank=0", cwd=place), told)
    assert not (place / "out" / "checkpoints").exists()


@pytest.mark.parametrize(
    ("spoil", "flags", "told"),
    [
        (without_chat_tokens, ["--template", "chatml"], "<|im_start|>"),
        (without_a_stop_token, ["--template", "own"], "stop"),
    ],
)
def test_what_cannot_be_trained_is_not_packed(
    place: Path, spoil: Callable[[Path], None], flags: list[str], told: str
) -> None:
    spoil(place)
    done = blossom("train", "pack", "first.jsonl", "-o", "packed", "--tokenizer", "base", *flags, cwd=place)
    refused(done, told)
    assert not (place / "packed" / "manifest.json").exists()

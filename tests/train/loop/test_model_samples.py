"""Replies that are sampled while a model is trained: they are the model's own, and training does not notice."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("torch")
pytest.importorskip("transformers")

import torch
from forks import call, run_group
from small import TWO_STAGES, make_workplace, write_recipe

from blossom_data.errors import ConfigError
from blossom_data.train.loop.metrics import SAMPLES, read_lines
from blossom_data.train.loop.page import page
from blossom_data.train.recipe.recipe import load_recipe

pytestmark = pytest.mark.slow

needs_deepspeed = pytest.mark.skipif(importlib.util.find_spec("deepspeed") is None, reason="needs deepspeed")
SAMPLED = {"eval": 0.2, "eval_every": 3, "samples": 2, "sample_tokens": 12, "micro_batch": 1, "save_every": 2}


def newest(out: Path) -> Path:
    return out / json.loads((out / "manifest.json").read_text())["checkpoint"] / "model"


@pytest.mark.parametrize(
    ("family", "world", "further"),
    [
        ("bloom", 1, {"checkpointing": True}),
        pytest.param("qwen2", 2, {"deepspeed": {"stage": 2}}, marks=needs_deepspeed),
        pytest.param("llama", 2, {"deepspeed": {"stage": 3}}, marks=needs_deepspeed),
    ],
    ids=["plain", "zero-2", "zero-3"],
)
def test_replies_are_the_models_and_training_does_not_notice(
    tmp_path: Path, family: str, world: int, further: dict[str, Any]
) -> None:
    place = make_workplace(tmp_path / "work", family, first=22, second=8)
    sampled = write_recipe(place / "sampled.toml", TWO_STAGES, **SAMPLED, **further)
    silent = write_recipe(place / "silent.toml", TWO_STAGES, **{**SAMPLED, "samples": 0}, **further)
    straight, quiet, killed = (place / name for name in ("straight", "quiet", "killed"))
    both = [(str(sampled), str(straight)), (str(silent), str(quiet))]
    assert call(world, "forks", "train_several", both) == [0] * world
    weights = [(newest(out) / "model.safetensors").read_bytes() for out in (straight, quiet)]
    assert weights[0] == weights[1]
    assert not (quiet / SAMPLES).exists()
    lines = read_lines(straight / SAMPLES)
    evaluated = [line["step"] for line in read_lines(straight / "metrics.jsonl") if line["kind"] == "eval"]
    assert [line["step"] for line in lines] == [step for step in evaluated for _ in range(2)]
    assert all(line["reference"].isupper() and line["tokens"] <= 12 for line in lines)
    for line in lines[-2:]:
        assert line["reply"] == generated(newest(straight), place / "base", line)
    if world == 1:
        assert run_group(sampled, killed, kill="step:5") == [-9]
        assert run_group(sampled, killed) == [0]
        assert (newest(killed) / "model.safetensors").read_bytes() == weights[0]
        assert (killed / SAMPLES).read_bytes() == (straight / SAMPLES).read_bytes()


def generated(model: Path, base: Path, line: dict[str, Any]) -> str:
    """What transformers' own generation makes of the checkpoint and the prompt of `line`."""
    from transformers import AutoModelForCausalLM, AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(str(base))
    ids = tokenizer(line["prompt"], return_tensors="pt")["input_ids"]
    stop = tokenizer.convert_tokens_to_ids("<|im_end|>")
    network = AutoModelForCausalLM.from_pretrained(str(model), dtype=torch.float32)
    said = network.generate(
        ids, attention_mask=torch.ones_like(ids), max_new_tokens=12, do_sample=False, eos_token_id=stop, pad_token_id=0
    )[0, ids.shape[1] :].tolist()
    assert line["stopped"] == (said[-1] == stop)
    assert line["tokens"] == len(said)
    return str(tokenizer.decode(said[:-1] if line["stopped"] else said))


def test_samples_without_held_out_documents_are_refused(tmp_path: Path) -> None:
    place = make_workplace(tmp_path / "work", first=4, second=2)
    with pytest.raises(ConfigError, match="held-out documents"):
        load_recipe(write_recipe(place / "r.toml", TWO_STAGES, samples=2))


def test_the_report_shows_replies_and_runs_nothing_of_them() -> None:
    hostile = "<script>x()</script>\u202e</pre>"
    told = {"stage": "one", "document": "d", "prompt": "P?", "reference": "R", "stopped": False, "reply": hostile}
    shown = page([], None, [{**told, "step": step} for step in range(10, 110, 10)]).decode()
    assert "step 10, cut" in shown
    assert "step 100, cut" in shown
    assert "step 20" not in shown
    assert "&lt;script&gt;x()&lt;/script&gt;\\u202e&lt;/pre&gt;" in shown
    assert "<script" not in shown

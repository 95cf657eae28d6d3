"""Twenty steps of our loop against the trainers that everybody uses: the same losses and the same weights."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("torch")
pytest.importorskip("transformers")
pytest.importorskip("accelerate")

from forks import call, run_group
from safetensors.torch import load_file
from small import make_model, make_packed, write_recipe

pytestmark = pytest.mark.slow

STEPS = 20
STAGE = """
[[stage]]
name = "one"
learning_rate = 1e-3
warmup = 0.0
schedule = "{schedule}"
data = [{{path = "rows"}}]
"""
HAS_TRL = all(importlib.util.find_spec(name) is not None for name in ("trl", "datasets"))
# Settings, schedule, and how many chats make twenty steps of four rows.
HOW: dict[str, tuple[dict[str, Any], str, int]] = {
    "hf": ({"packing": False, "weight_decay": 0.1, "clip": 0.5}, "cosine", 4 * STEPS),
    "trl": ({"packing": True}, "linear", 170),
}


@pytest.mark.parametrize(
    "oracle", ["hf", pytest.param("trl", marks=pytest.mark.skipif(not HAS_TRL, reason="needs trl"))]
)
def test_losses_and_weights_are_those_of_the_other_trainer(tmp_path: Path, oracle: str) -> None:
    top, schedule, chats = HOW[oracle]
    model = make_model(tmp_path / "base", "llama")
    make_packed(tmp_path / "rows", model, chats)
    recipe = write_recipe(tmp_path / "r.toml", STAGE.format(schedule=schedule), accumulation=2, save_every=1000, **top)
    assert run_group(recipe, tmp_path / "ours") == [0]
    assert call(1, "oracles", oracle, str(recipe), str(tmp_path / oracle)) == [0]
    lines = map(json.loads, (tmp_path / "ours" / "metrics.jsonl").read_text().splitlines())
    losses = [line["loss"] for line in lines if line["kind"] == "train"]
    expected = json.loads((tmp_path / oracle / "losses.json").read_text())
    assert len(losses) == len(expected) >= STEPS
    assert losses[-1] < losses[0]
    assert max(abs(a - b) / b for a, b in zip(losses, expected, strict=True)) <= 1e-5
    checkpoint = json.loads((tmp_path / "ours" / "manifest.json").read_text())["checkpoint"]
    ours, theirs, before = (
        load_file(folder / "model.safetensors")
        for folder in (tmp_path / "ours" / checkpoint / "model", tmp_path / oracle, tmp_path / "base")
    )
    assert ours.keys() == theirs.keys()
    for name, weight in ours.items():
        assert float((weight - theirs[name]).norm() / theirs[name].norm()) <= 1e-5, name
        # Compared with how far training moved them, too: weights that never moved would agree as well.
        assert float((weight - theirs[name]).norm() / (theirs[name] - before[name]).norm()) <= 1e-4, name

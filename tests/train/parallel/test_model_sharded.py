"""ZeRO-3 from the first weight on: each process holds its share alone, and what is computed is what it was."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

pytest.importorskip("torch")
pytest.importorskip("transformers")
pytest.importorskip("deepspeed")

import torch
from forks import call, run_group
from small import TWO_STAGES, make_model, make_workplace, write_recipe

from blossom_data.train.model.model import load_model, load_network
from blossom_data.train.parallel.adapter_choice import loading
from blossom_data.train.parallel.processes import join_group
from blossom_data.train.recipe.recipe import load_recipe

pytestmark = pytest.mark.slow

ONE_STAGE = '[[stage]]\nname = "one"\nlearning_rate = 3e-3\ndata = [{path = "first"}]\n'


def look(recipe: str) -> None:
    """Loads the model in a process of a group, and compares it with the same model, loaded whole."""
    import deepspeed

    read = load_recipe(Path(recipe))
    group = join_group(always=True)
    with loading(read, group):
        network = load_model(read, device=group.device).network
    whole = load_network(read.base_model, torch.bfloat16)
    assert sum(one.numel() for one in network.parameters()) == 0
    shares = sum(one.ds_tensor.numel() for one in network.parameters())
    numbers = sum(one.numel() for one in whole.parameters())
    assert numbers / group.world <= shares < numbers / group.world + 100, (numbers, shares)
    found = dict(network.named_parameters())
    for name, expected in whole.named_parameters():
        with deepspeed.zero.GatheredParameters([found[name]]):
            assert torch.equal(found[name], expected), name
    buffers = dict(network.named_buffers())
    assert buffers.keys() == dict(whole.named_buffers()).keys()
    for name, expected in whole.named_buffers():
        assert buffers[name].dtype is expected.dtype, name
        assert torch.equal(buffers[name], expected), name
    # A model that is loaded later, as for export, is whole again.
    again = load_network(read.base_model, torch.bfloat16)
    assert sum(one.numel() for one in again.parameters()) == numbers


@pytest.mark.parametrize("family", ["llama", "qwen2", "bloom"])
def test_a_process_loads_its_share_alone(tmp_path: Path, family: str) -> None:
    make_model(tmp_path / "base", family)
    (tmp_path / "first").mkdir()
    recipe = write_recipe(tmp_path / "r.toml", ONE_STAGE, dtype="bfloat16", deepspeed={"stage": 3})
    assert call(2, "test_model_sharded", "look", str(recipe)) == [0, 0]


def test_adapters_under_zero_3_learn_what_they_learn_alone(tmp_path: Path) -> None:
    pytest.importorskip("peft")
    place = make_workplace(tmp_path / "work", "llama", first=40, second=8)
    top = {"lora": {"rank": 4}, "micro_batch": 1, "save_every": 4}
    alone = write_recipe(place / "alone.toml", TWO_STAGES, accumulation=2, **top)
    spread = write_recipe(place / "spread.toml", TWO_STAGES, deepspeed={"stage": 3}, **top)
    assert run_group(alone, place / "alone") == [0]
    assert run_group(spread, place / "spread", world=2, kill="step:6") == [-9, -9]
    assert run_group(spread, place / "spread", world=2) == [0, 0]
    losses = [
        [line["loss"] for line in map(json.loads, (out / "metrics.jsonl").read_text().splitlines())]
        for out in (place / "alone", place / "spread")
    ]
    assert len(losses[0]) == len(losses[1]) > 8
    assert max(abs(a - b) / a for a, b in zip(*losses, strict=True)) <= 1e-6

"""Runs as a whole: equal losses however rows are spread, and equal bits after any kill."""

from __future__ import annotations

import importlib.util
import json
import shutil
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("torch")
pytest.importorskip("transformers")

from forks import call, run_group
from small import TWO_STAGES, make_workplace, write_recipe

pytestmark = pytest.mark.slow

ONE_STAGE = '[[stage]]\nname = "one"\nlearning_rate = 3e-3\ndata = [{path = "first"}]\n'
HAS_DEEPSPEED = importlib.util.find_spec("deepspeed") is not None
needs_deepspeed = pytest.mark.skipif(not HAS_DEEPSPEED, reason="needs deepspeed")
ZERO_2, ZERO_3 = {"deepspeed": {"stage": 2}}, {"deepspeed": {"stage": 3}}


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_workplace(tmp_path_factory.mktemp("runs") / "work", first=180)


@pytest.fixture(scope="module")
def little(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_workplace(tmp_path_factory.mktemp("little") / "work", first=40, second=12)


def losses(out: Path) -> list[float]:
    lines = map(json.loads, (out / "metrics.jsonl").read_text().splitlines())
    return [line["loss"] for line in lines if line["kind"] == "train"]


def newest(out: Path) -> Path:
    return out / json.loads((out / "manifest.json").read_text())["checkpoint"]


def weights(out: Path) -> bytes:
    return (newest(out) / "model" / "model.safetensors").read_bytes()


@pytest.mark.parametrize("zero", [False, pytest.param(True, marks=needs_deepspeed)])
def test_losses_are_equal_however_rows_are_spread(place: Path, zero: bool) -> None:
    settings: dict[str, tuple[int, int, int, dict[str, Any]]] = {
        "plain-4x1": (1, 4, 1, {}),
        "plain-1x4": (1, 1, 4, {}),
        "plain-2x1-2": (2, 2, 1, {}),
        "plain-1x2-2": (2, 1, 2, {}),
    }
    if zero:
        settings = {
            "zero2-4x1": (1, 4, 1, ZERO_2),
            "zero3-2x2": (1, 2, 2, ZERO_3),
            "zero2-1x2-2": (2, 1, 2, ZERO_2),
            "zero3-2x1-2": (2, 2, 1, ZERO_3),
        }
    reference = place / "reference"
    if not reference.exists():
        base = write_recipe(place / "reference.toml", ONE_STAGE, micro_batch=4, save_every=1000)
        assert run_group(base, reference) == [0]
    expected = losses(reference)
    assert len(expected) >= 20
    assert expected[-1] < expected[0]
    for world in (1, 2):
        runs = []
        for name, (processes, micro, accumulation, further) in settings.items():
            if processes == world:
                top = {"micro_batch": micro, "accumulation": accumulation, "save_every": 1000, **further}
                runs.append((str(write_recipe(place / f"{name}.toml", ONE_STAGE, **top)), str(place / name)))
        assert call(world, "forks", "train_several", runs) == [0] * world
        for _, out in runs:
            found = losses(Path(out))
            assert len(found) == len(expected)
            assert max(abs(a - b) / b for a, b in zip(found, expected, strict=True)) <= 1e-6, out


def test_a_run_killed_anywhere_ends_with_the_same_bits(little: Path) -> None:
    recipe = write_recipe(little / "two.toml", TWO_STAGES, save_every=3, keep=1)
    assert run_group(recipe, little / "straight") == [0]
    steps = len(losses(little / "straight"))
    stages = [json.loads(line)["stage"] for line in (little / "straight" / "metrics.jsonl").read_text().splitlines()]
    boundary = stages.index("two")
    kills = ["step:1", f"step:{boundary}", f"step:{boundary + 2}", "writing:2", "sealed:3", "renamed:4", "term:5"]
    assert boundary + 4 < steps
    for number, kill in enumerate(kills):
        out = little / f"killed-{number}"
        assert run_group(recipe, out, kill=kill) == [143 if kill == "term:5" else -9], kill
        assert not (out / "manifest.json").exists()
        assert run_group(recipe, out) == [0], kill
        assert weights(out) == weights(little / "straight"), kill
        assert losses(out) == losses(little / "straight"), kill
        shutil.rmtree(out)


@pytest.mark.parametrize(
    ("name", "further"),
    [
        ("plain", {"dtype": "bfloat16"}),
        pytest.param("zero-2", {**ZERO_2, "dtype": "bfloat16"}, marks=needs_deepspeed),
        pytest.param("zero-3", ZERO_3, marks=needs_deepspeed),
    ],
)
def test_two_processes_killed_in_either_stage_end_with_the_same_bits(
    little: Path, name: str, further: dict[str, Any]
) -> None:
    recipe = write_recipe(little / f"{name}.toml", TWO_STAGES, save_every=2, micro_batch=1, **further)
    straight, killed = little / f"{name}-straight", little / f"{name}-killed"
    assert run_group(recipe, straight, world=2) == [0, 0]
    for steps, stage in ((5, "one"), (11, "two")):
        assert run_group(recipe, killed, world=2, kill=f"step:{steps}") == [-9, -9]
        assert json.loads((killed / "metrics.jsonl").read_text().splitlines()[-1])["stage"] == stage
        assert not (killed / "manifest.json").exists()
    assert run_group(recipe, killed, world=2) == [0, 0]
    assert weights(killed) == weights(straight)
    assert losses(killed) == losses(straight)


def test_a_finished_run_has_nothing_new_to_do(little: Path) -> None:
    recipe = write_recipe(little / "again.toml", TWO_STAGES, save_every=50)
    assert run_group(recipe, little / "again") == [0]
    before = weights(little / "again")
    assert run_group(recipe, little / "again") == [0]
    assert weights(little / "again") == before


def test_half_precision_keeps_small_updates(little: Path) -> None:
    """Updates far below the spacing of bfloat16 add up in the float32 masters."""
    import torch
    from safetensors.torch import load_file

    stage = '[[stage]]\nname = "one"\nlearning_rate = 1e-6\nschedule = "constant"\ndata = [{path = "first"}]\n'
    recipe = write_recipe(little / "small.toml", stage, dtype="bfloat16", save_every=1000)
    assert run_group(recipe, little / "small") == [0]
    state = torch.load(newest(little / "small") / "state-rank-0.pt", weights_only=True)
    saved = load_file(newest(little / "small") / "model" / "model.safetensors")
    assert all(weight.dtype is torch.bfloat16 for weight in saved.values())
    # A master that had been rounded to half precision on the way would have lost all of it.
    matrices = [one for one in state["masters"] if one.ndim > 1]
    moved = sum(int((one != one.bfloat16().float()).sum()) for one in matrices)
    assert moved > 0.9 * sum(one.numel() for one in matrices)

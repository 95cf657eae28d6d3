"""Preference training: equal to the formula, to TRL and to itself however it is spread; resumed bit by bit."""

from __future__ import annotations

import importlib.util
import json
import random
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("torch")
pytest.importorskip("transformers")

import numpy as np
import torch
from command import write_lines
from dpo_oracles import KEYS, both, pairs_of
from forked import blossom
from forks import call, run_group
from safetensors.torch import load_file
from small import SEQ_LEN, WORDS, make_model, make_packed, write_recipe
from transformers import AutoModelForCausalLM, AutoTokenizer

from blossom_data.errors import ConfigError
from blossom_data.train.data.pack_pairs import pack_pairs
from blossom_data.train.loop.metrics import read_metrics
from blossom_data.train.loop.page import page
from blossom_data.train.model.loss import token_losses
from blossom_data.train.preflight.plan import make_plan
from blossom_data.train.preflight.prepare import prepare
from blossom_data.train.recipe.recipe import load_recipe

pytestmark = pytest.mark.slow

DPO = """
[[stage]]
name = "prefer"
learning_rate = 1e-3
schedule = "constant"
warmup = 0.0
data = [{path = "prefs"}]
dpo = {beta = 0.1}
"""
SFT_THEN_DPO = '[[stage]]\nname = "one"\nlearning_rate = 3e-3\ndata = [{path = "first"}]\n' + DPO
HAS_TRL = all(importlib.util.find_spec(name) is not None for name in ("trl", "datasets"))
needs_deepspeed = pytest.mark.skipif(importlib.util.find_spec("deepspeed") is None, reason="needs deepspeed")
ZERO_2, ZERO_3 = {"deepspeed": {"stage": 2}}, {"deepspeed": {"stage": 3}}


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model, 48 preference pairs (as a file and packed) and a few chats."""
    folder = tmp_path_factory.mktemp("dpo") / "work"
    folder.mkdir()
    model = make_model(folder / "base")
    make_packed(folder / "first", model, 20)
    draw, rows = random.Random("pairs"), []
    for number in range(48):
        asked = " ".join(draw.choices(WORDS.split(), k=draw.randint(1, 5)))
        other = " ".join(draw.choices(WORDS.split(), k=draw.randint(1, 6)))
        rows.append({"prompt": f"{number} {asked}", "chosen": asked.upper(), "rejected": other})
    write_lines(folder / "prefs.jsonl", rows)
    pack_pairs([folder / "prefs.jsonl"], folder / "prefs", tokenizer=model, template="chatml", seq_len=SEQ_LEN)
    return folder


def train_lines(out: Path) -> list[dict[str, Any]]:
    lines = map(json.loads, (out / "metrics.jsonl").read_text().splitlines())
    return [line for line in lines if line["kind"] == "train"]


def newest(out: Path) -> Path:
    return out / json.loads((out / "manifest.json").read_text())["checkpoint"]


def weights(out: Path) -> bytes:
    return next((newest(out) / "model").glob("*.safetensors")).read_bytes()


def assert_close(found: Sequence[dict[str, Any]], expected: Sequence[dict[str, Any]], most: float) -> None:
    assert len(found) == len(expected)
    for key in KEYS:
        distances = [abs(a[key] - b[key]) / max(1.0, abs(b[key])) for a, b in zip(found, expected, strict=True)]
        assert max(distances) <= most, key


def assert_same_weights(place: Path, *folders: Path) -> None:
    """The weights of two folders differ by next to nothing of what training moved them."""
    ours, theirs, before = (
        torch.cat([one.flatten() for _, one in sorted(load_file(folder / "model.safetensors").items())])
        for folder in (*folders, place / "base")
    )
    assert float((ours - theirs).norm() / (theirs - before).norm()) <= 1e-3


def test_steps_are_those_of_the_textbook_formula(place: Path) -> None:
    stage = DPO.replace("beta = 0.1", "beta = 0.3, label_smoothing = 0.1")
    recipe = write_recipe(place / "textbook.toml", stage, save_every=1000)
    out, oracle = place / "ours", place / "textbook"
    assert run_group(recipe, out) == [0]
    assert call(1, "dpo_oracles", "textbook", str(recipe), str(oracle)) == [0]
    found = train_lines(out)
    assert found[0]["loss"] == pytest.approx(np.log(2), rel=1e-6)
    assert len(found) >= 6
    assert found[-1]["reward_margin"] > 0.3
    assert_close(found, json.loads((oracle / "steps.json").read_text()), 1e-6)
    assert_same_weights(place, newest(out) / "model", oracle)


@pytest.mark.skipif(not HAS_TRL, reason="needs trl")
def test_steps_are_those_of_trl(place: Path) -> None:
    stage = DPO.replace('"constant"', '"linear"')
    recipe = write_recipe(place / "trl.toml", stage, packing=False, micro_batch=4, accumulation=2, save_every=1000)
    assert run_group(recipe, place / "beside-trl") == [0]
    assert call(1, "dpo_oracles", "trl", str(recipe), str(place / "trl")) == [0]
    found = train_lines(place / "beside-trl")
    assert len(found) == 6
    assert_close(found, json.loads((place / "trl" / "steps.json").read_text()), 1e-6)
    assert_same_weights(place, newest(place / "beside-trl") / "model", place / "trl")


@pytest.mark.parametrize("zero", [False, pytest.param(True, marks=needs_deepspeed)])
def test_steps_are_equal_however_pairs_are_spread(place: Path, zero: bool) -> None:
    """Twelve steps of all pairs each, so that packed rows and rows of one pair take the same pairs."""
    stage = DPO.replace("warmup", "epochs = 6\nwarmup")
    expected = place / "spread"
    rows = json.loads((place / "prefs" / "manifest.json").read_text())["rows"]
    if not expected.exists():
        base = write_recipe(place / "spread.toml", stage, micro_batch=rows, save_every=1000)
        assert run_group(base, expected) == [0]
    settings: dict[str, tuple[int, int, int, dict[str, Any]]] = {
        "one-pair-rows": (1, 16, 3, {"packing": False}),
        "small-batches": (1, 5, -(-rows // 5), {"checkpointing": True}),
        "two-processes": (2, 3, -(-rows // 6), {}),
    }
    if zero:
        settings = {
            "zero-2": (1, 8, -(-rows // 8), ZERO_2),
            "zero-2-two": (2, 24, 1, {"packing": False, **ZERO_2}),
            "zero-3-two": (2, 4, -(-rows // 8), ZERO_3),
        }
    for world in (1, 2):
        runs = []
        for name, (processes, micro, accumulation, further) in settings.items():
            if processes == world:
                top = {"micro_batch": micro, "accumulation": accumulation, "save_every": 1000, **further}
                runs.append((str(write_recipe(place / f"{name}.toml", stage, **top)), str(place / name)))
        assert call(world, "forks", "train_several", runs) == [0] * world
        for _, out in runs:
            assert_close(train_lines(Path(out)), train_lines(expected), 1e-6)


def test_a_run_killed_in_either_stage_ends_with_the_same_bits(place: Path) -> None:
    recipe = write_recipe(place / "two.toml", SFT_THEN_DPO, save_every=3, eval=0.2, keep=9)
    straight, killed = place / "straight", place / "killed"
    assert run_group(recipe, straight) == [0]
    stages = [line["stage"] for line in train_lines(straight)]
    border = stages.index("prefer")
    assert len(stages) - border >= 4
    kept = Path("reference") / "stage-2" / "log-probs.bin"
    # Within the first stage, between the reference and its manifest, and in the middle of the second stage.
    for kill in ("step:2", "reference:1", f"step:{border + 4 - 3}"):
        assert run_group(recipe, killed, kill=kill) == [-9], kill
        assert not (killed / "manifest.json").exists()
    before = (killed / kept).stat().st_mtime_ns
    assert run_group(recipe, killed) == [0]
    assert (killed / kept).stat().st_mtime_ns == before
    assert (killed / kept).read_bytes() == (straight / kept).read_bytes()
    assert weights(killed) == weights(straight)
    assert [line["loss"] for line in train_lines(killed)] == [line["loss"] for line in train_lines(straight)]

    # The reference is that of the weights with which the stage began, and those trained prefer the chosen replies.
    begun = next((straight / "checkpoints").glob("stage-1-*"))
    draw = prepare(recipe, None, tell=print).draws[1]
    found = np.fromfile(straight / kept).reshape(-1, 2)
    assert len(found) == len(draw.documents) + len(draw.held_out) == 48
    tokenizer = AutoTokenizer.from_pretrained(str(place / "base"))
    pairs = pairs_of(place / "prefs.jsonl").values()
    with torch.no_grad():
        first, last = (
            np.array([both(AutoModelForCausalLM.from_pretrained(str(folder)), tokenizer, pair) for pair in pairs])
            for folder in (begun / "model", newest(straight) / "model")
        )
    assert np.abs(np.sort(found, axis=0) - np.sort(first, axis=0)).max() <= 1e-4
    gained = (last - first)[:, 0] - (last - first)[:, 1]
    assert (gained > 0).mean() >= 0.9


@pytest.mark.parametrize(
    ("name", "further"),
    [
        ("plain", {"dtype": "bfloat16", "lora": {"rank": 4}}),
        pytest.param("zero-2", {**ZERO_2, "dtype": "bfloat16"}, marks=needs_deepspeed),
    ],
)
def test_two_processes_killed_while_they_learn_preferences_end_with_the_same_bits(
    place: Path, name: str, further: dict[str, Any]
) -> None:
    if "lora" in further:
        pytest.importorskip("peft")
    recipe = write_recipe(place / f"two-{name}.toml", DPO, micro_batch=1, save_every=2, **further)
    straight, killed = place / f"two-{name}-straight", place / f"two-{name}-killed"
    assert run_group(recipe, straight, world=2) == [0, 0]
    assert len(train_lines(straight)) >= 6
    assert run_group(recipe, killed, world=2, kill="step:5") == [-9, -9]
    assert run_group(recipe, killed, world=2) == [0, 0]
    assert weights(killed) == weights(straight)
    assert [line["loss"] for line in train_lines(killed)] == [line["loss"] for line in train_lines(straight)]
    # At the beginning the model is its own reference.
    assert train_lines(straight)[0]["loss"] == pytest.approx(np.log(2), rel=1e-5)
    assert train_lines(straight)[-1]["reward_margin"] > 0


def test_a_begun_stage_does_not_go_on_with_another_reference(place: Path) -> None:
    recipe, out = write_recipe(place / "lost.toml", DPO, save_every=2), place / "lost"
    assert run_group(recipe, out, kill="step:3") == [-9]
    kept = out / "reference" / "stage-1" / "log-probs.bin"
    data = bytearray(kept.read_bytes())
    data[9] ^= 1
    kept.write_bytes(bytes(data))
    assert run_group(recipe, out) == [2]
    assert "is not what this stage began with" in (place / "lost.error").read_text()
    # Begun anew, it is computed anew.
    shutil.rmtree(out / "checkpoints")
    assert run_group(recipe, out) == [0]
    assert kept.read_bytes() != bytes(data)


def test_chunks_of_logits_have_the_losses_and_gradients_of_all_at_once() -> None:
    torch.manual_seed(0)
    head = torch.nn.Linear(16, 50)
    hidden, targets, weights = torch.randn(37, 16, requires_grad=True), torch.randint(0, 50, (37,)), torch.randn(37)
    found = []
    for large in (1 << 30, 1500):
        head.zero_grad()
        hidden.grad = None
        losses = token_losses(head, hidden, targets, large_bytes=large)
        (losses * weights).sum().backward()
        found.append([losses.detach(), hidden.grad.clone(), head.weight.grad.clone(), head.bias.grad.clone()])
    for whole, chunked in zip(*found, strict=True):
        assert float((whole - chunked).abs().max() / whole.abs().max()) <= 1e-6


@pytest.mark.parametrize(
    ("stage", "told"),
    [
        (DPO.replace("beta", "betta"), "dpo: unknown key 'betta'"),
        (DPO.replace("beta = 0.1", "beta = 0"), "dpo: beta must be a number above 0"),
        (DPO.replace("beta = 0.1", "label_smoothing = 0.7"), "label_smoothing must be a number from 0 to 0.5"),
        (DPO.replace("{beta = 0.1}", "true"), "dpo must be a table, is true"),
        (DPO.replace("prefs", "first"), "holds chats, and dpo needs preference pairs"),
        (DPO.replace("dpo = {beta = 0.1}", ""), "holds preference pairs"),
        (
            SFT_THEN_DPO + 'replay = {stage = "one", share = 0.5}\n',
            "chats and preference pairs do not mix in a stage",
        ),
    ],
)
def test_a_recipe_that_does_not_fit_is_one_clear_line(place: Path, stage: str, told: str) -> None:
    with pytest.raises(ConfigError) as caught:
        prepare(write_recipe(place / "wrong.toml", stage), place / "wrong", tell=print)
    assert told in str(caught.value)
    assert "\n" not in str(caught.value)


def test_an_ordinary_stage_and_a_preference_stage_have_rates_of_their_own(place: Path) -> None:
    stages = SFT_THEN_DPO.replace("learning_rate = 3e-3\n", "").replace("learning_rate = 1e-3\n", "")
    one, prefer = load_recipe(write_recipe(place / "rates.toml", stages)).stages
    assert (one.peak_rate, prefer.peak_rate) == (2e-5, 5e-7)


def test_plan_counts_pairs_and_the_memory_of_their_rows(place: Path) -> None:
    def plan(stages: str, micro_batch: int) -> dict[str, Any]:
        recipe = write_recipe(place / "plan.toml", stages, micro_batch=micro_batch)
        return make_plan(prepare(recipe, None, tell=print), gpus=1, memory_gib=None, tokens_per_s=100)

    manifest = json.loads((place / "prefs" / "manifest.json").read_text())
    both_kinds = plan(SFT_THEN_DPO, 64)
    stage = both_kinds["stages"][1]
    assert (stage["unit"], stage["data"], stage["rows"], stage["steps"]) == ("pairs", 48, manifest["rows"], 1)
    assert stage["tokens"] == stage["reference_tokens"] == manifest["tokens"]
    assert stage["supervised"] == manifest["supervised"]
    # A forward pass over all pairs comes before the steps, and rows of pairs are twice as long.
    assert stage["hours"] == pytest.approx(stage["tokens"] * (1 + 1 / 3) / 100 / 3600, abs=0.006)
    chats = plan(SFT_THEN_DPO.removesuffix(DPO), 64)
    assert 1.5 < both_kinds["memory"]["peak_gib"] / chats["memory"]["peak_gib"] < 2.5


def test_a_file_of_pairs_is_packed_by_the_run_and_shown_in_its_report(place: Path) -> None:
    write_recipe(place / "file.toml", DPO.replace('"prefs"', '"prefs.jsonl"').replace("warmup", "epochs = 2\nwarmup"))
    done = blossom("train", "run", "file.toml", "-o", "file", cwd=place)
    assert done.code == 0, done
    assert "48 pairs" in done.out
    assert "Reward of the chosen over the rejected" in page(read_metrics(place / "file"), None).decode()

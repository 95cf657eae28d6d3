"""Preference losses other than plain DPO: equal to their formulas and to TRL's, however they are spread."""

from __future__ import annotations

import importlib.util
import json
import random
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

pytest.importorskip("torch")
pytest.importorskip("transformers")

import torch
from command import write_lines
from forked import blossom
from forks import call, run_group
from small import SEQ_LEN, WORDS, make_model, make_packed, write_recipe
from transformers import AutoTokenizer

from blossom_data.errors import ConfigError
from blossom_data.train.data.pack_judged import pack_judged
from blossom_data.train.data.pack_pairs import pack_pairs
from blossom_data.train.data.store import PackedSet
from blossom_data.train.model.preference import Preference
from blossom_data.train.preflight.prepare import prepare
from blossom_data.train.recipe.preferences import Kto, Orpo, Simpo
from blossom_data.train.recipe.recipe import load_recipe

pytestmark = pytest.mark.slow

HAS_TRL = all(importlib.util.find_spec(name) is not None for name in ("trl", "datasets"))
LOSSES = {
    "dpo": "{beta = 0.1, sft = 0.7, label_smoothing = 0.1}",
    "ipo": "{beta = 0.2}",
    "simpo": "{beta = 1.5, gamma = 0.5}",
    "orpo": "{beta = 0.3}",
    "kto": "{beta = 0.4, desirable = 1.2, undesirable = 0.8}",
}


def stage(name: str, value: str, **more: Any) -> str:
    lines = "".join(f"{key} = {json.dumps(one)}\n" for key, one in more.items())
    data = "judged" if name == "kto" else "prefs"
    return (
        '[[stage]]\nname = "prefer"\nlearning_rate = 1e-3\nschedule = "constant"\nwarmup = 0.0\n'
        f'data = [{{path = "{data}"}}]\n{name} = {value}\n{lines}'
    )


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model, 16 pairs, 16 judged replies."""
    folder = tmp_path_factory.mktemp("preferences") / "work"
    folder.mkdir()
    model = make_model(folder / "base")
    draw, pairs, judged = random.Random("preferences"), [], []
    for number in range(16):
        asked = f"{number} {' '.join(draw.choices(WORDS.split(), k=draw.randint(1, 5)))}"
        good, bad = asked.upper(), " ".join(draw.choices(WORDS.split(), k=draw.randint(1, 6)))
        pairs.append({"prompt": asked, "chosen": good, "rejected": bad})
        is_good = number % 3 != 0
        judged.append({"prompt": asked, "completion": good if is_good else bad, "label": is_good})
    write_lines(folder / "prefs.jsonl", pairs)
    write_lines(folder / "judged.jsonl", judged)
    settings: dict[str, Any] = {"tokenizer": model, "template": "chatml", "seq_len": SEQ_LEN}
    pack_pairs([folder / "prefs.jsonl"], folder / "prefs", **settings)
    pack_judged([folder / "judged.jsonl"], folder / "judged", **settings)
    make_packed(folder / "chats", model, 4)
    return folder


def lines_of(out: Path) -> list[dict[str, Any]]:
    lines = map(json.loads, (out / "metrics.jsonl").read_text().splitlines())
    return [line for line in lines if line["kind"] == "train"]


def assert_losses(out: Path, oracle: Path, most: float) -> None:
    found, expected = [line["loss"] for line in lines_of(out)], json.loads((oracle / "steps.json").read_text())
    assert len(found) == len(expected) >= 2
    assert max(abs(a - b) / max(1.0, abs(b)) for a, b in zip(found, expected, strict=True)) <= most
    # The steps learn something: otherwise all of them would be the first one's.
    assert abs(found[0] - found[-1]) > 1e-3


def test_each_loss_is_its_formula(place: Path) -> None:
    runs, oracles = [], []
    for name, value in LOSSES.items():
        recipe = write_recipe(place / f"{name}.toml", stage(name, value, epochs=2), micro_batch=2, save_every=1000)
        runs.append((str(recipe), str(place / name)))
        oracles.append((str(recipe), str(place / f"{name}-formula")))
    assert call(1, "forks", "train_several", runs) == [0]
    assert call(1, "preference_oracles", "formulas", oracles) == [0]
    for name in LOSSES:
        assert_losses(place / name, place / f"{name}-formula", 1e-6)
    mixed = [line for line in lines_of(place / "kto") if "reward_margin" in line]
    assert mixed[0]["reward_margin"] == pytest.approx(0, abs=1e-6)
    assert mixed[-1]["reward_margin"] > 0.01


@pytest.mark.skipif(not HAS_TRL, reason="needs trl")
def test_losses_are_those_of_trls_trainers(place: Path) -> None:
    values = {**{key: LOSSES[key] for key in ("ipo", "kto")}, "dpo": "{beta = 0.1, sft = 0.7}"}
    # A unit a row: TRL takes the drift of judged replies of each batch, and for sft the mean of all tokens of a batch.
    batches = {"kto": (8, 1), "ipo": (8, 1), "dpo": (1, 8)}
    runs = {}
    for name, (micro, accumulation) in batches.items():
        text = stage(name, values[name])
        top = {"packing": False, "micro_batch": micro, "accumulation": accumulation, "save_every": 1000}
        runs[name] = str(write_recipe(place / f"trl-{name}.toml", text, **top))
    ours = [(recipe, str(place / f"beside-trl-{name}")) for name, recipe in runs.items()]
    assert call(1, "forks", "train_several", ours) == [0]
    theirs = {name: (recipe, str(place / f"trl-{name}")) for name, recipe in runs.items()}
    assert call(1, "preference_oracles", "trl", theirs) == [0]
    for name in runs:
        assert_losses(place / f"beside-trl-{name}", place / f"trl-{name}", 2e-6)


@pytest.mark.skipif(not HAS_TRL, reason="needs trl")
def test_simpo_and_orpo_are_the_functions_of_trl() -> None:
    from trl.experimental.cpo import CPOTrainer
    from trl.experimental.orpo import ORPOTrainer

    draw = torch.Generator().manual_seed(0)
    counts = tuple(torch.randint(1, 9, (8,), generator=draw).tolist())
    losses = torch.rand(sum(counts), generator=draw) * 3
    means = -torch.stack([part.mean() for part in losses.split(list(counts))]).view(4, 2)
    device = SimpleNamespace(device=torch.device("cpu"))
    cpo: Any = SimpleNamespace(
        alpha=0.0, beta=1.5, simpo_gamma=0.5, label_smoothing=0.0, loss_type="simpo", accelerator=device
    )
    simpo, *_ = CPOTrainer.cpo_loss(cpo, means[:, 0], means[:, 1])
    found = Preference(Simpo(beta=1.5, gamma=0.5), counts).judge(losses)
    assert float(found[0]) == pytest.approx(float(simpo.sum()), rel=1e-6)
    orpo: Any = SimpleNamespace(beta=0.3, accelerator=device)
    ratio, *_ = ORPOTrainer.odds_ratio_loss(orpo, means[:, 0], means[:, 1])
    found = Preference(Orpo(beta=0.3), counts).judge(losses)
    assert float(found[0]) == pytest.approx(float((-means[:, 0] - ratio).sum()), rel=1e-6)


def test_judged_replies_are_equal_however_they_are_spread(place: Path) -> None:
    """One step of all replies each epoch: in rows, one by one, small batches, two processes."""
    text = stage("kto", LOSSES["kto"], epochs=4)
    rows = json.loads((place / "judged" / "manifest.json").read_text())["rows"]
    settings: dict[str, tuple[int, dict[str, Any]]] = {
        "all": (1, {"micro_batch": rows}),
        "rows": (1, {"micro_batch": 16, "packing": False}),
        "small": (1, {"micro_batch": 1, "accumulation": rows}),
        "two": (2, {"micro_batch": 1, "accumulation": -(-rows // 2)}),
    }
    for world in (1, 2):
        runs = [
            (
                str(write_recipe(place / f"spread-{name}.toml", text, save_every=1000, **top)),
                str(place / f"spread-{name}"),
            )
            for name, (processes, top) in settings.items()
            if processes == world
        ]
        assert call(world, "forks", "train_several", runs) == [0] * world
    first = lines_of(place / "spread-all")
    assert len(first) == 4 and first[-1]["kl"] > 0
    for name in settings:
        for one, other in zip(first, lines_of(place / f"spread-{name}"), strict=True):
            assert one.keys() == other.keys()
            for key in ("loss", "kl", "desirable_reward", "undesirable_reward", "reward_margin"):
                assert other[key] == pytest.approx(one[key], abs=2e-6), (name, key)


def test_a_run_of_judged_replies_that_is_killed_ends_with_the_same_bits(place: Path) -> None:
    recipe = write_recipe(place / "kill.toml", stage("kto", LOSSES["kto"], epochs=3), save_every=2, eval=0.2)
    assert run_group(recipe, place / "straight") == [0]
    assert run_group(recipe, place / "killed", kill="step:3") == [-9]
    assert run_group(recipe, place / "killed") == [0]
    found = [sorted((place / name).glob("checkpoints/*/model/*.safetensors"))[-1] for name in ("straight", "killed")]
    assert found[0].read_bytes() == found[1].read_bytes()


def test_judged_replies_in_other_spellings_and_bad_rows(place: Path) -> None:
    turns = [{"role": "user", "content": "Say red."}, {"role": "assistant", "content": "red"}]
    rows: list[dict[str, Any]] = [
        {"messages": turns, "kto_tag": False},
        {"conversations": [{"from": "human", "value": "Say blue."}, {"from": "gpt", "value": "blue"}], "desirable": 1},
        {"prompt": "Say green.", "completion": "green"},
        {"prompt": "Say green.", "completion": "green", "label": "yes"},
        {"messages": turns[:1], "label": True},
        {"prompt": "Say grey.", "completion": " ", "label": True},
    ]
    write_lines(place / "odd.jsonl", rows)
    done = blossom(
        "train", "pack", "odd.jsonl", "-o", "odd", "--tokenizer", "base", "--template", "chatml", "--judged",
        "--seq-len", SEQ_LEN, "--max-bad", "1.0", "--json", cwd=place,
    )  # fmt: skip
    assert done.code == 0, done
    counts = json.loads(done.out)["counts"]
    assert counts["bad_rows"] == {"missing_field": 1, "wrong_layout": 1, "wrong_type": 1}
    assert counts["dropped"] == {"empty_reply": 1}
    packed = PackedSet.open(place / "odd")
    assert packed.kind == "labelled"
    assert packed.labels().tolist() == [False, True]
    # Replies of one kind alone tell nothing from anything.
    one_kind = write_lines(place / "kind.jsonl", rows[:1])
    recipe = write_recipe(place / "kind.toml", stage("kto", "{}").replace('"judged"', '"kind.jsonl"'))
    planned = blossom("train", "plan", recipe.name, cwd=place)
    assert one_kind.exists() and "warning: stage prefer: all 1 replies are undesirable" in planned.err, planned
    # The second document of each is its prompt with the reply of the row before.
    texts = [AutoTokenizer.from_pretrained(str(place / "base")).decode(packed.document(at).ids) for at in range(4)]
    said = [text.split("<|im_start|>assistant\n")[1].split("<|im_end|>")[0] for text in texts]
    assert said == ["red", " ", "blue", "red"]
    assert texts[1].startswith(texts[0].split("red<|im_end|>")[0])


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (stage("ipo", "{beta = 0}"), "ipo: beta must be a number above 0"),
        (stage("simpo", "{gama = 1.0}"), "simpo: unknown key 'gama'"),
        (stage("kto", "{undesirable = -1.0}"), "kto: undesirable must be a number above 0"),
        (stage("ipo", "{}") + "dpo = {}\n", "a stage learns one of dpo and ipo"),
        (stage("ipo", "{}", label_smoothing=0.1), "label_smoothing of a stage is for tokens, and this one learns ipo"),
        (stage("ipo", "{}").replace("prefs", "chats"), "holds chats, and ipo needs preference pairs"),
        (stage("kto", "{}").replace("judged", "prefs"), "kto needs replies that were judged one by one"),
        (stage("ipo", "{}").replace("prefs", "judged"), "holds replies that were judged one by one, and ipo needs"),
        (stage("ipo", "{}").replace('prefs"', 'prefs", text = true'), "is plain text, and the stage learns ipo"),
    ],
)
def test_what_does_not_fit_is_one_clear_line(place: Path, text: str, told: str) -> None:
    with pytest.raises(ConfigError) as caught:
        prepare(write_recipe(place / "wrong.toml", text), place / "wrong", tell=print)
    assert told in str(caught.value)
    assert "\n" not in str(caught.value)


def test_each_kind_of_stage_has_a_rate_of_its_own(place: Path) -> None:
    for name, rate in {"ipo": 5e-7, "simpo": 5e-7, "orpo": 5e-6, "kto": 5e-7}.items():
        text = stage(name, "{}").replace("learning_rate = 1e-3\n", "")
        assert load_recipe(write_recipe(place / "rates.toml", text)).stages[0].peak_rate == rate
    assert Kto().has_reference and not Orpo().has_reference

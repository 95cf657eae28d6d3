"""A trained model is evaluated through its own server; its score is a hand count, and a better one is told."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

pytest.importorskip("torch")
pytest.importorskip("transformers")

import torch
from forked import blossom
from forks import run_group
from small import make_model, write_recipe

from blossom_data.records import Message
from blossom_data.train.data.pack import pack_dataset
from blossom_data.train.handoff.chat import Sampling, Talker
from blossom_data.train.handoff.export import export
from blossom_data.train.handoff.suite_scorer import suite_scorer
from blossom_data.train.model.model import load_network
from blossom_data.train.template.tokens import load_tokenizer

pytestmark = pytest.mark.slow

STAGE = '[[stage]]\nname = "one"\nepochs = {epochs}\nlearning_rate = 4e-3\ndata = [{{path = "sums"}}]\n'
SUMS = [(a, b) for a in range(10) for b in range(10)]


def question(a: int, b: int) -> str:
    return f"{a} plus {b}?"


def lines(rows: list[dict[str, object]]) -> str:
    return "".join(json.dumps(row) + "\n" for row in rows)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two models: one that learnt half of the sums by heart, one that hardly learnt."""
    folder = tmp_path_factory.mktemp("evaluated") / "work"
    folder.mkdir()
    model = make_model(folder / "base", "llama")
    learnt = [
        {"messages": [{"role": "user", "content": question(a, b)}, {"role": "assistant", "content": f"It is {a + b}."}]}
        for a, b in SUMS[::2]
    ]
    (folder / "sums.jsonl").write_text(lines(learnt))
    pack_dataset([folder / "sums.jsonl"], folder / "sums", tokenizer=model, template="chatml", seq_len=96)
    (folder / "test.jsonl").write_text(
        lines([{"id": f"{a}+{b}", "prompt": question(a, b), "gold": a + b} for a, b in SUMS])
    )
    for name, epochs in (("good", 60), ("poor", 2)):
        recipe = write_recipe(
            folder / f"{name}.toml", STAGE.format(epochs=epochs), micro_batch=4, save_every=10_000, log_every=50
        )
        assert run_group(recipe, folder / f"{name}-run") == [0]
        export(folder / f"{name}-run", folder / name)
    return folder


def test_the_score_of_a_checkpoint_is_a_hand_count_and_the_second_time_costs_nothing(place: Path) -> None:
    talker = Talker.open(place / "good")
    greedy = Sampling(temperature=0, max_tokens=12)
    right = 0
    for a, b in SUMS:
        said = "".join(talker.reply([Message("user", question(a, b))], greedy))
        right += talker.finish_reason == "stop" and said.removeprefix("It is ").removesuffix(".") == str(a + b)
    assert right >= 50
    command = ["evaluate", "test.jsonl", "--checkpoint", "good", "-o", "eval-good", "--max-tokens", "12", "--json"]
    done = blossom(*command, cwd=place)
    assert done.code == 0, done
    told = done.json["suites"]["test"]
    assert (told["correct"], told["n"], done.json["run"]["calls"]) == (right, 100, 100)
    assert done.json["model"].startswith("good-")
    assert blossom(*command, cwd=place).json["run"]["calls"] == 0


def test_a_model_in_training_is_scored_by_the_same_questions(place: Path) -> None:
    score = suite_scorer([f"{place / 'test.jsonl'}:20"], template="chatml", max_tokens=12)
    found = {
        name: score(load_network(place / name, torch.float32), load_tokenizer(place / name))
        for name in ("good", "poor")
    }
    assert found["poor"] < 0.2 < 0.5 <= found["good"]


def test_the_better_one_of_two_models_is_told_and_a_model_from_itself_is_not(place: Path) -> None:
    for name in ("good", "poor"):
        done = blossom(
            "evaluate", "test.jsonl", "--checkpoint", name, "-o", f"eval-{name}", "--max-tokens", "12", cwd=place
        )
        assert done.code == 0, done
    compared = blossom("evaluate", "--compare", "eval-good", "eval-poor", "--json", cwd=place)
    (difference,) = compared.json["suites"]["test"]["differences"]
    assert (difference["is_noise"], difference["mean"] > 0.3) == (False, True)
    assert " is better than " in difference["told"]
    same = blossom("evaluate", "--compare", "eval-good", "eval-good", "--json", cwd=place)
    assert same.json["suites"]["test"]["differences"][0]["is_noise"]


def test_a_folder_that_is_no_model_is_one_line(place: Path) -> None:
    done = blossom("evaluate", "test.jsonl", "--checkpoint", "sums", "-o", "e", cwd=place)
    assert (done.code, "is no model folder" in done.err or "cannot serve" in done.err) in ((2, True), (4, True)), done
    assert "Traceback" not in done.err

"""A run is scored by suites that its recipe names: what is kept, when it ends, and that the score is `evaluate`'s."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("torch")
pytest.importorskip("transformers")

from command import write_lines
from forked import blossom
from forks import call
from small import make_model, write_recipe

from blossom_data.errors import ConfigError
from blossom_data.train.data.pack import pack_dataset
from blossom_data.train.loop.metrics import read_metrics
from blossom_data.train.loop.page import run_page
from blossom_data.train.recipe.recipe import load_recipe
from blossom_data.train.run import train

pytestmark = pytest.mark.slow

SUMS = [(a, b) for a in range(2, 5) for b in range(3, 7)]
STAGE = '[[stage]]\nname = "one"\nepochs = 60\nlearning_rate = 4e-3\nschedule = "constant"\ndata = [{path = "sums"}]\n'
SCORED = {"eval_suites": ["test.jsonl:8"], "eval_tokens": 12, "eval_every": 10, "best": True, "save_every": 10_000}


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model, sums to be learnt by heart, and a file that asks for them."""
    folder = tmp_path_factory.mktemp("scored") / "work"
    folder.mkdir()
    model = make_model(folder / "base", "llama")
    asked = [f"{a} plus {b}?" for a, b in SUMS]
    learnt = [
        {"messages": [{"role": "user", "content": question}, {"role": "assistant", "content": f"It is {a + b}."}]}
        for question, (a, b) in zip(asked, SUMS, strict=True)
    ]
    write_lines(folder / "sums.jsonl", learnt)
    pack_dataset([folder / "sums.jsonl"], folder / "sums", tokenizer=model, template="chatml", seq_len=96)
    gold = zip(asked, SUMS, strict=True)
    write_lines(folder / "test.jsonl", [{"id": text, "prompt": text, "gold": a + b} for text, (a, b) in gold])
    write_lines(folder / "open.jsonl", [{"prompt": "Name a river."}])
    return folder


def test_the_suites_decide_what_is_kept_and_when_a_stage_ends(place: Path) -> None:
    write_recipe(place / "scored.toml", STAGE, micro_batch=4, patience=3, **SCORED)
    # From another folder: the file is found beside the recipe.
    done = blossom("train", "run", "work/scored.toml", "-o", "work/run", "--json", cwd=place.parent)
    assert done.code == 0, done
    lines = [line for line in read_metrics(place / "run") if line["kind"] == "eval"]
    scores = [line["score"] for line in lines]
    assert not any("loss" in line for line in lines)
    best = scores.index(max(scores))
    assert scores[0] < max(scores)
    assert done.json["best"] == {"stage": "one", "score": scores[best]}
    assert json.loads((place / "run/best/manifest.json").read_text())["position"]["total"] == lines[best]["step"]
    # Three evaluations that are no better than the best one ended it before its 60 epochs were over.
    assert len(scores) - 1 - best == 3
    assert "ends after step" in done.err and "| score " in done.err
    assert b"Score of the suites" in run_page(place / "run")
    # What was kept is what `evaluate` says of the model that is made of it.
    assert blossom("train", "export", "run/best", "-o", "best", cwd=place).code == 0
    command = ["evaluate", "test.jsonl:8", "--checkpoint", "best", "-o", "evaluated", "--max-tokens", "12", "--json"]
    told = blossom(*command, cwd=place).json["suites"]["test"]
    assert told["correct"] / told["n"] == scores[best]
    # The processes of a group share the questions, and come to what one comes to: here of weights that do not move.
    still = STAGE.replace("60", "1").replace("4e-3", "1e-12")
    for world, rows in ((1, 4), (2, 2)):
        top: dict[str, Any] = {**SCORED, "base_model": "best", "eval_every": 0}
        recipe = write_recipe(place / f"shared-{world}.toml", still, micro_batch=rows, **top)
        assert call(world, "forks", "train_by_suites", str(recipe), str(place / f"shared-{world}")) == [0] * world
        shared = [line["score"] for line in read_metrics(place / f"shared-{world}") if line["kind"] == "eval"]
        assert shared == [scores[best]]
    # Other suites are another run.
    write_recipe(place / "scored.toml", STAGE, micro_batch=4, patience=3, **{**SCORED, "eval_suites": ["test.jsonl:9"]})
    other = blossom("train", "run", "scored.toml", "-o", "run", cwd=place)
    assert other.code == 2 and "the recipe is not what" in other.err, other


def test_suites_and_held_out_documents_go_together_with_adapters(place: Path) -> None:
    pytest.importorskip("peft")
    top: dict[str, Any] = {**SCORED, "eval": 0.3, "lora": {"rank": 2}, "eval_every": 0}
    write_recipe(place / "both.toml", STAGE.replace("60", "1"), **top)
    done = blossom("train", "run", "both.toml", "-o", "both", "--json", cwd=place)
    assert done.code == 0, done
    (line,) = (line for line in read_metrics(place / "both") if line["kind"] == "eval")
    assert line["loss"] > 0 and 0 <= line["score"] <= 1 and done.json["best"].keys() >= {"loss", "score"}


@pytest.mark.parametrize(
    ("top", "told"),
    [
        ({"eval_suites": ["mt-bench"]}, "mt-bench needs a judge"),
        ({"eval_suites": ["gsm9k:100"]}, "no suite and no file"),
        ({"eval_suites": ["test.jsonl:0"]}, "asks for no question"),
        ({"eval_suites": ["test.jsonl", "test.jsonl:4"]}, "two of the suites are called test"),
        ({"eval_suites": ["gsm8k"], "deepspeed": {"stage": 3}}, "ZeRO-3 spreads it"),
        ({"eval_suites": "gsm8k"}, "eval_suites"),
        ({"best": True}, "neither documents are held out nor suites named"),
    ],
)
def test_what_cannot_be_scored_is_one_line_of_the_recipe(place: Path, top: dict[str, Any], told: str) -> None:
    recipe = write_recipe(place / "cannot.toml", STAGE, **top)
    with pytest.raises(ConfigError, match=told) as caught:
        load_recipe(recipe)
    assert "cannot.toml" in str(caught.value)


def test_nothing_runs_where_a_suite_cannot_be_asked(place: Path) -> None:
    recipe = write_recipe(place / "judged.toml", STAGE, eval_suites=["open.jsonl"])
    done = blossom("train", "run", "judged.toml", "-o", "judged", "--gpus", "2", cwd=place)
    assert done.code == 2 and "open needs a judge" in done.err and not (place / "judged").exists(), done
    with pytest.raises(ConfigError, match="no scorer was given"):
        train(recipe, place / "judged", tell=print)


def test_a_plan_says_what_the_questions_take(place: Path) -> None:
    write_recipe(place / "planned.toml", STAGE, micro_batch=4, **SCORED)
    done = blossom("train", "plan", "planned.toml", "--json", cwd=place)
    assert done.code == 0, done
    suites = done.json["suites"]
    # 180 steps, looked at after every 10; an evaluation at the end is one of them.
    assert (suites["questions"], suites["answer_tokens"]) == (8, 8 * 12)
    assert suites["evaluations"] == -(-done.json["steps"] // 10)
    assert suites["tokens"] == suites["evaluations"] * (suites["prompt_tokens"] + 8 * 12)
    assert suites["hours"] is None
    told = blossom("train", "plan", "planned.toml", cwd=place).out
    assert f"{suites['evaluations']} evaluations of 8 questions" in told
    missing = write_recipe(place / "missing.toml", STAGE, eval_suites=["gsm9k.jsonl"])
    assert blossom("train", "plan", missing.name, cwd=place).code == 2

"""What comes of a run beyond its steps: runs behind it, its best evaluation, an early end, trackers, plain text."""

from __future__ import annotations

import json
import sys
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
from safetensors.torch import load_file
from small import SEQ_LEN, make_model, make_packed, write_recipe

from blossom_data.errors import ConfigError
from blossom_data.train.data.pack import pack_dataset
from blossom_data.train.data.pack_text import pack_text
from blossom_data.train.data.store import PackedSet
from blossom_data.train.loop.metrics import read_metrics
from blossom_data.train.loop.trackers import Trackers
from blossom_data.train.preflight.prepare import prepare

pytestmark = pytest.mark.slow

ONE = '[[stage]]\nname = "one"\nlearning_rate = 2e-3\ndata = [{path = "first"}]\n'
TWO = '[[stage]]\nname = "two"\nlearning_rate = 1e-3\ndata = [{path = "second"}]\n'
REPLAY = 'replay = {stage = "one", share = 0.5}\n'


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model, two packed sets, and the finished run of the first of them."""
    folder = tmp_path_factory.mktemp("further") / "work"
    folder.mkdir()
    model = make_model(folder / "base")
    make_packed(folder / "first", model, 24)
    make_packed(folder / "second", model, 12)
    pytest.importorskip("peft")
    write_recipe(folder / "lora.toml", ONE, lora={"rank": 2}, save_every=1000)
    runs = [(str(write_recipe(folder / "one.toml", ONE, save_every=1000)), str(folder / "one"))]
    runs.append((str(folder / "lora.toml"), str(folder / "lora")))
    assert call(1, "forks", "train_several", runs) == [0]
    return folder


def lines_of(out: Path, kind: str = "train") -> list[dict[str, Any]]:
    return [line for line in read_metrics(out) if line["kind"] == kind]


def newest(out: Path) -> Path:
    return out / json.loads((out / "manifest.json").read_text())["checkpoint"] / "model"


def weights(out: Path) -> dict[str, torch.Tensor]:
    return load_file(next(newest(out).glob("*.safetensors")))


def test_a_further_stage_begins_with_the_weights_of_the_run_before(place: Path) -> None:
    recipe = str(write_recipe(place / "two.toml", ONE + TWO + REPLAY, save_every=2))
    run, straight, killed = str(place / "one"), place / "two", place / "two-killed"
    assert call(1, "forks", "train_further", recipe, str(straight), run) == [0]
    assert call(1, "forks", "train_further", recipe, str(killed), run, "step:3") == [-9]
    # Without the run that it continues it is another run.
    assert run_group(Path(recipe), killed) == [2]
    assert "the run that it continues is not what" in (place / "two-killed.error").read_text()
    assert call(1, "forks", "train_further", recipe, str(killed), run) == [0]
    assert all(torch.equal(one, weights(killed)[key]) for key, one in weights(straight).items())
    lines = lines_of(straight)
    assert {line["stage"] for line in lines} == {"two"}
    stages = json.loads((straight / "manifest.json").read_text())["stages"]
    assert [(stage["name"], stage["data"], stage["replay"]) for stage in stages] == [("two", 12, 12)]
    # It begins as low as the run before ended, and not with a model that knows nothing.
    assert lines[0]["loss"] < lines_of(place / "one")[0]["loss"] - 0.4
    again = prepare(Path(recipe), None, tell=print, continues=straight.parent / "one")
    assert [draw.recipe.name for draw in again.draws] == ["two"]


def test_more_epochs_and_adapters_go_on_from_what_was_learnt(place: Path) -> None:
    more = str(write_recipe(place / "more.toml", ONE.replace("data", "epochs = 3\ndata"), save_every=1000))
    assert call(1, "forks", "train_further", more, str(place / "more"), str(place / "one")) == [0]
    lines = lines_of(place / "more")
    assert {line["epoch"] for line in lines} == {1, 2}
    assert lines[0]["loss"] < lines_of(place / "one")[0]["loss"] - 0.4
    adapters = str(write_recipe(place / "lora-two.toml", ONE + TWO, lora={"rank": 2}, save_every=1000))
    done = blossom("train", "run", adapters, "-o", "lora-two", "--continue", "lora", cwd=place)
    assert done.code == 0, done
    before, after = weights(place / "lora"), weights(place / "lora-two")
    assert before.keys() == after.keys()
    moved = [float((after[key] - one).abs().max()) for key, one in before.items() if "lora_B" in key]
    kept = [float(one.abs().max()) for key, one in before.items() if "lora_B" in key]
    assert min(kept) > 0 and min(moved) > 0


@pytest.mark.parametrize(
    ("stages", "top", "run", "told"),
    [
        (ONE, {}, "one", "nothing is left to do"),
        (ONE.replace("2e-3", "1e-3") + TWO, {}, "one", "learning_rate of stage one was 0.002 in"),
        (ONE + TWO, {"seq_len": 95}, "one", "seq_len was 96 in"),
        (ONE + TWO, {"lora": {"rank": 2}}, "one", "[lora] was absent in"),
        (ONE + TWO, {"lora": {"rank": 3}}, "lora", "[lora] rank was 2 in"),
        (TWO + ONE, {}, "two-stages", "the recipe does not begin with them"),
        (TWO, {}, "first", "is no finished run"),
    ],
)
def test_what_cannot_go_on_names_the_key(place: Path, stages: str, top: dict[str, Any], run: str, told: str) -> None:
    if run == "two-stages":
        # As the run of two stages would have left it.
        (place / run / "checkpoints").mkdir(parents=True, exist_ok=True)
        manifest = json.loads((place / "one" / "manifest.json").read_text())
        second = {**manifest["settings"]["stages"][0], "name": "two"}
        manifest["settings"]["stages"].append(second)
        (place / run / "manifest.json").write_text(json.dumps(manifest))
        checkpoint = next((place / "one" / "checkpoints").iterdir())
        target = place / run / "checkpoints" / checkpoint.name
        target.mkdir(exist_ok=True)
        (target / "manifest.json").write_bytes((checkpoint / "manifest.json").read_bytes())
    if top.get("seq_len"):
        make_packed(place / "first-95", place / "base", 4, seq_len=95)
        stages = stages.replace('"first"', '"first-95"').replace('"second"', '"first-95"')
    recipe = write_recipe(place / "cannot.toml", stages, **top)
    with pytest.raises(ConfigError) as caught:
        prepare(recipe, None, tell=print, continues=place / run)
    assert told in str(caught.value)


def test_the_best_evaluation_is_kept_and_a_stage_that_gets_no_better_ends(place: Path) -> None:
    # So high a rate that it soon unlearns.
    stages = ONE.replace("2e-3", "5e-2").replace("data", 'epochs = 6\nschedule = "constant"\ndata') + TWO
    top = {"eval": 0.3, "eval_every": 2, "best": True, "patience": 2, "save_every": 3}
    recipe = write_recipe(place / "best.toml", stages, **top)
    assert run_group(recipe, place / "best-straight") == [0]
    assert run_group(recipe, place / "best", kill="step:5") == [-9]
    assert run_group(recipe, place / "best") == [0]
    evals = [line for line in lines_of(place / "best", "eval") if line["stage"] == "one"]
    losses = [line["loss"] for line in evals]
    assert losses == [line["loss"] for line in lines_of(place / "best-straight", "eval") if line["stage"] == "one"]
    least = losses.index(min(losses))
    # Two evaluations behind the best one, and the stage was not at its end.
    assert len(losses) - 1 - least == 2
    steps = [line["step"] for line in lines_of(place / "best") if line["stage"] == "one"]
    assert steps[-1] == evals[-1]["step"] < 6 * 10
    # The second stage keeps a best of its own, which can be exported.
    kept = json.loads((place / "best" / "best" / "manifest.json").read_text())
    assert kept["evaluation"]["stage"] == "two"
    of_two = [line["loss"] for line in lines_of(place / "best", "eval") if line["stage"] == "two"]
    assert kept["evaluation"]["loss"] == min(of_two)
    assert all(torch.equal(one, weights(place / "best-straight")[key]) for key, one in weights(place / "best").items())
    done = blossom("train", "export", "best/best", "-o", "best-model", cwd=place)
    assert done.code == 0 and (place / "best-model" / "model.safetensors").is_file(), done


def test_a_scorer_decides_in_place_of_the_loss(place: Path) -> None:
    stages = ONE.replace("data", "epochs = 3\ndata")
    recipe = write_recipe(place / "score.toml", stages, eval=0.3, eval_every=2, best=True, patience=2, save_every=1000)
    assert call(1, "forks", "train_scored", str(recipe), str(place / "score")) == [0]
    lines = lines_of(place / "score", "eval")
    assert [line["score"] for line in lines] == [-1.0, -2.0, -3.0]
    assert json.loads((place / "score" / "best" / "manifest.json").read_text())["position"]["total"] == 2
    assert (place / "score.asked").read_text().splitlines()[0].startswith("Qwen2ForCausalLM ")


@pytest.mark.parametrize(
    ("top", "told"),
    [({"best": True}, "neither documents are held out"), ({"patience": 2}, "neither documents are held out")],
)
def test_evaluations_need_documents(place: Path, top: dict[str, Any], told: str) -> None:
    with pytest.raises(ConfigError, match=told):
        prepare(write_recipe(place / "none.toml", ONE, **top), None, tell=print)


class Tracker:
    """Stands for the packages of trackers, and remembers what it was told."""

    def __init__(self, *, fails: bool = False) -> None:
        self.told: list[tuple[str, Any]] = []
        self.fails = fails

    def _tell(self, name: str) -> Any:
        def tell(*given: Any, **named: Any) -> Any:
            if self.fails and name.startswith("log"):
                raise OSError("no route\nto host")
            self.told.append((name, given or named))
            return self

        return tell

    def __getattr__(self, name: str) -> Any:
        return self._tell(name)


@pytest.mark.parametrize("name", ["wandb", "swanlab", "trackio", "mlflow"])
def test_a_tracker_is_told_the_numbers_and_never_ends_a_run(
    name: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    with pytest.raises(ConfigError, match=f"the tracker {name} is not installed"):
        monkeypatch.setitem(sys.modules, name, None)
        Trackers([name], out=tmp_path, name="run", settings={}, tell=print)
    library, said = Tracker(), list[str]()
    monkeypatch.setitem(sys.modules, name, library)  # type: ignore[arg-type]
    trackers = Trackers([name], out=tmp_path, name="run", settings={"seq_len": 96}, tell=said.append)
    trackers.write("train", 3, {"loss": 1.5, "stage": "one", "grad_norm": None, "deterministic": True})
    trackers.close()
    calls = [given for called, given in library.told if called in ("log", "log_metrics")]
    assert calls == [({"train/loss": 1.5},)]
    assert said == []
    monkeypatch.setitem(sys.modules, name, Tracker(fails=True))  # type: ignore[arg-type]
    trackers = Trackers([name], out=tmp_path, name="run", settings={}, tell=said.append)
    for step in (1, 2):
        trackers.write("train", step, {"loss": 1.0})
    trackers.close()
    assert said == [f"warning: {name} is told nothing from here on (no route)"]


def test_plain_text_is_learnt_whole_and_replayed(place: Path) -> None:
    texts = [{"text": " ".join(f"word{at}" for at in range(number * 9))} for number in range(1, 8)]
    write_lines(place / "corpus.jsonl", [*texts, {"text": ""}, {"other": 1}])
    manifest = pack_text(
        [place / "corpus.jsonl"], place / "corpus", tokenizer=place / "base", template="chatml", seq_len=40, max_bad=0.2
    )
    assert manifest["counts"]["dropped"] == {"empty": 1} and manifest["counts"]["bad_rows"] == {"missing_field": 1}
    packed = PackedSet.open(place / "corpus")
    assert packed.kind == "text"
    # Each token of each text, its end included, is learnt once; but for the first, which follows nothing.
    words = SimpleNamespace(ids=[packed.document(at) for at in range(len(packed.doc_lengths))])
    assert packed.doc_targets().sum() == sum(len(row.ids) - 1 for row in words.ids)
    spelled: dict[str, list[int]] = {}
    for row in words.ids:
        before = spelled.setdefault(row.doc_hashes[0], [])
        assert not before or before[-1] == row.ids[0]
        before += row.ids.tolist()[1 if before else 0 :]
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(str(place / "base"))
    found = sorted(tokenizer.decode(ids) for ids in spelled.values())
    assert found == sorted(f"{text['text']}<|endoftext|>" for text in texts)
    stages = (
        '[[stage]]\nname = "corpus"\nlearning_rate = 2e-3\ndata = [{path = "corpus.jsonl", text = true}]\n'
        + TWO
        + 'replay = {stage = "corpus", share = 0.5}\n'
    )
    recipe = write_recipe(place / "text.toml", stages, save_every=1000, max_bad=0.2)
    assert run_group(recipe, place / "text") == [0]
    stages_done = json.loads((place / "text" / "manifest.json").read_text())["stages"]
    assert [stage["replay"] > 0 for stage in stages_done] == [False, True]


def test_no_twin_of_a_held_out_question_is_trained_on(place: Path) -> None:
    rows = [
        {"messages": [{"role": "user", "content": f"Ask {number // 4}"}, {"role": "assistant", "content": f"{number}"}]}
        for number in range(80)
    ]
    write_lines(place / "twins.jsonl", rows)
    pack_dataset([place / "twins.jsonl"], place / "twins", tokenizer=place / "base", template="chatml", seq_len=SEQ_LEN)
    stage = ONE.replace("first", "twins")
    draw = prepare(write_recipe(place / "twins.toml", stage, eval=0.25), None, tell=print).draws[0]
    held, trained = set(draw.held_out.questions()), set(draw.documents.questions())
    assert held and trained and not held & trained
    assert len(draw.held_out) == 4 * len(held)


def test_the_progress_says_how_long_it_will_take(place: Path) -> None:
    done = blossom("train", "run", "one.toml", "-o", "eta", cwd=place)
    assert done.code == 0, done
    assert " | eta 0:00:0" in done.err

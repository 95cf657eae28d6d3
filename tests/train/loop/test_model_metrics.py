"""What a run measures: every figure, the same in metrics.jsonl and for TensorBoard, after a kill too."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("torch")
pytest.importorskip("transformers")

from forks import run_group
from small import SEQ_LEN, TWO_STAGES, make_workplace, write_recipe

from blossom_data.train.model.flops import flops_of, peak_of
from blossom_data.train.preflight.prepare import meta_network, prepare

pytestmark = pytest.mark.slow

PEAK_TFLOPS = 0.01


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run with everything that is measured, killed once on its way."""
    folder = make_workplace(tmp_path_factory.mktemp("metrics") / "work", first=30, second=10)
    recipe = write_recipe(folder / "r.toml", TWO_STAGES, eval=0.2, eval_every=5, log_every=3, peak_tflops=PEAK_TFLOPS)
    assert run_group(recipe, folder / "out", kill="step:7") == [-9]
    assert run_group(recipe, folder / "out") == [0]
    return folder


def lines(out: Path, kind: str) -> list[dict[str, Any]]:
    found = map(json.loads, (out / "metrics.jsonl").read_text().splitlines())
    return [line for line in found if line["kind"] == kind]


def test_every_step_is_logged_once_with_all_figures(place: Path) -> None:
    train = lines(place / "out", "train")
    assert [line["step"] for line in train] == list(range(1, len(train) + 1))
    # Steps that were logged together share their rates.
    assert train[0]["tokens_per_s"] == train[2]["tokens_per_s"] != train[3]["tokens_per_s"]
    for line in train:
        assert 0 < line["supervised_per_s"] < line["tokens_per_s"]
        assert 0 < line["fill"] <= 1
        assert 0.01 < line["memory_gib"] < 64
        assert 0 < line["executed_utilisation"] < line["mfu"]
    assert {line["stage"] for line in lines(place / "out", "eval")} == {"one", "two"}


def test_utilisation_is_that_of_the_stated_peak(place: Path) -> None:
    prepared = prepare(place / "r.toml", None, tell=print)
    each = flops_of(meta_network(prepared.config)).conventional(1, SEQ_LEN)
    for line in lines(place / "out", "train"):
        assert line["mfu"] == pytest.approx(each * line["tokens_per_s"] / (PEAK_TFLOPS * 1e12), rel=1e-3)


def test_a_processor_without_a_stated_peak_has_no_utilisation(place: Path) -> None:
    recipe = write_recipe(place / "plain.toml", TWO_STAGES, save_every=100)
    assert run_group(recipe, place / "plain") == [0]
    line = lines(place / "plain", "train")[0]
    assert "mfu" not in line
    assert "executed_utilisation" not in line


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_tensorboard_reads_the_same_numbers(place: Path) -> None:
    accumulator = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    board = accumulator.EventAccumulator(str(place / "out" / "tensorboard"), size_guidance={"scalars": 0})
    board.Reload()
    for kind in ("train", "eval"):
        said = lines(place / "out", kind)
        names = {name for line in said for name, value in line.items() if isinstance(value, int | float)} - {"step"}
        assert {tag.removeprefix(f"{kind}/") for tag in board.Tags()["scalars"] if tag.startswith(kind)} == names
        for name in names:
            shown = {event.step: event.value for event in board.Scalars(f"{kind}/{name}")}
            assert shown == pytest.approx({line["step"]: line[name] for line in said}, rel=1e-6)


@pytest.mark.parametrize(
    ("name", "tflops"),
    [
        ("NVIDIA H100 80GB HBM3", 989),
        ("NVIDIA H100 PCIe", 756),
        ("NVIDIA H200", 989),
        ("NVIDIA A100-SXM4-80GB", 312),
        ("NVIDIA A10G", 70),
        ("NVIDIA A10", 125),
        ("NVIDIA L40S", 362),
        ("NVIDIA L4", 121),
        ("NVIDIA GeForce RTX 4090", 165),
        ("NVIDIA GeForce GTX 1080", None),
        ("", None),
    ],
)
def test_known_devices_have_their_own_peak(name: str, tflops: float | None) -> None:
    assert peak_of(name) == (tflops and tflops * 1e12)

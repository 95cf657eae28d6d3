"""Plans through the command, and runs that are refused because a step would not fit into the memory that is free."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

pytest.importorskip("torch")
pytest.importorskip("transformers")

from forked import blossom
from forks import run_group
from hypothesis import given
from hypothesis import strategies as st
from small import TWO_STAGES, make_workplace, write_recipe

from blossom_data.cli.training.plan import render_plan
from blossom_data.errors import ConfigError
from blossom_data.train.preflight import memory_check as room
from blossom_data.train.preflight.plan import micro_batches
from blossom_data.train.run import train

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_workplace(tmp_path_factory.mktemp("room") / "work", first=20, second=6)


def giant(place: Path) -> None:
    """Gives the model in `place` the shape of one that no machine holds; its weights are not looked at."""
    config = json.loads((place / "base" / "config.json").read_text())
    shape = {"hidden_size": 32768, "intermediate_size": 131072, "num_hidden_layers": 200, "layer_types": None}
    (place / "base" / "config.json").write_text(json.dumps({**config, **shape}))


def test_a_plan_tells_every_stage_and_what_other_settings_would_take(place: Path) -> None:
    write_recipe(place / "r.toml", TWO_STAGES, micro_batch=1, accumulation=2)
    (place / "old").mkdir()
    lines = [{"kind": "train", "step": n, "stage": "one", "tokens_per_s": speed} for n, speed in enumerate((1, 36, 36))]
    (place / "old" / "metrics.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    done = blossom(
        *("train", "plan", "r.toml", "--gpus", 2, "--memory-gib", 0.0022, "--speed-of", "old", "--json"), cwd=place
    )
    plan = done.json
    assert (done.code, plan["memory"]["fits"]) == (2, False)
    for stage in plan["stages"]:
        assert 0 < stage["supervised"] < stage["tokens"]
        assert stage["steps"] > 0
        assert stage["hours"] == round(stage["tokens"] / 36 / 3600, 2)
    assert plan["hours"] == round(plan["tokens"] / 36 / 3600, 2)
    assert {one["micro_batch"] * one["accumulation"] for one in plan["settings"]} == {2}
    assert {(one["zero"], one["offload"]) for one in plan["settings"]} == {
        (None, "none"), (2, "none"), (3, "none"), (2, "cpu"), (3, "cpu"),
    }  # fmt: skip
    assert plan["memory"] in plan["settings"]
    assert plan["proposed"] == next(one for one in plan["settings"] if one["fits"])
    text = render_plan(plan)
    assert f"{plan['stages'][0]['supervised']:,} supervised" in text
    assert "proposed  micro_batch = " in text


def test_a_run_without_metrics_gives_no_speed(place: Path) -> None:
    done = blossom("train", "plan", "r.toml", "--speed-of", "first", cwd=place)
    assert (done.code, "logged no speed" in done.err) == (2, True)


@given(st.integers(1, 200), st.integers(1, 64))
def test_other_batches_take_the_same_rows(own: int, accumulation: int) -> None:
    rows = own * accumulation
    found = micro_batches(rows, own)
    assert all(rows % micro == 0 for micro in found)
    assert found[-1] == 1
    assert own in found
    assert found == sorted(set(found), reverse=True)


def test_a_run_that_main_memory_cannot_hold_is_refused_before_its_weights_are_read(tmp_path: Path) -> None:
    place = make_workplace(tmp_path / "work", first=8, second=4)
    giant(place)
    # Adapters alone are saved, so it is not the disk that refuses.
    write_recipe(place / "r.toml", TWO_STAGES, lora={"rank": 1}, keep=1, micro_batch=1, save_every=1000)
    done = blossom("train", "run", "r.toml", "-o", "out", cwd=place)
    assert done.code == 2, done
    errors = [line for line in done.err.splitlines() if line.startswith("error")]
    assert len(errors) == 1, done
    assert "GiB that are free" in errors[0]
    assert "--ignore-memory-plan" in done.err
    # Two processes leave together.
    assert run_group(place / "r.toml", place / "two", world=2) == [2, 2]
    assert "GiB that are free" in (place / "two.error").read_text()
    assert not any((place / name / "checkpoints").exists() for name in ("out", "two"))


def test_a_run_that_is_short_of_memory_names_what_fits_and_can_go_on(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe = write_recipe(place / "r.toml", TWO_STAGES, micro_batch=4, save_every=1000)
    monkeypatch.setattr(room, "free_bytes", lambda device: 4 << 20)
    with pytest.raises(ConfigError) as why:
        train(recipe, place / "out", tell=print)
    assert not (place / "out" / "checkpoints").exists()
    named = why.value.hint.removeprefix("this fits: ").split(" (")[0].split(", ")
    top = {key: json.loads(value) for key, value in (part.split(" = ") for part in named)}
    assert top["micro_batch"] * top["accumulation"] == 4
    fitting = write_recipe(place / "fitting.toml", TWO_STAGES, save_every=1000, **top)
    assert train(fitting, place / "out", tell=print)["steps"] > 0
    told: list[str] = []
    assert train(recipe, place / "all-the-same", tell=told.append, ignore_memory_plan=True)["steps"] > 0
    assert any(line.startswith("going on all the same: a step takes") for line in told)


def test_a_containers_limit_counts_without_the_cache_of_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for limit, stat, key in room.GROUPS:
        base = tmp_path / key
        (base / limit).parent.mkdir(parents=True, exist_ok=True)
        (base / limit).write_text("1000000\n")
        (base / stat).write_text(f"{key} 400000\ninactive_file 599999\n")
        monkeypatch.setattr(room, "CONTAINER", base)
        assert room.free_main_bytes() == 600000
        (base / limit).write_text("max\n")
        assert room.free_main_bytes() > 1 << 20

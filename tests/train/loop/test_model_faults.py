"""Full and broken disks in training: one clear line, old checkpoints stay whole, the end has the same bits."""

from __future__ import annotations

import errno
import json
import os
import resource
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("torch")
pytest.importorskip("transformers")

from broken_disk import BrokenDisk
from forks import call, run_group
from small import TWO_STAGES, make_workplace, write_recipe

pytestmark = pytest.mark.slow

SETTINGS: dict[str, Any] = {"save_every": 3, "keep": 1, "eval": 0.2, "samples": 1, "sample_tokens": 4}
STAGES = TWO_STAGES + '[[stage]]\nname = "prefer"\ndata = [{path = "pairs.jsonl"}]\ndpo = {}\n'
STRIDES = {errno.ENOSPC: 11, errno.EIO: 29}


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A recipe that writes all that a run can, and what it makes where nothing fails."""
    folder = make_workplace(tmp_path_factory.mktemp("faults") / "work", first=20, second=8)
    pairs = ({"prompt": f"{number} red", "chosen": "RED", "rejected": "blue"} for number in range(8))
    (folder / "pairs.jsonl").write_text("".join(json.dumps(pair) + "\n" for pair in pairs))
    recipe = write_recipe(folder / "r.toml", STAGES, **SETTINGS)
    assert run_group(recipe, folder / "straight") == [0]
    return folder


def made(out: Path) -> tuple[bytes, bytes]:
    """The weights, and what the metrics say of losses."""
    newest = json.loads((out / "manifest.json").read_text())["checkpoint"]
    lines = map(json.loads, (out / "metrics.jsonl").read_text().splitlines())
    losses = json.dumps([(line["kind"], line["step"], line["loss"]) for line in lines])
    return (out / newest / "model" / "model.safetensors").read_bytes(), losses.encode()


def is_whole(out: Path) -> bool:
    """Whether every checkpoint with a manifest has the files that it names."""
    from blossom_data.train.parallel.checkpoint import finished, verify

    for checkpoint in finished(out):
        verify(checkpoint)
    return True


def test_whichever_write_of_a_run_fails_the_next_run_ends_with_the_same_bits(place: Path) -> None:
    for code in STRIDES:
        assert call(1, "test_model_faults", "break_each", str(place), code, timeout_s=600) == [0]
        told = json.loads((place / f"broken-{code}.json").read_text())
        assert {"write", "fsync"} <= set(told["failed"])
        assert told["to_the_end"]


def break_each(place: str, code: int) -> None:
    """Fails one write after another in turn, some left out; notes what failed. In a process of its own."""
    from blossom_data.errors import BlossomError
    from blossom_data.train.run import train

    folder, failed, is_end = Path(place), [], False
    for k in range(0, 1000, STRIDES[code]):
        out = folder / f"broken-{code}-{k}"
        with pytest.MonkeyPatch.context() as patch:
            disk = BrokenDisk(patch, out, k, code)
            try:
                train(folder / "r.toml", out, tell=lambda line: None)
            except BlossomError as why:
                assert os.strerror(code) in str(why), why
                assert str(out) in str(why), why
                assert (why.exit_code, "\n" in str(why)) == (1, False)
            else:
                assert not disk.failed
        assert is_whole(out)
        train(folder / "r.toml", out, tell=lambda line: None)
        assert made(out) == made(folder / "straight")
        failed.append(disk.failed)
        if not disk.failed:
            is_end = True
            break
    (folder / f"broken-{code}.json").write_text(json.dumps({"failed": failed, "to_the_end": is_end}))


def train_limited(recipe: str, out: str, most_bytes: str) -> None:
    """One run in which no file may grow beyond a size: writers of C++ and Rust meet it in the middle of a write."""
    from forks import train_once

    resource.setrlimit(resource.RLIMIT_FSIZE, (int(most_bytes), resource.RLIM_INFINITY))
    train_once(recipe, out)


@pytest.mark.parametrize(
    ("most_bytes", "told"),
    [
        (600, "File too large"),
        (9_000, "cannot write checkpoint"),
        (150_000, "cannot write checkpoint"),
        (400_000, "cannot write checkpoint"),
    ],
)
def test_a_file_that_cannot_grow_is_told_and_the_next_run_is_whole(place: Path, most_bytes: int, told: str) -> None:
    out = place / f"limited-{most_bytes}"
    assert call(1, "test_model_faults", "train_limited", str(place / "r.toml"), str(out), str(most_bytes)) == [1]
    said = (place / f"limited-{most_bytes}.error").read_text()
    assert told in said
    assert "\n" not in said
    assert is_whole(out)
    assert run_group(place / "r.toml", out) == [0]
    assert made(out) == made(place / "straight")


def train_until_full(recipe: str, out: str) -> None:
    """One process of a run whose disk is full once the first checkpoint is there."""
    from forks import train_once

    with pytest.MonkeyPatch.context() as patch:
        disk = BrokenDisk(patch, Path(out), 0, errno.ENOSPC)
        spend = disk.spend
        checkpoints = Path(out) / "checkpoints"
        patch.setattr(disk, "spend", lambda *change: any(checkpoints.glob("*/manifest.json")) and spend(*change))
        train_once(recipe, out)


def test_a_disk_that_fills_up_during_a_run_ends_it_and_room_lets_it_go_on(place: Path) -> None:
    """Two processes, each with states of its own."""
    pytest.importorskip("deepspeed")
    recipe = write_recipe(place / "zero.toml", TWO_STAGES, micro_batch=1, deepspeed={"stage": 2}, **SETTINGS)
    straight, filled = place / "zero", place / "filled"
    assert run_group(recipe, straight, world=2) == [0, 0]
    assert call(2, "test_model_faults", "train_until_full", str(recipe), str(filled)) == [1, 1]
    said = (place / "filled.error").read_text()
    assert said.startswith("cannot write ") and str(filled) in said, said
    assert said.endswith(os.strerror(errno.ENOSPC)), said
    assert any(filled.glob("checkpoints/*/manifest.json"))
    assert is_whole(filled)
    assert run_group(recipe, filled, world=2) == [0, 0]
    assert made(filled) == made(straight)

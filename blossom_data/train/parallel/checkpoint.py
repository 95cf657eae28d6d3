"""Checkpoints: a folder each, written whole or not at all.

    OUT/checkpoints/stage-1-step-000120/
        model/               weights as safetensors with their configuration: loads with from_pretrained
        state-rank-0.pt      float32 masters and optimiser states, plain tensors
        manifest.json        position, recipe and data hashes, world size, sha256 of each file; written last

Files go into a hidden folder, are made durable, the folder is renamed, the manifest comes last: a kill leaves the old
checkpoints. States are read only when their hash is the manifest's, and with `weights_only=True`: no code in them runs.
"""

from __future__ import annotations

import functools
import hashlib
import os
import pickle
import shutil
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import orjson
import torch
from safetensors import SafetensorError

from blossom_data.errors import BlossomError, ConfigError, InputError
from blossom_data.shards import FORMAT, MANIFEST, read_manifest, sync_folder, write_atomic
from blossom_data.train.model.folders import SPACE_HINT
from blossom_data.train.parallel.adapter import Adapter
from blossom_data.train.parallel.processes import Group

FOLDER = "checkpoints"
MODEL = "model"
BEST = "best"
_BUILDING = ".building"


@dataclass(frozen=True, slots=True, order=True)
class Position:
    """How far a run is: steps done in a stage (both from 0), steps done in all, and tokens seen."""

    stage: int = 0
    step: int = 0
    total: int = 0
    tokens: int = 0


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A finished checkpoint on disk."""

    folder: Path
    position: Position
    manifest: Mapping[str, Any]

    @property
    def model(self) -> Path:
        """The folder of the weights."""
        return self.folder / MODEL


def save(out: Path, adapter: Adapter, group: Group, position: Position, about: Mapping[str, Any], keep: int) -> None:
    """Writes a checkpoint of `position` and takes away the oldest beyond `keep`; every process must call it.

    Raises:
        BlossomError: the disk is full or cannot be written; earlier checkpoints are whole.
    """
    name = f"stage-{position.stage + 1}-step-{position.step:06d}"
    building, folder = out / FOLDER / _BUILDING, out / FOLDER / name
    weights = adapter.weights()

    def begin() -> None:
        shutil.rmtree(building, ignore_errors=True)
        building.mkdir(parents=True)
        adapter.model.save(building / MODEL, weights)
        weights.clear()

    def add_state() -> None:
        torch.save(adapter.state(), building / f"state-rank-{group.rank}.pt")

    def finish() -> None:
        files = _sealed(building)
        shutil.rmtree(folder, ignore_errors=True)
        building.rename(folder)
        sync_folder(folder.parent)
        manifest = {"format": FORMAT, "kind": "checkpoint", **about, "position": asdict(position), "files": files}
        write_atomic(folder / MANIFEST, orjson.dumps(manifest, option=orjson.OPT_INDENT_2), hint=SPACE_HINT)
        _tidy(out, keep)

    for action, is_mine in (
        (begin, group.is_first),
        (add_state, group.is_first or adapter.is_sharded),
        (finish, group.is_first),
    ):
        # Every process hears of what failed in one: none waits for a part that will not come.
        group.attempt(functools.partial(_carry_out, action, folder, building) if is_mine else None)


def save_best(out: Path, adapter: Adapter, group: Group, position: Position, about: Mapping[str, Any]) -> None:
    """Writes the weights of `position` to OUT/best, in place of earlier ones; every process must call it.

    Raises:
        BlossomError: the disk is full or cannot be written.
    """
    building, folder = out / f".{BEST}", out / BEST
    weights = adapter.weights()

    def write() -> None:
        shutil.rmtree(building, ignore_errors=True)
        building.mkdir(parents=True)
        adapter.model.save(building / MODEL, weights)
        weights.clear()
        manifest = {"format": FORMAT, "kind": "checkpoint", **about, "position": asdict(position)}
        files = _sealed(building)
        write_atomic(building / MANIFEST, orjson.dumps({**manifest, "files": files}, option=orjson.OPT_INDENT_2))
        shutil.rmtree(folder, ignore_errors=True)
        building.rename(folder)
        sync_folder(out)

    group.attempt(functools.partial(_carry_out, write, folder, building) if group.is_first else None)


def _carry_out(action: Callable[[], None], folder: Path, building: Path) -> None:
    """Runs a part of `save`; what the disk refuses is told as that, and what was begun is taken away."""
    try:
        action()
    except (OSError, RuntimeError, SafetensorError) as why:
        shutil.rmtree(building, ignore_errors=True)
        line = (getattr(why, "strerror", None) or str(why)).splitlines()[0]
        raise BlossomError(f"cannot write checkpoint {folder}: {line}", hint=SPACE_HINT) from why


def _tidy(out: Path, keep: int) -> None:
    """Takes away the oldest checkpoints beyond `keep`, and folders that a kill left half made or half removed."""
    whole = sorted(finished(out), key=lambda one: one.position)
    for old in whole[:-keep]:
        _remove(old.folder)
    known = {one.folder for one in whole}
    for left in (out / FOLDER).glob("stage-*"):
        if left not in known:
            shutil.rmtree(left, ignore_errors=True)


def finished(out: Path) -> list[Checkpoint]:
    """The whole checkpoints of a run, in no order; what a kill left is passed over."""
    found = []
    for folder in (out / FOLDER).glob("stage-*"):
        manifest = read_manifest(folder)
        if manifest and manifest.get("kind") == "checkpoint":
            found.append(Checkpoint(folder, Position(**manifest["position"]), manifest))
    return found


def newest(out: Path) -> Checkpoint | None:
    """The checkpoint that a run goes on from."""
    return max(finished(out), key=lambda one: one.position, default=None)


def verify(checkpoint: Checkpoint) -> None:
    """Raises InputError where a file is not the one that was saved."""
    for entry in checkpoint.manifest["files"]:
        path = checkpoint.folder / entry["file"]
        if not path.is_file() or _sha256(path) != entry["sha256"]:
            raise InputError(
                f"{path} is not the file that was saved: it was changed or damaged",
                hint=f"take {checkpoint.folder} away to go on from an earlier checkpoint",
            )


def refuse_other_run(checkpoint: Checkpoint, about: Mapping[str, Any]) -> None:
    """Raises ConfigError where the checkpoint is of another recipe, other data or another number of processes."""
    told = {"recipe": "the recipe", "data": "the data", "world": "the number of processes", "adapter": "the adapter"}
    told["continued"] = "the run that it continues"
    for key, name in told.items():
        if checkpoint.manifest.get(key) != about.get(key):
            raise ConfigError(
                f"{name} is not what {checkpoint.folder} was trained with",
                hint="go on with what it was, or name a new folder with -o",
            )


def load_state(checkpoint: Checkpoint, adapter: Adapter, group: Group) -> None:
    """Puts the masters and optimiser states of `checkpoint` back; its hashes were verified."""
    path = checkpoint.folder / f"state-rank-{group.rank if adapter.is_sharded else 0}.pt"
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except (pickle.UnpicklingError, RuntimeError) as why:
        raise InputError(
            f"{path} cannot be read as plain tensors",
            hint=f"take {checkpoint.folder} away to go on from an earlier one",
        ) from why
    adapter.load_state(state)


def _sealed(folder: Path) -> list[dict[str, Any]]:
    """Makes every file below `folder` durable; gives their sizes and hashes."""
    files = []
    for path in sorted(folder.rglob("*")):
        if path.is_dir():
            sync_folder(path)
            continue
        with path.open("rb") as file:
            os.fsync(file.fileno())
        size = path.stat().st_size
        files.append({"file": path.relative_to(folder).as_posix(), "bytes": size, "sha256": _sha256(path)})
    sync_folder(folder)
    return files


def _remove(folder: Path) -> None:
    """Takes a checkpoint away, its manifest first."""
    (folder / MANIFEST).unlink(missing_ok=True)
    shutil.rmtree(folder, ignore_errors=True)


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()

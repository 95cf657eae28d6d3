"""Going on behind a finished run: more epochs of its last stage, or further stages, from its weights or adapters.

    found = continued(Path("runs/a"), recipe)
    found.stages, found.epochs      stages of the recipe that the run has done, and epochs of the last of them

The recipe lists what the run did first, unchanged but for the epochs of its last stage, or only new stages. What binds
adapters and rows to the weights must be as it was; the key that is not is named.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

from blossom_data.errors import ConfigError
from blossom_data.shards import read_manifest
from blossom_data.train.parallel.checkpoint import Checkpoint, newest
from blossom_data.train.recipe.recipe import Recipe
from blossom_data.train.template.templates import identity_of

_FIXED = ("seq_len", "rope")
_OF_ADAPTERS = ("rank", "alpha", "targets", "modules_to_save", "bits")


@dataclass(frozen=True, slots=True)
class Continued:
    """A finished run that another goes on from; `stages` of the recipe are done, of the last of them `epochs`."""

    run: Path
    checkpoint: Checkpoint
    stages: int
    epochs: int

    @property
    def digest(self) -> str:
        """A hash of its weights, and of where they are taken up."""
        told = [self.checkpoint.manifest["files"], self.stages, self.epochs]
        return hashlib.sha256(orjson.dumps(told)).hexdigest()


def continued(run: Path, recipe: Recipe) -> Continued:
    """What of `recipe` the finished run in the folder `run` has done.

    Raises:
        ConfigError: no finished run, a key that differs, or nothing is left to do.
    """
    manifest, checkpoint = read_manifest(run), newest(run)
    if manifest is None or manifest.get("kind") != "training" or checkpoint is None:
        raise ConfigError(f"{run} is no finished run", hint="let it end first: the same command goes on")
    before, now = manifest["settings"], recipe.to_dict()
    _same_base(run, manifest, recipe)
    for key in _FIXED:
        _same(run, key, before.get(key), now[key])
    was, adapters = before.get("lora"), now["lora"]
    if (was is None) != (adapters is None):
        _same(run, "[lora]", "there" if was else "absent", "there" if adapters else "absent")
    if was and adapters:
        for key in _OF_ADAPTERS:
            _same(run, f"[lora] {key}", was.get(key), adapters[key])
    stages, epochs = _done(run, before["stages"], now["stages"])
    return Continued(run, checkpoint, stages, epochs)


def _same_base(run: Path, manifest: Mapping[str, Any], recipe: Recipe) -> None:
    hub = str(manifest.get("hub", "")).partition("@")[0]
    _same(run, "base_model", hub or manifest["settings"]["base_model"], recipe.hub_id or str(recipe.base_model))
    was, now = manifest["settings"]["template"], recipe.template
    if was != now and (not Path(was).is_file() or identity_of(was) != identity_of(now)):
        _same(run, "template", was, now)


def _done(run: Path, before: list[dict[str, Any]], now: list[dict[str, Any]]) -> tuple[int, int]:
    """How many of the recipe's stages are done, and the epochs of the last of them."""
    if now[0]["name"] not in {stage["name"] for stage in before}:
        return 0, 0
    names = [stage["name"] for stage in before]
    if [stage["name"] for stage in now[: len(before)]] != names:
        raise ConfigError(
            f"the stages of {run} are {', '.join(names)}, and the recipe does not begin with them",
            hint="list them first and as they were, or only new ones",
        )
    for number, (was, stage) in enumerate(zip(before, now, strict=False)):
        is_last = number == len(before) - 1
        for key, value in stage.items():
            if key in was and not (is_last and key == "epochs" and value >= was[key]):
                _same(run, f"{key} of stage {stage['name']}", was[key], value)
    epochs = int(before[-1]["epochs"])
    if len(now) == len(before) and now[-1]["epochs"] == epochs:
        raise ConfigError(
            f"nothing is left to do: {run} has done all stages and epochs",
            hint="raise epochs of the last stage, or add a stage",
        )
    return len(before), epochs


def _same(run: Path, key: str, was: object, now: object) -> None:
    if was != now:
        raise ConfigError(
            f"{key} was {_told(was)} in {run}, and is {_told(now)}",
            hint="a run is continued with what it was; train anew without --continue for another",
        )


def _told(value: object) -> str:
    return value if isinstance(value, str) else orjson.dumps(value, default=str).decode()

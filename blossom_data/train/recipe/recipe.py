"""Recipes: the TOML file that says what is trained on what, in which stages.

    base_model = "models/base"         # a folder, relative to this file, or the id of a model of the hub
    template = "chatml"
    seq_len = 2048
    micro_batch = 4                    # rows of one forward pass on one device
    [[stage]]
    name = "instruct"
    data = [{path = "packed/orca", count = 40000}, {path = "packed/math", share = 0.5}]
    [[stage]]
    name = "chat"
    epochs = 3
    data = [{path = "packed/chat"}]
    replay = {stage = "instruct", share = 0.2}
    [[stage]]
    name = "prefer"
    data = [{path = "packed/preferences"}]
    dpo = {beta = 0.1}                 # its data are preference pairs

An unknown key, a wrong type or a value out of range is an error that names the place. Whether data and model fit
together is checked by data.py and model.py; nothing here needs torch.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

import orjson

from blossom_data.errors import ConfigError
from blossom_data.pipelines import Pipeline, load_pipeline
from blossom_data.prompts import bundled
from blossom_data.toml_file import read_toml
from blossom_data.train.recipe.fields import read_table
from blossom_data.train.template.templates import OWN, named_template

_AT_LEAST_1 = {"least": 1}
_POSITIVE = {"above": 0}
_SHARE = {"least": 0, "most": 1}
_HUB_ID = re.compile(r"[A-Za-z0-9][\w.-]*+/[A-Za-z0-9][\w.-]*+")


@dataclass(frozen=True, slots=True, kw_only=True)
class DataPart:
    """One part of a stage's data: a packed set, or a data set that is packed first; all of it, a count or a share."""

    path: Path
    config: str = ""
    """The configuration, where `path` is a published data set that has several."""
    count: int | None = field(default=None, metadata=_AT_LEAST_1)
    share: float | None = field(default=None, metadata=_SHARE)

    @property
    def place(self) -> Path:
        """What tells it from other parts: the path, and the configuration below it."""
        return self.path / self.config if self.config else self.path


@dataclass(frozen=True, slots=True, kw_only=True)
class Replay:
    """The share of an earlier stage's documents that a stage sees again, drawn by document hash."""

    stage: str
    share: float = field(metadata=_SHARE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Dpo:
    """Direct preference optimisation: a stage that learns which of two replies is preferred.

    Source: Rafailov et al. 2023; label smoothing as in Mitchell 2023 (conservative DPO).
    """

    beta: float = field(default=0.1, metadata=_POSITIVE)
    """How strongly the model is held to the weights with which the stage begins."""
    label_smoothing: float = field(default=0.0, metadata={"least": 0, "most": 0.5})
    """Share of the pairs that are taken to be labelled the wrong way round."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StageRecipe:
    """One [[stage]]: its data, and its own schedule and optimiser state."""

    name: str
    data: tuple[DataPart, ...] = ()
    replay: Replay | None = None
    dpo: Dpo | None = None
    """The data are preference pairs, and the stage learns the preference."""
    epochs: int = field(default=1, metadata=_AT_LEAST_1)
    learning_rate: float | None = field(default=None, metadata=_POSITIVE)
    """The highest; 2e-5 where none is given, 5e-7 with `dpo`."""
    schedule: Literal["cosine", "linear", "wsd", "constant"] = "cosine"
    warmup: float = field(default=0.03, metadata=_SHARE)
    """Share of the stage's steps over which the learning rate rises."""
    decay: float = field(default=0.2, metadata=_SHARE)
    """wsd: share of the stage's steps over which it falls at the end."""
    floor: float = field(default=0.0, metadata=_SHARE)
    """Share of the learning rate that it falls to."""

    @property
    def unit(self) -> str:
        """What the stage's documents are, and its loss is a mean over: pairs, or documents (of tokens)."""
        return "pairs" if self.dpo else "documents"

    @property
    def peak_rate(self) -> float:
        """The learning rate, or the default of this kind of stage."""
        if self.learning_rate is not None:
            return self.learning_rate
        return 5e-7 if self.dpo else 2e-5


@dataclass(frozen=True, slots=True, kw_only=True)
class Lora:
    """Low-rank adapters in place of full weights."""

    rank: int = field(default=16, metadata=_AT_LEAST_1)
    alpha: float = field(default=32.0, metadata=_POSITIVE)
    dropout: float = field(default=0.0, metadata=_SHARE)
    targets: tuple[str, ...] = ("all-linear",)


@dataclass(frozen=True, slots=True, kw_only=True)
class DeepSpeed:
    """DeepSpeed in place of the plain adapter."""

    stage: int = field(default=2, metadata={"least": 0, "most": 3})
    offload: Literal["none", "cpu"] = "none"
    """Where optimiser states live (stages 2 and 3)."""
    settings: Mapping[str, Any] = field(default_factory=dict)
    """Further settings, laid over those that the recipe implies."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """A checked recipe; paths are absolute."""

    name: str = "train"
    base_model: Path
    """A model's folder; of a model of the hub where its files are, once they are there."""
    revision: str = ""
    """Commit, branch or tag of a model of the hub."""
    hub_id: str = field(default="", metadata={"internal": True})
    """The id of a model of the hub; "" of a folder."""
    template: str
    seq_len: int = field(default=2048, metadata={"least": 2})
    stages: tuple[StageRecipe, ...] = field(metadata={"key": "stage"})
    seed: int = field(default=0, metadata={"least": 0, "most": (1 << 31) - 1})
    dtype: Literal["float32", "bfloat16"] = "bfloat16"
    """Of weights and activations; master weights and optimiser states are always float32."""
    micro_batch: int = field(default=1, metadata=_AT_LEAST_1)
    accumulation: int = field(default=1, metadata=_AT_LEAST_1)
    packing: bool = True
    """False: a row holds one document."""
    attention: Literal["auto", "varlen", "flex", "sdpa"] = "auto"
    checkpointing: bool = False
    """Activations of a block are computed again in the backward pass."""
    compile: bool = False
    clip: float = field(default=1.0, metadata=_POSITIVE)
    weight_decay: float = field(default=0.0, metadata={"least": 0})
    eval: float = field(default=0.0, metadata=_SHARE)
    """Share of the documents, by hash, that no stage trains on and whose loss is measured."""
    eval_every: int = field(default=0, metadata={"least": 0})
    """Steps between two evaluations; 0: at the end of a stage."""
    samples: int = field(default=0, metadata={"least": 0})
    """Held-out prompts whose greedy replies are written to samples.jsonl at each evaluation."""
    sample_tokens: int = field(default=128, metadata=_AT_LEAST_1)
    """Most tokens of such a reply."""
    log_every: int = field(default=10, metadata=_AT_LEAST_1)
    save_every: int = field(default=500, metadata=_AT_LEAST_1)
    keep: int = field(default=2, metadata=_AT_LEAST_1)
    """Checkpoints that are kept, the newest."""
    peak_tflops: float | None = field(default=None, metadata=_POSITIVE)
    """What a device can do in bfloat16, 10^12 operations a second; without it that of known devices."""
    deterministic: bool = False
    """CUDA: only kernels that give the same bits each time; slower."""
    lora: Lora | None = None
    deepspeed: DeepSpeed | None = None

    @property
    def adapter(self) -> str:
        """What drives the model: plain or deepspeed."""
        return "deepspeed" if self.deepspeed else "plain"

    def to_dict(self) -> dict[str, Any]:
        """The recipe as plain data, paths as texts."""
        described = orjson.loads(orjson.dumps(asdict(self), default=str))
        assert isinstance(described, dict)
        return described

    def digest(self) -> str:
        """A hash of what decides the weights: log, save and keep intervals do not."""
        decisive = self.to_dict()
        for key in ("log_every", "save_every", "keep", "name", "eval_every", "samples", "sample_tokens", "peak_tflops"):
            del decisive[key]
        if self.hub_id:
            # Where the hub's files are kept differs between machines, their commit does not.
            del decisive["base_model"]
        return hashlib.sha256(orjson.dumps(decisive, option=orjson.OPT_SORT_KEYS)).hexdigest()


def load_recipe(path: Path) -> Recipe:
    """Reads and checks a recipe: a file, a pipeline file with [train], or the name of one that comes with blossom-data.

    Raises:
        ConfigError: not TOML, an unknown key (with the nearest known one), a missing or wrong value, or no such data.
    """
    file, folder = find_recipe(path)
    raw = read_toml(file, "recipe")
    if "source" in raw:
        recipe = recipe_of(load_pipeline(file, folder=folder))
        if recipe is None:
            raise ConfigError(
                f"pipeline {path} has no [train]", hint="such as [train] base_model = ... [[train.stage]]"
            )
        where = f"pipeline {path}, [train]"
    else:
        where = f"recipe {path}"
        recipe = _recipe(raw, where, folder)
    _check_there(recipe, where)
    return recipe


def recipe_of(pipeline: Pipeline) -> Recipe | None:
    """The recipe in [train] of a pipeline, whose data and model need not be there yet; None without one.

    Raises:
        ConfigError: an unknown key, with its line, a missing or wrong value.
    """
    if not pipeline.train:
        return None
    with pipeline.source.locating():
        return _recipe(pipeline.train, f"pipeline {pipeline.file}, [train]", pipeline.folder)


def find_recipe(path: Path) -> tuple[Path, Path]:
    """The file that `path` is or names, and what its relative paths are relative to."""
    if path.is_file():
        return path, path.resolve().parent
    name = path.name.removesuffix(".toml")
    for kind in ("recipes", "pipelines") if path.parent == Path() else ():
        if (shipped := bundled(kind) / f"{name}.toml").is_file():
            return shipped, Path.cwd()
    raise ConfigError(f"no recipe file {path}", hint=f"give a path, or one of: {', '.join(shipped_recipes())}")


def shipped_recipes() -> list[str]:
    """The names of the recipes that come with blossom-data."""
    return sorted(file.name.removesuffix(".toml") for file in bundled("recipes").glob("*.toml"))


def _recipe(table: Mapping[str, Any], where: str, folder: Path) -> Recipe:
    """The recipe that `table` describes, checked by itself."""
    recipe = read_table(Recipe, table, where, folder)
    name = str(table["base_model"])
    is_id = name.startswith("hf:") or (_HUB_ID.fullmatch(name) is not None and not (folder / name).parent.exists())
    if is_id and not recipe.base_model.is_dir():
        recipe = replace(recipe, hub_id=name.removeprefix("hf:"))
    _check(recipe, where)
    return recipe


def _check_there(recipe: Recipe, where: str) -> None:
    """Raises ConfigError where the model's folder or a part of the data is not there."""
    if not recipe.hub_id and not recipe.base_model.is_dir():
        hint = "set base_model to a model's folder, or to the id of a model of the hub"
        raise ConfigError(f"{where}: no model folder {recipe.base_model}", hint=hint)
    for stage in recipe.stages:
        for part in stage.data:
            if not part.path.exists():
                hint = "make it: blossom-data refresh" if part.config else "make it: blossom-data train pack"
                raise ConfigError(f"{where}, stage {stage.name}: no data at {part.path}", hint=hint)


def _check(recipe: Recipe, where: str) -> None:
    """Raises ConfigError where values that are right by themselves do not fit together."""
    try:
        if recipe.template != OWN:
            named_template(recipe.template)
    except ConfigError as why:
        raise ConfigError(f"{where}: {why}", hint=why.hint) from why
    if recipe.revision and not recipe.hub_id:
        raise ConfigError(f"{where}: a revision is one of a model of the hub, base_model is {recipe.base_model}")
    if not recipe.stages:
        raise ConfigError(f"{where}: has no [[stage]]", hint='such as [[stage]] name = "instruct" data = [...]')
    seen: list[str] = []
    for stage in recipe.stages:
        at = f"{where}, stage {stage.name}"
        if stage.name in seen or not stage.name.replace("-", "").replace("_", "").isalnum():
            raise ConfigError(f"{at}: names are letters, digits, - and _, each once")
        if not stage.data:
            raise ConfigError(f"{at}: has no data", hint='such as data = [{path = "packed/orca"}]')
        if stage.replay and stage.replay.stage not in seen:
            raise ConfigError(f"{at}: replays {stage.replay.stage!r}, which is no earlier stage")
        if stage.replay and bool(recipe.stages[seen.index(stage.replay.stage)].dpo) != bool(stage.dpo):
            raise ConfigError(f"{at}: replays {stage.replay.stage!r}: chats and preference pairs do not mix in a stage")
        for part in stage.data:
            if part.count is not None and part.share is not None:
                raise ConfigError(f"{at}: {part.path.name} has a count and a share", hint="give one of them")
        seen.append(stage.name)
    if recipe.samples and not recipe.eval:
        raise ConfigError(f"{where}: samples are of held-out documents, and none are", hint="such as eval = 0.01")
    if recipe.deepspeed and recipe.deepspeed.offload != "none" and recipe.deepspeed.stage < 2:
        raise ConfigError(f"{where}, [deepspeed]: offload needs stage 2 or 3, is {recipe.deepspeed.stage}")

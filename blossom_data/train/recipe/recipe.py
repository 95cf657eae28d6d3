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
together is checked by preflight/prepare.py; nothing here needs torch.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Annotated, Any, Literal

import orjson
from pydantic import BeforeValidator, Field, Strict, ValidationInfo, with_config
from pydantic.json_schema import SkipJsonSchema

from blossom_data.errors import ConfigError
from blossom_data.evaluate.suites import placed_suite
from blossom_data.pipelines.load import load_pipeline
from blossom_data.pipelines.settings import Pipeline
from blossom_data.prompts import bundled
from blossom_data.settings_file import read_table, wrong
from blossom_data.settings_types import (
    STRICT,
    Amount,
    Count,
    FilePath,
    Flag,
    FreeText,
    Positive,
    Share,
    Text,
    Whole,
    checked,
    refuse,
)
from blossom_data.toml_file import TomlFile, read_toml
from blossom_data.toml_lines import KeyPath
from blossom_data.train.recipe.checks import check_optimiser, check_stages, check_suites
from blossom_data.train.recipe.methods import DeepSpeed, Lora, Optimiser, Rope
from blossom_data.train.recipe.stages import StageRecipe
from blossom_data.train.template.names import OWN, is_file
from blossom_data.train.template.templates import identity_of, named_template

_HUB_ID = re.compile(r"[A-Za-z0-9][\w.-]*+/[A-Za-z0-9][\w.-]*+")


def _no_key(value: object) -> object:
    if value != "":
        raise refuse("unknown key 'hub_id'", 'base_model = "hf:ORG/NAME" is a model of the hub')
    return value


def _template(value: object, info: ValidationInfo) -> object:
    """A template's name, or the absolute path of the file that it is in."""
    if isinstance(value, str) and is_file(value):
        return str(((info.context or {}).get("folder", Path()) / value).absolute())
    return value


def _suite(value: object, info: ValidationInfo) -> object:
    """A suite, by the absolute path of its file where it is one."""
    return placed_suite(value, (info.context or {}).get("folder", Path())) if isinstance(value, str) else value


def _known_template(name: str) -> None:
    if name != OWN:
        named_template(name)


@with_config(STRICT)
@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """What is trained on what, in which stages; paths are absolute."""

    name: Text = "train"
    """Of the run, in its report."""
    base_model: FilePath
    """A model's folder; of a model of the hub where its files are, once they are there."""
    revision: FreeText = ""
    """Commit, branch or tag of a model of the hub."""
    hub_id: Annotated[str, BeforeValidator(_no_key), SkipJsonSchema()] = ""
    """The id of a model of the hub; "" of a folder."""
    template: Annotated[Text, BeforeValidator(_template), checked(_known_template)]
    """The chat format: chatml, qwen3, ..., a file .toml relative to this one, or own for the model's."""
    seq_len: Annotated[int, Strict(), Field(ge=2)] = 2048
    """Tokens of a row."""
    stages: Annotated[
        tuple[StageRecipe, ...],
        Field(alias="stage", min_length=1, examples=['[[stage]] name = "instruct" data = [...]']),
    ]
    """Stages of training, one after the other."""
    seed: Annotated[int, Strict(), Field(ge=0, le=(1 << 31) - 1)] = 0
    """Of the order and of new weights."""
    dtype: Literal["float32", "bfloat16", "float16"] = "bfloat16"
    """Of weights and activations; master weights are always float32; float16 scales the loss."""
    micro_batch: Count = 1
    """Rows of one forward pass on one device."""
    accumulation: Count = 1
    """Forward passes of one step on one device."""
    packing: Flag = True
    """False: a row holds one document."""
    attention: Literal["auto", "varlen", "flex", "sdpa"] = "auto"
    """How documents of a row are kept apart."""
    checkpointing: Flag = False
    """Activations of a block are computed again in the backward pass."""
    compile: Flag = False
    """Compile the model with torch.compile."""
    clip: Positive = 1.0
    """Largest norm of the gradient."""
    weight_decay: Amount = 0.0
    """Of the optimiser, on matrices."""
    optimiser: Optimiser = field(default_factory=Optimiser)
    """What turns gradients into updates."""
    freeze: tuple[Text, ...] = ()
    """Parts of the model that stay as they are: "embed_tokens", "layers.0-7", "norm"."""
    rope: Rope | None = None
    """Rotary positions stretched, for rows longer than the base model takes."""
    eval: Share = 0.0
    """Share of the documents, by hash, that no stage trains on and whose loss is measured."""
    eval_every: Whole = 0
    """Steps between two evaluations; 0: at the end of a stage."""
    eval_suites: tuple[Annotated[Text, BeforeValidator(_suite)], ...] = ()
    """Suites of `evaluate` with gold labels, such as "gsm8k:100", or files relative to this one, by whose score `best`
    and `patience` go in place of the loss."""
    eval_tokens: Count = 512
    """Most tokens of an answer to a question of theirs."""
    samples: Whole = 0
    """Held-out prompts whose greedy replies are written to samples.jsonl at each evaluation."""
    sample_tokens: Count = 128
    """Most tokens of such a reply."""
    best: Flag = False
    """Keep the weights of the stage's best evaluation in RUN/best."""
    patience: Whole = 0
    """Evaluations without a better one after which a stage ends; 0: it never does."""
    trackers: tuple[Literal["wandb", "mlflow", "swanlab", "trackio"], ...] = ()
    """Experiment trackers that are told the metrics."""
    log_every: Count = 10
    """Steps between two lines of metrics."""
    save_every: Count = 500
    """Steps between two checkpoints."""
    keep: Count = 2
    """Checkpoints that are kept, the newest."""
    peak_tflops: Positive | None = None
    """What a device can do in bfloat16, 10^12 operations a second; without it that of known devices."""
    max_bad: Share = 0.01
    """Largest share of a data set's rows that may be unreadable when it is packed."""
    max_dropped: Share = 0.5
    """Largest share of a data set's records that may fall out when it is packed: too long, without a reply ..."""
    decontaminated: tuple[Text, ...] = ()
    """Test sets of which nothing may be in the data: they must have been left out (decontaminate, or [curate])."""
    deterministic: Flag = False
    """CUDA: only kernels that give the same bits each time; slower."""
    lora: Lora | None = None
    """Low-rank adapters in place of full weights."""
    deepspeed: DeepSpeed | None = None
    """DeepSpeed in place of the plain adapter."""

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
        for key in ("max_bad", "max_dropped", "decontaminated", "best", "trackers"):
            del decisive[key]
        decisive["template"] = identity_of(self.template)
        _drop_later(decisive)
        if self.hub_id:
            # Where the hub's files are kept differs between machines, their commit does not.
            del decisive["base_model"]
        return hashlib.sha256(orjson.dumps(decisive, option=orjson.OPT_SORT_KEYS)).hexdigest()


def load_recipe(path: Path) -> Recipe:
    """Reads and checks a recipe: a file, a pipeline file with [train], or the name of one that comes with blossom-data.

    Raises:
        ConfigError: not TOML, an unknown key (with the nearest known one), a missing or wrong value (its line is told),
            or no such data.
    """
    place, folder = find_recipe(path)
    file = read_toml(place, "recipe")
    at: KeyPath = ()
    if "source" in file.values:
        file, at = load_pipeline(place, folder=folder).source, ("train",)
        if not file.value(at):
            raise ConfigError(
                f"pipeline {path} has no [train]", hint="such as [train] base_model = ... [[train.stage]]"
            )
    recipe = _recipe(file, at, folder)
    _check_there(recipe, file, at)
    return recipe


def recipe_of(pipeline: Pipeline) -> Recipe | None:
    """The recipe in [train] of a pipeline, whose data and model need not be there yet; None without one.

    Raises:
        ConfigError: an unknown key, with its line, a missing or wrong value.
    """
    if not pipeline.source.value(("train",)):
        return None
    return _recipe(pipeline.source, ("train",), pipeline.folder)


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


def _recipe(file: TomlFile, at: KeyPath, folder: Path) -> Recipe:
    """The recipe that the table at `at` describes, checked by itself."""
    recipe = read_table(file, Recipe, at=at, context={"folder": folder})
    name = str(file.value((*at, "base_model")))
    is_id = name.startswith("hf:") or (_HUB_ID.fullmatch(name) is not None and not (folder / name).parent.exists())
    if is_id and not recipe.base_model.is_dir():
        recipe = replace(recipe, hub_id=name.removeprefix("hf:"))
    _check(recipe, file, at)
    return recipe


def _check_there(recipe: Recipe, file: TomlFile, at: KeyPath) -> None:
    """Raises ConfigError where the model's folder or a part of the data is not there."""
    if not recipe.hub_id and not recipe.base_model.is_dir():
        hint = "set base_model to a model's folder, or to the id of a model of the hub"
        raise wrong(file, (*at, "base_model"), f"no model folder {recipe.base_model}", hint)
    check_suites(recipe.eval_suites, file, (*at, "eval_suites"))
    for number, stage in enumerate(recipe.stages):
        for place, part in enumerate(stage.data):
            if not part.path.exists():
                hint = "make it: blossom-data refresh" if part.config else "make it: blossom-data train pack"
                raise wrong(file, (*at, "stage", number, "data", place, "path"), f"no data at {part.path}", hint)


def _check(recipe: Recipe, file: TomlFile, at: KeyPath) -> None:
    """Raises ConfigError where values that are right by themselves do not fit together."""
    if recipe.revision and not recipe.hub_id:
        problem = f"a revision is one of a model of the hub, base_model is {recipe.base_model}"
        raise wrong(file, (*at, "revision"), problem)
    check_stages(recipe.stages, file, (*at, "stage"))
    check_optimiser(recipe.optimiser, file, (*at, "optimiser"))
    if recipe.samples and not recipe.eval:
        raise wrong(file, (*at, "samples"), "samples are of held-out documents, and none are", "such as eval = 0.01")
    for key in ("best", "patience"):
        if getattr(recipe, key) and not recipe.eval and not recipe.eval_suites:
            problem = f"{key} is of evaluations, and neither documents are held out nor suites named for them"
            raise wrong(file, (*at, key), problem, 'such as eval = 0.01, or eval_suites = ["gsm8k:100"]')
    if recipe.eval_suites and recipe.deepspeed and recipe.deepspeed.stage == 3:
        problem = "a process answers suites with the whole model, and ZeRO-3 spreads it"
        raise wrong(file, (*at, "eval_suites"), problem, "set [deepspeed] stage = 2")
    if recipe.deepspeed and recipe.deepspeed.offload != "none" and recipe.deepspeed.stage < 2:
        problem = f"offload needs stage 2 or 3, is {recipe.deepspeed.stage}"
        raise wrong(file, (*at, "deepspeed", "offload"), problem)
    if recipe.deepspeed and recipe.optimiser.name not in ("adamw", "lion"):
        problem = f"{recipe.optimiser.name} needs whole matrices, and DeepSpeed hands out flat shares"
        raise wrong(file, (*at, "optimiser", "name"), problem, "take adamw or lion, or leave out [deepspeed]")
    if recipe.deepspeed and recipe.dtype == "float16":
        problem = "float16 is for the plain adapter, which scales the loss"
        raise wrong(file, (*at, "dtype"), problem, 'set dtype = "bfloat16", or leave out [deepspeed]')
    if recipe.freeze and recipe.lora:
        problem = "adapters leave all weights of the model as they are"
        raise wrong(file, (*at, "freeze"), problem, "leave out freeze, or name the adapters' layers in [lora] targets")
    if recipe.lora and recipe.lora.bits and recipe.deepspeed and recipe.deepspeed.stage == 3:
        problem = "4-bit weights cannot be spread over processes"
        raise wrong(file, (*at, "lora", "bits"), problem, "set [deepspeed] stage = 2")


_LATER: Mapping[str, object] = {
    "optimiser": asdict(Optimiser()), "freeze": [], "rope": None, "patience": 0,
    "eval_suites": [], "eval_tokens": 512,
}  # fmt: skip
_LATER_OF_STAGES = {
    **dict.fromkeys(("ipo", "simpo", "orpo", "kto")), "label_smoothing": 0.0, "neftune": 0.0
}  # fmt: skip


def _drop_later(decisive: dict[str, Any]) -> None:
    """Takes out keys at their defaults that recipes did not always have: what was begun without them goes on."""
    tables: list[tuple[Any, Mapping[str, object]]] = [(decisive, _LATER)]
    tables += [(stage, _LATER_OF_STAGES) for stage in decisive["stages"]]
    tables += [(part, {"text": False}) for stage in decisive["stages"] for part in stage["data"]]
    tables += [(stage["dpo"], {"sft": 0.0}) for stage in decisive["stages"] if stage["dpo"]]
    tables += [(decisive["lora"], {"bits": None})] if decisive["lora"] else []
    for table, later in tables:
        for key, default in later.items():
            if table.get(key) == default:
                table.pop(key, None)

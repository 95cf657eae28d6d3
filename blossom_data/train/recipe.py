"""Recipes: the TOML file that says what is trained on what, in which stages.

    base_model = "models/base"         # a folder, relative to this file
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

An unknown key, a wrong type or a value out of range is an error that names the place. Whether data and model fit
together is checked by data.py and model.py; nothing here needs torch.
"""

from __future__ import annotations

import hashlib
import tomllib
import types
import typing
from collections.abc import Mapping
from dataclasses import MISSING, Field, asdict, dataclass, field, fields, is_dataclass
from pathlib import Path
from typing import Any, Literal, TypeVar

import orjson

from blossom_data.config import reject_unknown
from blossom_data.errors import ConfigError
from blossom_data.train.templates import OWN, named_template

Made = TypeVar("Made")
_AT_LEAST_1 = {"least": 1}
_POSITIVE = {"above": 0}
_SHARE = {"least": 0, "most": 1}


@dataclass(frozen=True, slots=True, kw_only=True)
class DataPart:
    """One part of a stage's data: a packed set, or a data set that is packed first; all of it, a count or a share."""

    path: Path
    count: int | None = field(default=None, metadata=_AT_LEAST_1)
    share: float | None = field(default=None, metadata=_SHARE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Replay:
    """The share of an earlier stage's documents that a stage sees again, drawn by document hash."""

    stage: str
    share: float = field(metadata=_SHARE)


@dataclass(frozen=True, slots=True, kw_only=True)
class StageRecipe:
    """One [[stage]]: its data, and its own schedule and optimiser state."""

    name: str
    data: tuple[DataPart, ...] = ()
    replay: Replay | None = None
    epochs: int = field(default=1, metadata=_AT_LEAST_1)
    learning_rate: float = field(default=2e-5, metadata=_POSITIVE)
    schedule: Literal["cosine", "linear", "wsd", "constant"] = "cosine"
    warmup: float = field(default=0.03, metadata=_SHARE)
    """Share of the stage's steps over which the learning rate rises."""
    decay: float = field(default=0.2, metadata=_SHARE)
    """wsd: share of the stage's steps over which it falls at the end."""
    floor: float = field(default=0.0, metadata=_SHARE)
    """Share of the learning rate that it falls to."""


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
    log_every: int = field(default=10, metadata=_AT_LEAST_1)
    save_every: int = field(default=500, metadata=_AT_LEAST_1)
    keep: int = field(default=2, metadata=_AT_LEAST_1)
    """Checkpoints that are kept, the newest."""
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
        for key in ("log_every", "save_every", "keep", "name", "eval_every"):
            del decisive[key]
        return hashlib.sha256(orjson.dumps(decisive, option=orjson.OPT_SORT_KEYS)).hexdigest()


def load_recipe(path: Path) -> Recipe:
    """Reads and checks the recipe file at `path`.

    Raises:
        ConfigError: not TOML, an unknown key (with the nearest known one), a missing or wrong value.
    """
    try:
        raw = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as why:
        raise ConfigError(f"cannot read recipe {path}: {why.strerror}") from why
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError) as why:
        raise ConfigError(f"recipe {path} is not valid TOML: {why}") from why
    recipe = _read(Recipe, raw, f"recipe {path}", path.resolve().parent)
    _check(recipe, f"recipe {path}")
    return recipe


def _check(recipe: Recipe, where: str) -> None:
    """Raises ConfigError where values that are right by themselves do not fit together."""
    if recipe.template != OWN:
        named_template(recipe.template)
    if not recipe.base_model.is_dir():
        raise ConfigError(f"{where}: no model folder {recipe.base_model}", hint="set base_model to a model's folder")
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
        for part in stage.data:
            if part.count is not None and part.share is not None:
                raise ConfigError(f"{at}: {part.path.name} has a count and a share", hint="give one of them")
            if not part.path.exists():
                raise ConfigError(f"{at}: no data at {part.path}", hint="make it: blossom-data train pack")
        seen.append(stage.name)
    if recipe.deepspeed and recipe.deepspeed.offload != "none" and recipe.deepspeed.stage < 2:
        raise ConfigError(f"{where}, [deepspeed]: offload needs stage 2 or 3, is {recipe.deepspeed.stage}")


def _read(kind: type[Made], table: Mapping[str, Any], where: str, folder: Path) -> Made:
    """`table` as a `kind`, every key checked against the fields of that dataclass."""
    assert is_dataclass(kind)
    hints = typing.get_type_hints(kind)
    known = {entry.metadata.get("key", entry.name): entry for entry in fields(kind)}
    reject_unknown(table, known, where)
    values: dict[str, Any] = {}
    for key, entry in known.items():
        if key in table:
            values[entry.name] = _value(table[key], hints[entry.name], f"{where}: {key}", entry, folder)
        elif entry.default is MISSING and entry.default_factory is MISSING:
            raise ConfigError(f"{where}: has no {key}")
    made = kind(**values)
    assert isinstance(made, kind)
    return made


def _value(value: Any, hint: Any, where: str, entry: Field[Any], folder: Path) -> Any:
    origin, inner = typing.get_origin(hint), typing.get_args(hint)
    if origin is types.UnionType:
        return _value(value, inner[0], where, entry, folder)
    if origin is Literal:
        if value not in inner:
            raise ConfigError(f"{where} is {value!r}", hint=f"one of {', '.join(inner)}")
        return value
    if origin is tuple:
        if not isinstance(value, list):
            raise ConfigError(f"{where} must be a list, is {value!r}")
        places = (f"{where}, {number}" for number in range(1, len(value) + 1))
        return tuple(_value(item, inner[0], at, entry, folder) for item, at in zip(value, places, strict=True))
    if is_dataclass(hint) or hint == Mapping[str, Any]:
        if not isinstance(value, dict):
            raise ConfigError(f"{where} must be a table, is {value!r}")
        return value if hint == Mapping[str, Any] else _read(typing.cast(type[Any], hint), value, where, folder)
    if hint in (int, float):
        return _number(value, hint, where, entry)
    if hint is bool:
        if not isinstance(value, bool):
            raise ConfigError(f"{where} must be true or false, is {value!r}")
        return value
    if not isinstance(value, str) or not value:
        raise ConfigError(f"{where} must be a text, is {value!r}")
    return (folder / value).absolute() if hint is Path else value


def _number(value: Any, kind: type, where: str, entry: Field[Any]) -> int | float:
    least, most, above = (entry.metadata.get(bound) for bound in ("least", "most", "above"))
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    if (
        not is_number
        or (kind is int and not isinstance(value, int))
        or value != value
        or (least is not None and value < least)
        or (most is not None and value > most)
        or (above is not None and value <= above)
    ):
        bounds = [f"from {least}" if least is not None else "", f"to {most}" if most is not None else ""]
        bounds.append(f"above {above}" if above is not None else "")
        told = " ".join(filter(None, ["a whole number" if kind is int else "a number", *bounds]))
        raise ConfigError(f"{where} must be {told}, is {value!r}")
    return int(value) if kind is int else float(value)

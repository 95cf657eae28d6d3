"""The configuration of a model's folder, and the one of the recipe that stretches its positions."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

from blossom_data.errors import ConfigError
from blossom_data.train.recipe.methods import Rope

MODEL_HINT = "it wants config.json and *.safetensors of a model that transformers knows without remote code"


def read_config(folder: Path) -> Any:
    """The configuration of the model in `folder`.

    Raises:
        ConfigError: none that transformers knows.
    """
    from transformers import AutoConfig

    try:
        return AutoConfig.from_pretrained(str(folder), local_files_only=True, trust_remote_code=False)
    except Exception as why:
        # Whatever a damaged or foreign folder makes transformers raise, it is this folder that is wrong.
        line = (str(why).strip().splitlines() or [type(why).__name__])[0]
        raise ConfigError(f"cannot read a model from {folder}: {line[:200]}", hint=MODEL_HINT) from why


def stretched(config: Any, rope: Rope) -> Any:
    """`config` with its rotary positions stretched as the recipe says; one that already is so stays.

    Raises:
        ConfigError: the model has no rotary positions, or stretches them already in another way.
    """
    known = rope_of(config)
    if not known:
        raise ConfigError(f"a {config.model_type} model has no rotary positions to stretch", hint="leave out [rope]")
    kind, factor = known.get("rope_type", "default"), known.get("factor")
    if (kind, factor) == (rope.type, rope.factor):
        return config
    if kind != "default":
        raise ConfigError(f"the model stretches its positions already ({kind})", hint="leave out [rope]")
    length = int(config.max_position_embeddings)
    config = copy.deepcopy(config)
    more = {} if rope.type == "linear" else {"original_max_position_embeddings": length}
    config.rope_parameters = {**known, "rope_type": rope.type, "factor": rope.factor, **more}
    if rope.type != "dynamic":
        # Of dynamic positions it stays the length up to which nothing is stretched.
        config.max_position_embeddings = round(length * rope.factor)
    return config


def rope_of(config: Any) -> dict[str, Any]:
    """The parameters of a model's rotary positions; none where it has no such positions."""
    return dict(getattr(config, "rope_parameters", None) or {})


def most_positions(config: Any) -> int | None:
    """The longest sequence that a model of `config` takes; None where its positions have no end."""
    if config.model_type == "bloom":
        return None
    found = getattr(config, "max_position_embeddings", None)
    rope = rope_of(config)
    if found and rope.get("rope_type") == "dynamic":
        return round(int(found) * float(rope["factor"]))
    return int(found) if found else None

"""Builds stages from settings: the flags of a command, or the [stage.NAME] table of a pipeline.

build_stage("annotate", {"tries": 3, "prompt": "annotate"}, folder=Path("pipelines"))
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any

from blossom_data.asks import Stage
from blossom_data.config import reject_unknown
from blossom_data.errors import ConfigError
from blossom_data.prompts import Prompt, load_prompt

_KINDS = {
    "translate": ("Translate", "translate"),
    "annotate": ("Annotate", "annotate"),
    "verify-math": ("VerifyMath", "solve_math"),
}
"""Stage -> its class in the module of the same name, imported when it is built, and its default prompt."""
_FIXED = ("name", "version")
_PROMPTS = ("prompt", "judge")


def build_stage(name: str, settings: Mapping[str, Any], *, folder: Path | None = None) -> Stage:
    """The stage `name` with `settings` over its defaults; prompts are named, and looked for in `folder` first.

    Raises:
        ConfigError: an unknown or wrong setting, or a prompt that cannot be loaded.
    """
    class_name, default_prompt = _KINDS[name]
    module = importlib.import_module(f"blossom_data.stages.{name.replace('-', '_')}.stage")
    kind = getattr(module, class_name)
    known = {field.name: field for field in fields(kind) if field.name not in _FIXED}
    reject_unknown(settings, known, f"[stage.{name}]")
    values: dict[str, Any] = {"prompt": default_prompt, **settings}
    for key in _PROMPTS:
        if values.get(key):
            values[key] = load_prompt(str(values[key]), folder=folder)
    for key, value in settings.items():
        if key not in _PROMPTS:
            _check_type(value, str(known[key].type), f"[stage.{name}] {key}")
    stage: Stage = kind(**values)
    return stage


def prompts_of(stages: list[Stage]) -> dict[str, str]:
    """The hash of each prompt that `stages` send, by its name: part of a data set's manifest."""
    found = [getattr(stage, key, None) for stage in stages for key in _PROMPTS]
    return {prompt.name: prompt.hash for prompt in found if isinstance(prompt, Prompt)}


def _check_type(value: object, wanted: str, where: str) -> None:
    """Raises ConfigError unless `value` is of the annotated type `wanted` (such as "int" or "float | None")."""
    types: dict[str, tuple[type, ...]] = {"int": (int,), "float": (int, float), "str": (str,), "bool": (bool,)}
    allowed = types[wanted.split(" | ")[0]]
    if not isinstance(value, allowed) or isinstance(value, bool) != (wanted == "bool"):
        raise ConfigError(f"{where} must be {wanted}, is {value!r}")
    if isinstance(value, int | float) and value < 0:
        raise ConfigError(f"{where} must not be negative, is {value!r}")

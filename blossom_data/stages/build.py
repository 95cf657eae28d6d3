"""Builds stages from settings: the flags of a command, or the [stage.NAME] table of a pipeline.

build_stage("annotate", {"tries": 3, "prompt": "annotate"}, folder=Path("pipelines"))
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from blossom_data.asks import Stage
from blossom_data.prompts import Prompt, load_prompt

_KINDS = {
    "translate": ("Translate", "translate"),
    "annotate": ("Annotate", "annotate"),
    "verify-math": ("VerifyMath", "solve_math"),
    "judge": ("Judge", "judge_answer"),
    "classify": ("Classify", "classify"),
}
"""Stage -> its class in the module of the same name, imported when it is built, and its default prompt."""
_PROMPTS = ("prompt", "judge")


def build_stage(name: str, settings: Mapping[str, Any], *, folder: Path | None = None) -> Stage:
    """The stage `name` with checked `settings` over its defaults; prompts are named, and looked for in `folder` first.

    Raises:
        ConfigError: a prompt that cannot be loaded.
    """
    class_name, default_prompt = _KINDS[name]
    module = importlib.import_module(f"blossom_data.stages.{name.replace('-', '_')}.stage")
    kind = getattr(module, class_name)
    values: dict[str, Any] = {"prompt": default_prompt, **settings}
    for key in _PROMPTS:
        if values.get(key):
            values[key] = load_prompt(str(values[key]), folder=folder)
    stage: Stage = kind(**values)
    return stage


def prompts_of(stages: list[Stage]) -> dict[str, str]:
    """The hash of each prompt that `stages` send, by its name: part of a data set's manifest."""
    found = [getattr(stage, key, None) for stage in stages for key in _PROMPTS]
    return {prompt.name: prompt.hash for prompt in found if isinstance(prompt, Prompt)}

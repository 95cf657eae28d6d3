"""Builds stages from settings: the flags of a command, or the [stage.NAME] table of a pipeline.

build_stage("annotate", {"tries": 3, "prompt": "annotate"}, folder=Path("pipelines"))
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from blossom_data.asks import Stage
from blossom_data.errors import ConfigError
from blossom_data.languages.tags import canonical
from blossom_data.prompts import Prompt, load_prompt

_KINDS = {
    "translate": ("Translate", "translate"),
    "annotate": ("Annotate", "annotate"),
    "verify-math": ("VerifyMath", "solve_math"),
    "judge": ("Judge", "judge_answer"),
    "classify": ("Classify", "classify"),
    "judge-leak": ("JudgeLeak", "judge_leak"),
}
"""Stage -> its class in the module of the same name, imported when it is built, and its default prompt."""
_PROMPTS = ("prompt", "judge_prompt")
_NO_JUDGE, _JUDGE_PROMPT = "off", "judge_translation"
_RENAMED = {"from": "source_lang", "to": "target_lang"}
_ANY_LANGUAGE = "_any_language"
"""The bundled prompts that are about English and Chinese have a twin of this ending for other languages."""


def build_stage(name: str, settings: Mapping[str, Any], *, folder: Path | None = None) -> Stage:
    """The stage `name` with checked `settings` over its defaults; prompts are named, and looked for in `folder` first.

    Raises:
        ConfigError: a prompt that cannot be loaded, a language that there is not, or twice the same one.
    """
    class_name, default_prompt = _KINDS[name]
    module = importlib.import_module(f"blossom_data.stages.{name.replace('-', '_')}.stage")
    kind = getattr(module, class_name)
    values: dict[str, Any] = {"prompt": default_prompt, **{_RENAMED.get(key, key): settings[key] for key in settings}}
    if name == "translate":
        values |= _checked_languages(values) | _checked_judge(values)
    any_language = f"{default_prompt}{_ANY_LANGUAGE}"
    is_bundled = values["prompt"] == default_prompt and not (folder and (folder / f"{default_prompt}.toml").is_file())
    if name == "translate" and is_bundled and not _is_english_and_chinese(values):
        values["prompt"] = any_language
    if name == "annotate":
        values["other_prompt"] = any_language if is_bundled else values["prompt"]
    for key in (*_PROMPTS, "other_prompt"):
        if values.get(key):
            values[key] = load_prompt(str(values[key]), folder=folder)
    if isinstance(judge := values.get("judge_prompt"), Prompt):
        # It is filled for the first time behind a translation that was paid for.
        judge.fill(document="")
    stage: Stage = kind(**values)
    return stage


def _checked_languages(values: Mapping[str, Any]) -> dict[str, str]:
    """Both languages of a translation as records write them; those that `values` leave out are en and zh."""
    source, target = (
        canonical(str(usual if (given := values.get(key)) is None else given))
        for key, usual in (("source_lang", "en"), ("target_lang", "zh"))
    )
    if source == target:
        raise ConfigError(f"the texts are in {source}, and would be translated into {target}", hint="set --from, --to")
    return {"source_lang": source, "target_lang": target}


def _checked_judge(values: Mapping[str, Any]) -> dict[str, Any]:
    """The prompt of the judge of a translation, where there is a judge."""
    if values.get("judge", _NO_JUDGE) != _NO_JUDGE:
        return {"judge_prompt": values.get("judge_prompt") or _JUDGE_PROMPT}
    for key in ("judge_prompt", "judge_model"):
        if values.get(key):
            told = f"{key.replace('_', ' ')} {values[key]!r} does nothing without a judge"
            raise ConfigError(told, hint='give --judge soft, in a pipeline judge = "soft"')
    return {}


def _is_english_and_chinese(values: Mapping[str, Any]) -> bool:
    return {values["source_lang"], values["target_lang"]} == {"en", "zh"}


def prompts_of(stages: list[Stage]) -> dict[str, str]:
    """The hash of each prompt that `stages` send, by its name: part of a data set's manifest."""
    found = [getattr(stage, key, None) for stage in stages for key in _PROMPTS]
    return {prompt.name: prompt.hash for prompt in found if isinstance(prompt, Prompt)}

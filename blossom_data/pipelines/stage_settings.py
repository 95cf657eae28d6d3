"""The [stage.NAME] tables of a pipeline: what may be set of each stage; stages/build.py builds the stage of them.

    [stage.verify-math]
    resample = 3

What a table leaves out is the stage's own default, so none is repeated here.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import AliasChoices, BeforeValidator, Field, Strict, with_config

from blossom_data.config import JUDGE_MODES
from blossom_data.settings_types import STRICT, Count, Flag, FreeText, Language, OneOf, Text, Whole, refuse


def _no_prompt(value: Any) -> Any:
    if isinstance(value, str) and value not in JUDGE_MODES:
        hint = f'a prompt of its own: judge = "soft" and judge_prompt = "{value}"' if value else 'judge = "off"'
        raise refuse(f"judge is {value!r}, and may be {', '.join(JUDGE_MODES)}", hint)
    return value


JudgeMode = Annotated[str, OneOf(*JUDGE_MODES), BeforeValidator(_no_prompt)]
Temperature = Annotated[float, Strict(), Field(ge=0, le=2)]


@with_config(STRICT)
@dataclass(frozen=True, slots=True, kw_only=True)
class TranslateSettings:
    """[stage.translate]: every text of a record in the target language."""

    prompt: Text | None = None
    """Prompt name or .toml file, looked for beside the pipeline first."""
    source_lang: Annotated[Language | None, Field(validation_alias=AliasChoices("from", "source_lang"))] = None
    """BCP-47 tag of the language of the records; en without it."""
    target_lang: Annotated[Language | None, Field(validation_alias=AliasChoices("to", "target_lang"))] = None
    """BCP-47 tag of the language to translate into; zh without it."""
    tries: Whole | None = None
    """Times a document is asked for whole before its segments are asked for one by one."""
    judge: JudgeMode | None = None
    """Second opinion of a model: off, soft (what the checks doubt or are weak in) or all."""
    judge_prompt: Text | None = None
    """Prompt name or .toml file that the judge is asked by, looked for beside the pipeline first."""
    judge_model: Text | None = None
    """Another model of the endpoint as the judge."""
    fallback_model: FreeText | None = None
    """Another model of the endpoint for the last try."""
    keep_source: Flag | None = None
    """Keep the source beside its translation, as a linked pair."""
    drop_lang_tasks: Flag | None = None
    """Reject tasks about the source language itself (grammar, rhyme)."""
    drop_tools: Flag | None = None
    """Translate records with tools without them; else they are rejected."""
    spare_tokens: Whole | None = None
    """Room beyond the translation in a reply; raise it for a model that thinks before it answers."""
    max_tokens: Count | None = None
    """Most tokens of a reply, in place of what fits its source."""


@with_config(STRICT)
@dataclass(frozen=True, slots=True, kw_only=True)
class AnnotateSettings:
    """[stage.annotate]: every answer written anew in one style."""

    prompt: Text | None = None
    """Prompt name or .toml file (the style), looked for beside the pipeline first."""
    tries: Count | None = None
    """Samples per turn before the record is rejected."""
    temperature: Temperature | None = None
    """Of the samples."""
    max_tokens: Count | None = None
    """Most tokens of an answer."""
    keep_reasoning: Flag | None = None
    """Keep what the model thought, as `reasoning_content` of its turn."""
    drop_tools: Flag | None = None
    """Answer records with tools without them; else they are rejected."""


@with_config(STRICT)
@dataclass(frozen=True, slots=True, kw_only=True)
class VerifyMathSettings:
    """[stage.verify-math]: only answers that equal the gold label are kept."""

    prompt: Text | None = None
    """Prompt name or .toml file that asks for another sample, looked for beside the pipeline first."""
    resample: Whole | None = None
    """Most new samples for a wrong answer; 0 makes no call."""
    temperature: Temperature | None = None
    """Of the samples."""
    max_tokens: Count | None = None
    """Most tokens of a sample."""
    symbolic: Flag | None = None
    """Compare labels that are formulas through Math-Verify."""
    keep_reasoning: Flag | None = None
    """Keep what the model thought, as `reasoning_content` of its turn."""


@with_config(STRICT)
@dataclass(frozen=True, slots=True, kw_only=True)
class StageTables:
    """[stage]: a table for each stage."""

    translate: TranslateSettings | None = None
    """Every text of a record in the target language."""
    annotate: AnnotateSettings | None = None
    """Every answer written anew in one style."""
    verify_math: Annotated[VerifyMathSettings | None, Field(alias="verify-math")] = None
    """Only answers that equal the gold label are kept."""

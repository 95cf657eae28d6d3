"""Who judges, out of a file: its [judge] table, behind the flags and the environment.

    [judge]
    model = "gpt-4o"
    base_url = "https://api.openai.com/v1"
    extra_body = {seed = 1}
    prompt = "my_judge.toml"          beside the file, or the name of one that comes along

The judge's key is never in it. What else stands in the file is not looked at.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Annotated, Any

from pydantic import Field, with_config

from blossom_data.cli.flags.evaluating import JudgeFlags
from blossom_data.errors import ConfigError
from blossom_data.settings_file import read_table
from blossom_data.settings_types import STRICT, FreeText, Text
from blossom_data.toml_file import read_toml


@with_config(STRICT)
@dataclass(frozen=True, slots=True, kw_only=True)
class JudgeTable:
    """The [judge] of a file."""

    model: Annotated[Text, Field(examples=['model = "gpt-4o"'])]
    base_url: FreeText = ""
    extra_body: Mapping[str, Any] = field(default_factory=dict)
    prompt: FreeText = ""


def with_judge_file(flags: JudgeFlags) -> JudgeFlags:
    """`flags`, and from the file that they name what they leave open.

    Raises:
        ConfigError: the file cannot be read, or has no [judge] that can be understood.
    """
    if flags.judge_file is None:
        return flags
    file = read_toml(flags.judge_file, "judge")
    if not isinstance(file.values.get("judge"), dict):
        raise ConfigError(f"{flags.judge_file} has no table [judge]", hint='write [judge] and model = "NAME" below it')
    table = read_table(file, JudgeTable, at=("judge",))
    beside = flags.judge_file.parent / table.prompt
    return replace(
        flags,
        judge_model=flags.judge_model or table.model,
        judge_base_url=flags.judge_base_url or table.base_url,
        judge_extra_body=flags.judge_extra_body or dict(table.extra_body) or None,
        judge_prompt=flags.judge_prompt or (str(beside) if table.prompt and beside.is_file() else table.prompt),
    )

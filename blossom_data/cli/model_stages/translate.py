"""blossom-data translate."""

from __future__ import annotations

import shlex
from dataclasses import asdict, dataclass
from typing import Annotated

import typer

from blossom_data.cli.flags.common import CommonOfLong
from blossom_data.cli.flags.endpoint import Asking
from blossom_data.cli.flags.groups import as_command
from blossom_data.cli.flags.records import Records
from blossom_data.cli.flags.values import switch
from blossom_data.config import JUDGE_MODES


def judge_mode(value: str) -> str:
    """One of JUDGE_MODES; the prompt that used to stand there is refused with the spelling of now."""
    if value in JUDGE_MODES:
        return value
    told = f"{value!r} is not one of {', '.join(JUDGE_MODES)}"
    raise typer.BadParameter(f"{told}; a prompt of its own: --judge soft --judge-prompt {shlex.quote(value)}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Translation:
    """How records are translated."""

    source_lang: Annotated[
        str, typer.Option("--from", metavar="TAG", help="Language of the records, a BCP-47 tag such as en or pt-BR.")
    ] = "en"
    target_lang: Annotated[
        str, typer.Option("--to", metavar="TAG", help="Language to translate into, such as zh, zh-Hant, ja or de.")
    ] = "zh"
    prompt: Annotated[
        str,
        typer.Option(
            "--prompt",
            metavar="PROMPT",
            help="Prompt name or .toml file; `translate` is about English and Chinese, and has a twin for the rest.",
        ),
    ] = "translate"
    tries: Annotated[int, typer.Option("--tries", min=1, metavar="N", help="Most tries per call.")] = 4
    judge: Annotated[
        str,
        typer.Option(
            "--judge",
            parser=judge_mode,
            metavar="|".join(JUDGE_MODES),
            help="Second opinion of a model: soft for what the checks doubt or are weak in (2 to 8 in 100 segments).",
        ),
    ] = "off"
    judge_prompt: Annotated[
        str,
        typer.Option("--judge-prompt", metavar="FILE", help="What the judge is asked by: prompt name or .toml file."),
    ] = ""
    judge_model: Annotated[
        str, typer.Option("--judge-model", metavar="NAME", help="Another model of the endpoint as the judge.")
    ] = ""
    fallback_model: Annotated[
        str, typer.Option("--fallback-model", metavar="NAME", help="Another model of the endpoint for the last try.")
    ] = ""
    spare_tokens: Annotated[
        int,
        typer.Option(
            "--spare-tokens",
            min=0,
            metavar="N",
            help="Room beyond the translation in a reply; raise it for a model that thinks before it answers.",
        ),
    ] = 64
    max_tokens: Annotated[
        int | None,
        typer.Option("--max-tokens", min=1, metavar="N", help="Longest reply; none: what fits its source."),
    ] = None
    keep_source: Annotated[
        bool, switch("--keep-source", help="Keep the source beside its translation, as a linked pair.")
    ] = False
    drop_lang_tasks: Annotated[
        bool, switch("--drop-lang-tasks", help="Reject tasks about the source language itself (grammar, rhyme).")
    ] = False
    drop_tools: Annotated[
        bool, switch("--drop-tools", help="Translate records with tools without them; else they are rejected.")
    ] = False


@as_command("translate")
def command(
    given: Records,
    translation: Translation,
    asking: Asking,
    common: CommonOfLong,
    explain: Annotated[
        str | None,
        typer.Option(
            "--explain", metavar="ID", help="Show how one record (the beginning of its id) is asked and checked."
        ),
    ] = None,
) -> int:
    """Translate records with an LLM that must give JSON out; a reply that obeys the text is caught.

    IN is a data set folder, a JSONL or Parquet file of {"messages": [...]}, or - for standard input.

    Example: blossom-data translate raw/gsm8k -o zh/gsm8k --base-url http://127.0.0.1:8000/v1 --model qwen2.5-72b
    """
    settings = asdict(translation)
    for optional in ("judge_prompt", "judge_model", "fallback_model", "max_tokens", "drop_tools"):
        if not settings[optional]:
            del settings[optional]
    if explain:
        from blossom_data.cli.model_stages.explain import explain_record

        return explain_record(explain, settings, given, asking.endpoint, is_json=common.is_json)
    from blossom_data.cli.jobs import run_stage

    return run_stage("translate", settings, given, asking, common)

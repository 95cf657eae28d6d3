"""blossom-data annotate."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from blossom_data.cli.flags.common import CommonOfLong
from blossom_data.cli.flags.endpoint import Asking, KeepReasoning
from blossom_data.cli.flags.groups import as_command
from blossom_data.cli.flags.records import Records
from blossom_data.cli.flags.values import switch


@as_command("annotate")
def command(
    given: Records,
    asking: Asking,
    common: CommonOfLong,
    prompt: Annotated[
        str, typer.Option("--prompt", metavar="PROMPT", help="Style: prompt name or .toml file.")
    ] = "annotate",
    tries: Annotated[int, typer.Option("--tries", min=1, metavar="N", help="Most samples per turn.")] = 3,
    temperature: Annotated[
        float, typer.Option("--temperature", min=0, max=2, metavar="T", help="Of every sample.")
    ] = 0.7,
    max_tokens: Annotated[
        int | None,
        typer.Option("--max-tokens", min=1, metavar="N", help="Longest answer; none: what the endpoint allows."),
    ] = None,
    keep_reasoning: KeepReasoning = False,
    drop_tools: Annotated[
        bool, switch("--drop-tools", help="Answer records with tools without them; else they are rejected.")
    ] = False,
) -> int:
    """Write every assistant turn again, in order, with one model in one style.

    IN is a data set folder, a JSONL or Parquet file of {"messages": [...]}, or - for standard input.

    Example: blossom-data annotate zh/gsm8k -o sft/gsm8k --base-url http://127.0.0.1:8000/v1 --model qwen2.5-72b
    """
    settings: dict[str, Any] = {
        "prompt": prompt,
        "tries": tries,
        "temperature": temperature,
        "keep_reasoning": keep_reasoning,
    }
    if drop_tools:
        settings["drop_tools"] = True
    if max_tokens:
        settings["max_tokens"] = max_tokens
    from blossom_data.cli.jobs import run_stage

    return run_stage("annotate", settings, given, asking, common)

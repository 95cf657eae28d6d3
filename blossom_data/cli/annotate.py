"""blossom-data annotate."""

from __future__ import annotations

from typing import Any

import click

from blossom_data.cli.jobs import run_stage
from blossom_data.cli.options import common, endpoint_options, job_options


@click.command("annotate")
@job_options
@click.option("--prompt", default="annotate", show_default=True, help="Style: prompt name or .toml file.")
@click.option("--tries", type=click.IntRange(min=1), default=3, show_default=True, help="Most samples per turn.")
@click.option("--temperature", type=click.FloatRange(0, 2), default=0.7, show_default=True, help="Of every sample.")
@click.option("--max-tokens", type=click.IntRange(min=1), help="Longest answer; none: what the endpoint allows.")
@endpoint_options
@common
def command(prompt: str, tries: int, temperature: float, max_tokens: int | None, **flags: Any) -> int:
    """Write every assistant turn again, in order, with one model in one style.

    IN is a data set folder, a JSONL or Parquet file of {"messages": [...]}, or - for standard input.

    \b
    Example: blossom-data annotate zh/gsm8k -o sft/gsm8k --base-url http://127.0.0.1:8000/v1 --model qwen2.5-72b
    """
    settings: dict[str, Any] = {"prompt": prompt, "tries": tries, "temperature": temperature}
    if max_tokens:
        settings["max_tokens"] = max_tokens
    return run_stage("annotate", settings, flags)

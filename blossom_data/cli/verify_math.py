"""blossom-data verify-math."""

from __future__ import annotations

from typing import Any

import click

from blossom_data.cli.jobs import run_stage
from blossom_data.cli.options import common, endpoint_options, job_options


@click.command("verify-math")
@job_options
@click.option(
    "--resample",
    type=click.IntRange(min=0),
    default=0,
    show_default=True,
    help="Most new samples for a record whose answer is not correct; 0 makes no call.",
)
@click.option("--prompt", default="solve_math", show_default=True, help="Prompt of a new sample: name or .toml file.")
@click.option("--temperature", type=click.FloatRange(0, 2), default=0.7, show_default=True, help="Of every new sample.")
@click.option("--max-tokens", type=click.IntRange(min=1), help="Longest new sample; none: what the endpoint allows.")
@endpoint_options
@common
def command(resample: int, prompt: str, temperature: float, max_tokens: int | None, **flags: Any) -> int:
    """Keep records whose final answer equals the gold label; records without one pass.

    IN is a data set folder, a JSONL or Parquet file of {"messages": [...], "gold": "72"}, or - for standard input.

    \b
    Example: blossom-data verify-math sft/gsm8k -o verified/gsm8k
    """
    settings: dict[str, Any] = {"resample": resample, "prompt": prompt, "temperature": temperature}
    if max_tokens:
        settings["max_tokens"] = max_tokens
    return run_stage("verify-math", settings, flags, needs_endpoint=resample > 0)

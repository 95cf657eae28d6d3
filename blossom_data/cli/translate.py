"""blossom-data translate."""

from __future__ import annotations

from typing import Any

import click

from blossom_data.cli.jobs import run_stage
from blossom_data.cli.options import common, endpoint_options, job_options


@click.command("translate")
@job_options
@click.option("--from", "source_lang", default="en", show_default=True, help="Language of the records.")
@click.option("--to", "target_lang", default="zh", show_default=True, help="Language to translate into.")
@click.option("--prompt", default="translate", show_default=True, help="Prompt name or .toml file.")
@click.option("--tries", type=click.IntRange(min=1), default=4, show_default=True, help="Most tries per call.")
@click.option("--judge", default="", help="Prompt of the judge that decides soft findings; none: they are quarantined.")
@click.option("--fallback-model", default="", help="Another model of the endpoint for the last try.")
@click.option(
    "--spare-tokens",
    type=click.IntRange(min=0),
    default=64,
    show_default=True,
    help="Room beyond the translation in a reply; raise it for a model that thinks before it answers.",
)
@click.option("--keep-source", is_flag=True, help="Keep the source beside its translation, as a linked pair.")
@click.option("--drop-lang-tasks", is_flag=True, help="Reject tasks about the source language itself (grammar, rhyme).")
@click.option("--explain", metavar="ID", help="Show how one record (the beginning of its id) is asked and checked.")
@endpoint_options
@common
def command(
    source_lang: str,
    target_lang: str,
    prompt: str,
    tries: int,
    judge: str,
    fallback_model: str,
    spare_tokens: int,
    keep_source: bool,
    drop_lang_tasks: bool,
    explain: str | None,
    **flags: Any,
) -> int:
    """Translate records with an LLM that must give JSON out; a reply that obeys the text is caught.

    IN is a data set folder, a JSONL or Parquet file of {"messages": [...]}, or - for standard input.

    \b
    Example: blossom-data translate raw/gsm8k -o zh/gsm8k --base-url http://127.0.0.1:8000/v1 --model qwen2.5-72b
    """
    settings: dict[str, Any] = {
        "source_lang": source_lang,
        "target_lang": target_lang,
        "prompt": prompt,
        "tries": tries,
        "spare_tokens": spare_tokens,
        "keep_source": keep_source,
        "drop_lang_tasks": drop_lang_tasks,
    }
    if judge:
        settings["judge"] = judge
    if fallback_model:
        settings["fallback_model"] = fallback_model
    if explain:
        from blossom_data.cli.explain import explain_record

        return explain_record(explain, settings, flags)
    return run_stage("translate", settings, flags)

"""blossom-data verify-math."""

from __future__ import annotations

import itertools
from collections import Counter
from typing import Any

import click

from blossom_data.cli import output
from blossom_data.cli.jobs import run_stage
from blossom_data.cli.options import common, endpoint_options, job_options
from blossom_data.records import Record

_EXAMPLES = 3


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
@click.option("--symbolic", is_flag=True, help="Compare labels that are LaTeX formulas through Math-Verify (an extra).")
@endpoint_options
@common
def command(
    resample: int, prompt: str, temperature: float, max_tokens: int | None, symbolic: bool, **flags: Any
) -> int:
    """Keep records whose final answer equals the gold label; records without one pass.

    Ends with a report per data set and shape of the label: verdicts, samples, yield with its 95 % interval, and where
    answers were read. Labels that cannot be read are told before anything is paid for, and never sampled.

    IN is a data set folder, a JSONL or Parquet file of {"messages": [...], "gold": "72"}, or - for standard input.

    \b
    Example: blossom-data verify-math sft/gsm8k -o verified/gsm8k
    """
    settings: dict[str, Any] = {"resample": resample, "prompt": prompt, "temperature": temperature}
    if max_tokens:
        settings["max_tokens"] = max_tokens
    if symbolic:
        from blossom_data.answers.symbolic import shared_checker

        shared_checker()
        settings["symbolic"] = True
    if resample:
        _tell_unreadable(flags["records"], flags["limit"], symbolic)
    return run_stage("verify-math", settings, flags, needs_endpoint=resample > 0)


def _tell_unreadable(records: str, limit: int | None, symbolic: bool) -> None:
    """Says on stderr which gold labels cannot be compared; standard input cannot be read twice, so it is not looked at.

    Raises:
        InputError: `records` cannot be read.
    """
    if records == "-":
        return
    from blossom_data.answers import parse_gold
    from blossom_data.answers.symbolic import is_symbolic_gold
    from blossom_data.rows import read_records

    labels, unreadable, examples = 0, Counter[str](), list[str]()
    for record in itertools.islice(read_records(records), limit):
        if not isinstance(record, Record) or not record.gold:
            continue
        labels += 1
        if parse_gold(record.gold) is None and not (symbolic and is_symbolic_gold(record.gold)):
            unreadable[record.source] += 1
            if len(examples) < _EXAMPLES:
                examples.append(f"{record.gold[:40]!r} ({record.id})")
    if unreadable:
        told = ", ".join(f"{source or '-'} {number:,}" for source, number in unreadable.most_common())
        output.say(
            f"warning: {unreadable.total():,} of {labels:,} gold labels cannot be compared: {told}; such as "
            f"{', '.join(examples)}. They are rejected as bad_gold, and nothing is asked for them"
        )

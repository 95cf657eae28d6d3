"""blossom-data verify-math."""

from __future__ import annotations

import itertools
from collections import Counter
from typing import Annotated, Any

import typer

from blossom_data.cli import output
from blossom_data.cli.flags.common import CommonOfLong
from blossom_data.cli.flags.endpoint import Asking, KeepReasoning
from blossom_data.cli.flags.groups import as_command
from blossom_data.cli.flags.records import Records
from blossom_data.cli.flags.values import switch
from blossom_data.records import Record

_EXAMPLES = 3


@as_command("verify-math")
def command(
    given: Records,
    asking: Asking,
    common: CommonOfLong,
    resample: Annotated[
        int,
        typer.Option(
            "--resample",
            min=0,
            metavar="N",
            help="Most new samples for a record whose answer is not correct; 0 makes no call.",
        ),
    ] = 0,
    prompt: Annotated[
        str, typer.Option("--prompt", metavar="PROMPT", help="Prompt of a new sample: name or .toml file.")
    ] = "solve_math",
    temperature: Annotated[
        float, typer.Option("--temperature", min=0, max=2, metavar="T", help="Of every new sample.")
    ] = 0.7,
    max_tokens: Annotated[
        int | None,
        typer.Option("--max-tokens", min=1, metavar="N", help="Longest new sample; none: what the endpoint allows."),
    ] = None,
    symbolic: Annotated[
        bool,
        switch("--symbolic", help="Compare labels that are LaTeX formulas through Math-Verify (an extra)."),
    ] = False,
    marked_only: Annotated[
        bool,
        switch("--marked-only", help="Accept only answers behind a marker: a box, ####, Answer:, 答案是 ..."),
    ] = False,
    keep_reasoning: KeepReasoning = False,
) -> int:
    """Keep records whose final answer equals the gold label; records without one pass.

    Ends with a report per data set and shape of the label: verdicts, samples, yield with its 95 % interval, and where
    answers were read. Labels that cannot be read are told before anything is paid for, and never sampled.

    IN is a data set folder, a JSONL or Parquet file of {"messages": [...], "gold": "72"}, or - for standard input.

    Example: blossom-data verify-math sft/gsm8k -o verified/gsm8k
    """
    settings: dict[str, Any] = {"resample": resample, "prompt": prompt, "temperature": temperature}
    settings["keep_reasoning"] = keep_reasoning
    if max_tokens:
        settings["max_tokens"] = max_tokens
    if symbolic:
        from blossom_data.answers.symbolic import shared_checker

        shared_checker()
        settings["symbolic"] = True
    if marked_only:
        settings["marked_only"] = True
    from blossom_data.cli.jobs import refuse, replacement_of, run_stage

    if resample:
        refuse(replacement_of("verify-math", given), is_dry_run=asking.endpoint.dry_run)
        _tell_unreadable(given.records, given.limit, symbolic)
    return run_stage("verify-math", settings, given, asking, common, needs_endpoint=resample > 0)


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

"""blossom-data synthesize evol."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import Annotated, ClassVar

import typer

from blossom_data.cli.flags.common import CommonOfLong
from blossom_data.cli.flags.endpoint import Asking
from blossom_data.cli.flags.groups import as_command
from blossom_data.cli.flags.records import Limit
from blossom_data.cli.flags.values import choice
from blossom_data.cli.synthesis.making import (
    Answering,
    Making,
    Seed,
    StopBelow,
    build_answers,
    load_prompts,
    refuse_early,
    run_rounds,
)
from blossom_data.prompts import load_prompt

_OPERATORS = ("constraints", "deepening", "concretizing", "reasoning", "complicate_input", "breadth")
_PROMPT = "evolve"


@dataclass(frozen=True, slots=True, kw_only=True)
class Evolving:
    """How requests are evolved."""

    panel: ClassVar[str] = "Evolution"

    rounds: Annotated[
        int, typer.Option("--rounds", min=1, max=20, metavar="N", help="Times that each request is evolved at most.")
    ] = 4
    operator: Annotated[
        list[str] | None,
        choice(
            "--operator",
            among=_OPERATORS,
            metavar="NAME",
            help=f"Operators that are drawn: {', '.join(_OPERATORS)}; all without it; may be given again.",
        ),
    ] = None
    seed: Seed = 0
    prompt: Annotated[
        str, typer.Option("--prompt", metavar="PROMPT", help="How requests are evolved: prompt name or .toml file.")
    ] = _PROMPT
    judge: Annotated[
        str, typer.Option("--judge", metavar="NAME", help="Model that compares; the one that answers without it.")
    ] = ""
    max_chars: Annotated[
        int,
        typer.Option("--max-chars", min=50, metavar="N", help="Longest request, in characters; in Chinese half of it."),
    ] = 4_000
    stop_below: StopBelow = 0.0


@as_command("evol")
def command(
    making: Making,
    asking: Asking,
    answering: Answering,
    common: CommonOfLong,
    evolving: Evolving,
    records: Annotated[
        str, typer.Argument(metavar="IN", help="Data set folder, JSONL or Parquet file, or - for standard input.")
    ],
    limit: Limit = None,
) -> int:
    """Evolve the requests of IN in rounds: harder in depth, rarer in breadth; what came out wrong is not let through.

    Of a record its first request is evolved, and answered in the style of `annotate`. One that asks for no more than
    before, speaks of its own rewriting, changes the language, grows out of bounds or cannot be answered is a reject,
    and the request goes back into the pool as it was. The set holds what was evolved, not IN.

    Example: blossom-data synthesize evol raw/alpaca -o made/evol --rounds 4 --model qwen2.5-72b
    """
    replacement = refuse_early("evol", [records], making, is_dry_run=asking.endpoint.dry_run, limit=limit)
    from blossom_data.rows.facts import count_records
    from blossom_data.sources.advice.raw import read_only_records
    from blossom_data.stages.synthesize.evolve import Evolve
    from blossom_data.synthesize.evolution import Evolution

    answers = build_answers(answering)
    operators = tuple(name for name in _OPERATORS if not evolving.operator or name in evolving.operator)
    stage = Evolve(
        prompts=load_prompts(evolving.prompt, _PROMPT),
        judge=load_prompt("judge_evolution"),
        annotate=answers,
        operator=operators[0],
        max_chars=evolving.max_chars,
        judge_model=evolving.judge,
    )
    read = itertools.islice(read_only_records(records), limit)
    evolution = Evolution(
        # A plan goes over the input twice.
        list(read) if asking.endpoint.dry_run else read,
        stage,
        rounds=evolving.rounds,
        seed=evolving.seed,
        operators=operators,
        stop_below=evolving.stop_below,
    )
    total = count_records(records)
    number = min(total, limit) if total and limit else total
    return run_rounds(
        "evol",
        evolution,
        stages=("evol",),
        prompts=[*stage.prompts.values(), stage.judge, answers.prompt],
        settings={"rounds": evolving.rounds, "operators": list(operators), "seed": evolving.seed},
        replacement=replacement,
        making=making,
        asking=asking,
        common=common,
        total=number * evolving.rounds if number else None,
    )

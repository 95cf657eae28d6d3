"""What the commands of `synthesize` share: their flags, and the job that asks in rounds."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

import typer

from blossom_data.cli.flags.common import CommonOfLong
from blossom_data.cli.flags.endpoint import Asking
from blossom_data.cli.flags.records import PANEL, Bad, Replace
from blossom_data.cli.flags.values import share
from blossom_data.cli.jobs import asking_job, finish, refuse, refuse_same_folder, sources_of
from blossom_data.counters import Counters
from blossom_data.executors.job import Job
from blossom_data.outputs.replacing import STDIN, Replacement
from blossom_data.prompts import Prompt, load_prompt
from blossom_data.rows.facts import fingerprint
from blossom_data.shards import SHARD_RECORDS

if TYPE_CHECKING:
    from blossom_data.stages.annotate.stage import Annotate
    from blossom_data.synthesize.rounds import Rounds

MOST_SEED = 2**32 - 1
STYLE = "annotate"
Seed = Annotated[
    int,
    typer.Option("--seed", min=0, max=MOST_SEED, metavar="N", help="Of all that is drawn: the same seed, the same."),
]
StopBelow = Annotated[
    float,
    typer.Option(
        "--stop-when-new-clusters-below",
        parser=share,
        metavar="SHARE",
        help="Begin no other round when a smaller share of what one kept does something new; 0 goes on.",
    ),
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Making:
    """Output of a synthesis."""

    panel: ClassVar[str] = PANEL

    out: Annotated[Path, typer.Option("-o", "--out", metavar="FOLDER", help="Folder that the data set is written to.")]
    shard_records: Annotated[
        int, typer.Option("--shard-records", min=1, metavar="N", help="Pieces of work whose records share a shard.")
    ] = SHARD_RECORDS
    bad: Bad = field(default_factory=Bad)
    replace: Replace = field(default_factory=Replace)


@dataclass(frozen=True, slots=True, kw_only=True)
class Answering:
    """How answers are written."""

    panel: ClassVar[str] = "Answers"

    style: Annotated[
        str,
        typer.Option(
            "--style",
            metavar="PROMPT",
            help="Style of the answers: prompt name or .toml file. `annotate` with the same one buys nothing again.",
        ),
    ] = STYLE
    temperature: Annotated[float, typer.Option("--temperature", min=0, max=2, metavar="T", help="Of the answers.")] = (
        0.7
    )
    max_tokens: Annotated[
        int | None,
        typer.Option("--max-tokens", min=1, metavar="N", help="Longest answer; none: what the endpoint allows."),
    ] = None


def build_answers(flags: Answering) -> Annotate:
    """The stage that answers, with the settings under which `annotate` would ask the same questions."""
    from blossom_data.stages.annotate.stage import Annotate
    from blossom_data.stages.build import build_stage

    settings: dict[str, Any] = {"prompt": flags.style, "temperature": flags.temperature}
    if flags.max_tokens:
        settings["max_tokens"] = flags.max_tokens
    made = build_stage("annotate", settings)
    assert isinstance(made, Annotate)
    return made


def load_prompts(given: str, bundled: str) -> dict[str, Prompt]:
    """Prompts by language: those that come along in English ("" for all others) and Chinese, or the one `given`."""
    if given != bundled:
        return {"": load_prompt(given)}
    return {"": load_prompt(bundled), "zh": load_prompt(f"{bundled}_zh")}


def refuse_early(
    name: str, inputs: Sequence[str], making: Making, *, is_dry_run: bool, limit: int | None = None
) -> Replacement:
    """What the command is about to put into its output; raises ConfigError where something else stands there."""
    replacement = Replacement(
        out=making.out,
        command=f"synthesize {name}",
        inputs=tuple(_input_of(given) for given in inputs),
        limit=limit,
        limit_flag=f"-n {limit}",
        is_allowed=making.replace.is_replacing,
    )
    for given in inputs:
        refuse_same_folder(given, making.out)
    refuse(replacement, is_dry_run=is_dry_run)
    return replacement


def _input_of(given: str) -> Path | str:
    return STDIN if given == "-" else given if given.startswith("bundled:") else Path(given)


def run_rounds(
    name: str,
    rounds: Rounds,
    *,
    stages: tuple[str, ...],
    prompts: Iterable[Prompt],
    settings: dict[str, Any],
    replacement: Replacement,
    making: Making,
    asking: Asking,
    common: CommonOfLong,
    total: int | None = None,
) -> int:
    """Asks what `rounds` ask, and writes what is kept; gives the exit code.

    Args:
        stages: their names as they are counted.
        settings: what the manifest says of how the set was made.
        total: pieces of work, where it is known.
    """
    inputs = [str(given) for given in replacement.inputs]
    files = [given for given in inputs if not given.startswith("bundled:")]
    job = Job(
        label=name,
        rounds=rounds,
        stages=stages,
        out=replacement.out,
        replacement=replacement,
        about={
            "inputs": [fingerprint(given) for given in files],
            "sources": [source for given in files for source in sources_of(given)],
            "prompts": {prompt.name: prompt.hash for prompt in prompts},
            "settings": settings,
        },
        counters=Counters(records_total=total),
        max_bad=making.bad.max_bad,
        shard_records=making.shard_records,
    )
    job = asking_job(job, asking, inputs[0], is_quiet=common.is_quiet)
    return finish(job, common, is_dry_run=asking.endpoint.dry_run)

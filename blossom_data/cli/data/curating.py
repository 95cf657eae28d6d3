"""What the commands that measure a whole set share: its flags, and the job that writes what is left."""

from __future__ import annotations

import itertools
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Annotated, Any, ClassVar

import typer

from blossom_data.asks import Stage
from blossom_data.cli import output
from blossom_data.cli.flags.common import Common
from blossom_data.cli.flags.endpoint import Asking
from blossom_data.cli.flags.records import PANEL, Bad, Replace
from blossom_data.cli.jobs import asking_job, finish, refuse, replacement_of, sources_of
from blossom_data.counters import Counters
from blossom_data.curate import Step
from blossom_data.engine import Work
from blossom_data.executors.curating import curated
from blossom_data.executors.job import Job
from blossom_data.records import Record
from blossom_data.rows import read_records
from blossom_data.rows.facts import count_records, fingerprint
from blossom_data.shards import SHARD_RECORDS
from blossom_data.stages.build import prompts_of
from blossom_data.stages.judge_leak.stage import JudgeLeak

_TOLD_FROM = 100_000
"""Rows from which on it is said what the work takes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Whole:
    """Input and output of a measure."""

    panel: ClassVar[str] = PANEL

    records: Annotated[
        str,
        typer.Argument(metavar="IN", help="Data set folder, JSONL or Parquet file, or - for standard input."),
    ]
    out: Annotated[Path, typer.Option("-o", "--out", metavar="FOLDER", help="Folder that the data set is written to.")]
    limit: Annotated[
        int | None, typer.Option("--limit", min=1, metavar="N", help="Work on the first N records only.")
    ] = None
    bad: Bad = field(default_factory=Bad)
    replace: Replace = field(default_factory=Replace)


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """A judge of what a measure is not sure of."""

    stage: JudgeLeak
    stages_for: Callable[[Record], Sequence[Stage]]
    """The stages that decide on a record; none for one that is sure."""
    asking: Asking


def run_measure(
    name: str,
    steps: Sequence[Step],
    given: Whole,
    common: Common,
    settings: dict[str, Any],
    *,
    counters: Counters | None = None,
    judged: Judged | None = None,
) -> int:
    """Writes the records that the measures leave, and the others as rejects; gives the exit code."""
    is_dry_run = judged is not None and judged.asking.endpoint.dry_run
    replacement = replacement_of(name, given)
    refuse(replacement, is_dry_run=is_dry_run)
    total = count_records(given.records)
    counters = counters or Counters()
    counters.records_total = min(total, given.limit) if total and given.limit else total
    work: Iterator[Work] = ((record, ()) for record in itertools.islice(read_records(given.records), given.limit))
    job = Job(
        label=name,
        work=curated(work, steps, counters, judged.stages_for) if judged else curated(work, steps, counters),
        is_piped=True,
        out=given.out,
        replacement=replacement,
        about={
            "inputs": [fingerprint(given.records)],
            "sources": sources_of(given.records),
            "curate": {name: settings},
        },
        counters=counters,
        measures=(name,),
        max_bad=given.bad.max_bad,
        shard_records=SHARD_RECORDS,
    )
    if judged is not None:
        about = {**job.about, "prompts": prompts_of([judged.stage])}
        job = replace(job, stages=(judged.stage.name,), about=about)
        job = asking_job(job, judged.asking, given.records, is_quiet=common.is_quiet)
    return finish(job, common, is_dry_run=is_dry_run)


def tell_needs(name: str, rows: int | None, memory: tuple[int, int], disk_row_bytes: int, common: Common) -> None:
    """Says how much memory and disk a large set takes, before the work begins.

    Args:
        memory: bytes at all, and a row.
        disk_row_bytes: a row, beside the rows themselves and the codes of their words.
    """
    if common.is_quiet or (rows is not None and rows < _TOLD_FROM):
        return
    count = rows or 1_000_000
    told = f"{count:,} rows" if rows else "each million rows"
    base = memory[0] if rows else 0
    output.say(
        f"{name}: {told} take about {(base + memory[1] * count) / 1e9:.1f} GB of memory, and up to three times their "
        f"size and {disk_row_bytes * count / 1e9:.1f} GB in {tempfile.gettempdir()}"
    )

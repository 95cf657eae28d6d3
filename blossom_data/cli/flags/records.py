"""The flags of commands that turn records into a data set: what is read, and where it goes."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, ClassVar

import typer

from blossom_data.cli.flags.values import share, switch
from blossom_data.shards import SHARD_RECORDS

PANEL = "Input and output"
Limit = Annotated[
    int | None,
    typer.Option(
        "--limit", min=1, metavar="N", help="Work on the first N records only; of a pipeline, of each source."
    ),
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Bad:
    """--max-bad: how much of the input may be unreadable."""

    panel: ClassVar[str] = PANEL

    max_bad: Annotated[
        float,
        typer.Option(
            "--max-bad",
            parser=share,
            metavar="SHARE",
            show_default="1%",
            help="Largest share of unreadable rows; above it nothing is written and the exit code is 2.",
        ),
    ] = 0.01


@dataclass(frozen=True, slots=True, kw_only=True)
class Replace:
    """--replace: whether finished work may go."""

    panel: ClassVar[str] = PANEL

    is_replacing: Annotated[
        bool,
        switch(
            "--replace",
            help="Let a finished result go for one of another command, of other inputs, of a smaller --limit, or of "
            "fewer than half its records; without it that is refused. A published version never goes.",
        ),
    ] = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Records:
    """Input and output of a stage."""

    panel: ClassVar[str] = PANEL

    records: Annotated[
        str,
        typer.Argument(metavar="IN", help="Data set folder, JSONL or Parquet file, or - for standard input."),
    ]
    out: Annotated[
        Path | None, typer.Option("-o", "--out", metavar="FOLDER", help="Folder that the data set is written to.")
    ] = None
    limit: Limit = None
    shard_records: Annotated[
        int,
        typer.Option(
            "--shard-records",
            min=1,
            metavar="N",
            help="Input records per shard; a killed run begins again behind its last whole shard.",
        ),
    ] = SHARD_RECORDS
    bad: Bad = field(default_factory=Bad)
    replace: Replace = field(default_factory=Replace)

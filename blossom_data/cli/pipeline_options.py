"""The flags that run, plan and refresh share; what they come to is pipeline_job.py's part, for that imports more."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from blossom_data.cli.engines import engine_options
from blossom_data.cli.options import batch_options, kept_option
from blossom_data.cli.spending import spending_options
from blossom_data.pipelines import STAGES

Function = TypeVar("Function", bound=Callable[..., Any])


def pipeline_options(function: Function) -> Function:
    """Endpoint, money, batches, engines and --scale."""
    function = kept_option(spending_options(batch_options(engine_options(function))))
    for option in (
        click.option(
            "--scale",
            type=click.FloatRange(min=0, min_open=True),
            default=1.0,
            help="Share of the counts of sources and mixes, such as 0.01; written to scale-0.01/ beside the file.",
        ),
        click.option("--model", default="", help="Model; overrides the environment and the file."),
        click.option("--base-url", default="", help="Endpoint; overrides the environment and the file."),
    ):
        function = option(function)
    return function


def stage_options(function: Function) -> Function:
    """--only and --until, --limit, -o and --ledger."""
    for option in (
        click.option("--limit", type=click.IntRange(min=1), help="Work on the first N records of each source only."),
        click.option("--ledger", type=click.Path(path_type=Path), help="File of paid replies; overrides the file's."),
        click.option("-o", "--out", type=click.Path(path_type=Path), help="Folder of the data set; overrides `out`."),
        click.option(
            "--until", type=click.Choice(STAGES), help="Stop after this stage; written to OUT.until-STAGE by itself."
        ),
        click.option(
            "--only",
            type=click.Choice(STAGES),
            help="As --until, but buy for this stage alone: earlier replies must be in the ledger.",
        ),
    ):
        function = option(function)
    return function

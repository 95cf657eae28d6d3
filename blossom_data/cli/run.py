"""blossom-data run."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from blossom_data.cli.jobs import finish
from blossom_data.cli.options import common, follow_option
from blossom_data.cli.pipeline_job import Wanted, build_job, wanted_of
from blossom_data.cli.pipeline_options import pipeline_options, stage_options
from blossom_data.pipelines import open_pipeline
from blossom_data.pipelines.environment import load_environment


@click.command("run")
@click.argument("pipeline")
@stage_options
@pipeline_options
@click.option("--dry-run", is_flag=True, help="As `plan`: print what would be asked and its cost; call nothing.")
@click.option("--show-config", is_flag=True, help="Print each setting with its origin, and do nothing else.")
@follow_option
@common
def command(pipeline: str, scale: float, show_config: bool, **flags: Any) -> int:
    """Run a pipeline file: its sources, each through its stages, into one data set.

    PIPELINE is a TOML file, or the name of one that comes with blossom-data. Mixes, gates and publishing are
    `refresh`'s part.

    \b
    Example: blossom-data run pipelines/math.toml --limit 100 --dry-run
    """
    opened = open_pipeline(pipeline, scale=scale)
    wanted = wanted_of(flags, load_environment(opened))
    if show_config:
        from blossom_data.cli.show_config import show_config as show

        return show(opened, wanted)
    if flags["dry_run"]:
        from blossom_data.cli.plan import plan_pipeline

        return plan_pipeline(opened, wanted)
    return finish(build_job(opened, wanted), wanted.flags)


def run_pipeline(
    name: str, *, out: Path | None, ledger: Path | None, endpoint: Mapping[str, Any], flags: dict[str, Any]
) -> int:
    """Runs the pipeline `name` with what the flags override; gives the exit code."""
    wanted = Wanted(flags=flags, endpoint=endpoint, out=out, ledger=ledger)
    return finish(build_job(open_pipeline(name), wanted), flags, is_guided=False)

"""blossom-data plan."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import click

from blossom_data.cli import output
from blossom_data.cli.options import common
from blossom_data.cli.pipeline_job import Wanted, build_job, wanted_of
from blossom_data.cli.pipeline_options import pipeline_options, stage_options
from blossom_data.pipelines import Pipeline, open_pipeline
from blossom_data.pipelines.environment import load_environment


@click.command("plan")
@click.argument("pipeline")
@stage_options
@pipeline_options
@common
def command(pipeline: str, scale: float, **flags: Any) -> int:
    """Say what a pipeline would ask, by stage: records, known replies, calls, tokens, cost, time and disk.

    Nothing is asked and no call is made. Mixes, licences and the publish settings are checked, too.

    \b
    Example: blossom-data plan pipelines/math.toml --price-in 0.15 --price-out 0.6
    """
    opened = open_pipeline(pipeline, scale=scale)
    return plan_pipeline(opened, wanted_of(flags, load_environment(opened)))


def plan_pipeline(pipeline: Pipeline, wanted: Wanted) -> int:
    """Prints the plan of the pipeline; gives the exit code."""
    from blossom_data.executors.plan import plan_job
    from blossom_data.llm.batch.settings import PRICE_SHARE
    from blossom_data.refresh.products import check_licences, check_train, mixes_of, parts_of, told_parts
    from blossom_data.report.plan import render_plan

    job = build_job(pipeline, replace(wanted, needs_endpoint=False))
    mixes = mixes_of(pipeline)
    parts = parts_of(pipeline, mixes)
    check_train(pipeline, parts)
    check_licences(pipeline, job.about["sources"])
    plan = plan_job(job) | {
        "is_batch": job.batch is not None,
        "mixes": [{"name": mix.name, "out": str(mix.out), "parts": told_parts(mix)} for mix in mixes],
        "publish": {
            "name": pipeline.publish.name,
            "root": str(pipeline.publish.root),
            "parts": [part.config or "records" for part in parts],
        }
        if pipeline.publish
        else None,
    }
    if wanted.flags["is_json"]:
        output.json_result(plan)
        return 0
    output.result(render_plan(plan))
    if job.stages and not job.endpoints:
        output.result("  endpoint       none is named: no reply in the ledger can be recognised, and no price found")
    if job.batch is not None:
        output.result(f"  --batch        at {PRICE_SHARE:g} x the price, within a day per round of asks")
    return 0

"""blossom-data plan."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated

from blossom_data.cli import output
from blossom_data.cli.flags.common import Common
from blossom_data.cli.flags.groups import as_command
from blossom_data.cli.flags.pipeline import PIPELINE, Part, PlanAsking, Scale, Wanted
from blossom_data.cli.jobs import refuse
from blossom_data.cli.pipelines.job import build_job, replacement_of
from blossom_data.cli.tables import show
from blossom_data.pipelines.environment import load_environment
from blossom_data.pipelines.load import open_pipeline
from blossom_data.pipelines.settings import Pipeline


@as_command("plan")
def command(pipeline: Annotated[str, PIPELINE], part: Part, scale: Scale, asking: PlanAsking, common: Common) -> int:
    """Say what a pipeline would ask, by stage: records, known replies, calls, tokens, cost, time and disk.

    Nothing is asked and no call is made. Mixes, licences and the publish settings are checked, too.

    Example: blossom-data plan pipelines/math.toml --price-in 0.15 --price-out 0.6
    """
    opened = open_pipeline(pipeline, scale=scale.scale)
    wanted = Wanted(common=common, asking=asking.of_a_run(), part=part, dotenv=load_environment(opened))
    return plan_pipeline(opened, wanted)


def plan_pipeline(pipeline: Pipeline, wanted: Wanted) -> int:
    """Prints the plan of the pipeline; gives the exit code."""
    from blossom_data.cli.plan_summary import plan_summary
    from blossom_data.executors.plan import plan_job
    from blossom_data.refresh.products import check_clean, check_licences, check_train, mixes_of, parts_of, told_parts

    refuse(replacement_of(pipeline, wanted), is_dry_run=True)
    job = build_job(pipeline, replace(wanted, needs_endpoint=False))
    mixes = mixes_of(pipeline)
    parts = parts_of(pipeline, mixes)
    check_train(pipeline, parts)
    check_clean(pipeline, mixes)
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
    if wanted.common.is_json:
        output.json_result(plan)
        return 0
    none_named = "  endpoint       none is named: no reply in the ledger can be recognised, and no price found"
    show(*plan_summary(plan), *([none_named] if job.stages and not job.endpoints else []))
    return 0

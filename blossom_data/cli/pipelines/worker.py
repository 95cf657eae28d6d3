"""blossom-data worker."""

from __future__ import annotations

from contextlib import ExitStack
from typing import Annotated

import typer

from blossom_data.cli import output
from blossom_data.cli.flags.common import Common
from blossom_data.cli.flags.groups import as_command
from blossom_data.cli.flags.pipeline import PIPELINE, Part, PipelineAsking, Scale, Wanted
from blossom_data.cli.flags.records import Replace
from blossom_data.cli.flags.values import switch
from blossom_data.cli.flags.workers import Lease
from blossom_data.pipelines.environment import load_environment
from blossom_data.pipelines.load import open_pipeline
from blossom_data.pipelines.settings import Pipeline


@as_command("worker")
def command(
    pipeline: Annotated[str, PIPELINE],
    part: Part,
    scale: Scale,
    asking: PipelineAsking,
    replacing: Replace,
    lease: Lease,
    common: Common,
    of: Annotated[
        int,
        typer.Option(
            "--of",
            min=1,
            max=10_000,
            metavar="N",
            help="Workers that are expected: each takes on records for its part of --max-in-flight.",
        ),
    ] = 1,
    no_finish: Annotated[
        bool, switch("--no-finish", help="Leave the data set to another worker, or to `run`: end when all is bought.")
    ] = False,
) -> int:
    """Work on a pipeline beside other workers, on any machines: claim blocks of its input, buy and write them.

    All share a ledger in PostgreSQL. Start and end as many as you like, whenever you like: what one that dies has
    claimed is another's after the lease, and nothing that was paid for is bought again. The last one finishes the set.

    Example: blossom-data worker pipelines/math.toml --ledger postgresql://db/paid
    Example: srun -n 16 blossom-data worker pipelines/math.toml --of 16
    """
    opened = open_pipeline(pipeline, scale=scale.scale)
    wanted = Wanted(
        common=common,
        asking=asking,
        part=part,
        dotenv=load_environment(opened),
        is_replacing=replacing.is_replacing,
    )
    return _work(opened, wanted, lease_s=lease.lease_s, of=of, finishes=not no_finish)


def _work(pipeline: Pipeline, wanted: Wanted, *, lease_s: float, of: int, finishes: bool) -> int:
    from blossom_data.cli.jobs import finish, refuse
    from blossom_data.cli.pipelines.job import build_job, replacement_of
    from blossom_data.cli.progress import Progress
    from blossom_data.cli.stop_notice import telling_stops
    from blossom_data.executors.cluster.worker import Worker
    from blossom_data.executors.job import Job

    common = wanted.common
    refuse(replacement_of(pipeline, wanted))
    shown = ExitStack()
    is_finished = False

    def finish_it(job: Job) -> int:
        nonlocal is_finished
        shown.close()
        code = finish(job, common)
        is_finished = True
        return code

    worker = Worker(lambda: build_job(pipeline, wanted), finish_it if finishes else None, lease_s=lease_s, of=of)
    counters, job = worker.counters, worker.job
    with telling_stops(job.label, counters, job.ledger, is_told=common.is_told), shown:
        shown.enter_context(Progress(job.label, counters, is_quiet=common.is_quiet))
        code = worker.work()
    if not is_finished:
        worked_on = counters.kept + counters.rejected.total() + counters.failed.total()
        if common.is_json:
            output.json_result({"stage": job.label, "out": str(job.out), "worked_on": worked_on})
        elif not common.is_quiet:
            state = "finished" if finishes else "left to another"
            output.say(f"this worker is done: {worked_on:,} records, {counters.calls:,} calls; {job.out} is {state}")
    return code

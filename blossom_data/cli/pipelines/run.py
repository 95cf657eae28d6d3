"""blossom-data run."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from blossom_data.cli.flags.common import CommonOfLong
from blossom_data.cli.flags.endpoint import AddressFlags
from blossom_data.cli.flags.groups import as_command
from blossom_data.cli.flags.pipeline import PIPELINE, Part, PipelineAsking, Scale, Wanted
from blossom_data.cli.flags.records import Replace
from blossom_data.cli.flags.values import switch
from blossom_data.cli.flags.workers import LEASE_S, Workers
from blossom_data.cli.jobs import finish, refuse
from blossom_data.cli.pipelines.job import build_job, replacement_of
from blossom_data.errors import ConfigError
from blossom_data.pipelines.environment import load_environment
from blossom_data.pipelines.load import open_pipeline


@as_command("run")
def command(
    pipeline: Annotated[str, PIPELINE],
    part: Part,
    scale: Scale,
    asking: PipelineAsking,
    replacing: Replace,
    workers: Workers,
    common: CommonOfLong,
    dry_run: Annotated[
        bool, switch("--dry-run", help="As `plan`: print what would be asked and its cost; call nothing.")
    ] = False,
    show_config: Annotated[
        bool, switch("--show-config", help="Print each setting with its origin, and do nothing else.")
    ] = False,
) -> int:
    """Run a pipeline file: its sources, each through its stages, into one data set.

    PIPELINE is a TOML file, or the name of one that comes with blossom-data. Mixes, gates and publishing are
    `refresh`'s part.

    Example: blossom-data run pipelines/math.toml --limit 100 --dry-run
    Example: blossom-data run pipelines/math.toml --ledger postgresql://db/paid --workers 4
    """
    opened = open_pipeline(pipeline, scale=scale.scale)
    wanted = Wanted(
        common=common,
        asking=asking,
        part=part,
        dotenv=load_environment(opened),
        is_replacing=replacing.is_replacing,
    )
    if show_config:
        from blossom_data.cli.pipelines.show_config import show_config as show

        return show(opened, wanted)
    if dry_run:
        from blossom_data.cli.pipelines.plan import plan_pipeline

        return plan_pipeline(opened, wanted)
    if workers.address and workers.executor != "ray":
        raise ConfigError("--address is that of a Ray cluster", hint="give --executor ray too")
    refuse(replacement_of(opened, wanted))
    if workers.workers > 1 or workers.executor != "processes":
        from blossom_data.cli.pipelines.workers import run_with_workers

        keys = [str(endpoint["key_env"]) for endpoint in opened.endpoints if "key_env" in endpoint]
        return run_with_workers(build_job(opened, wanted), workers, common, keys=keys)
    if workers.lease.lease_s != LEASE_S:
        raise ConfigError("--lease is for --workers: one process alone claims nothing", hint="leave it out")
    return finish(build_job(opened, wanted), common)


def run_pipeline(
    name: str, *, out: Path, ledger: Path, address: AddressFlags, common: CommonOfLong, is_replacing: bool
) -> int:
    """Runs the pipeline `name` into `out` against the endpoint at `address`; gives the exit code."""
    part, asking = Part(out=out, ledger=ledger), PipelineAsking(address=address)
    wanted = Wanted(common=common, asking=asking, part=part, is_replacing=is_replacing)
    opened = open_pipeline(name)
    refuse(replacement_of(opened, wanted))
    return finish(build_job(opened, wanted), common, is_guided=False)

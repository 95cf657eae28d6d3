"""blossom-data run."""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import click

from blossom_data.asks import Stage
from blossom_data.cli.engines import engine_options, with_engine
from blossom_data.cli.jobs import count_skipped, describe_source, finish
from blossom_data.cli.options import batch_options, build_batch, common, key_from_environment
from blossom_data.cli.spending import build_spending, spending_options
from blossom_data.config import Endpoint
from blossom_data.counters import Counters
from blossom_data.engine import Work
from blossom_data.executors.local import Job
from blossom_data.llm.batch_settings import PRICE_SHARE
from blossom_data.pipelines import STAGES, Pipeline, SourceSettings, find_pipeline, load_pipeline
from blossom_data.pull import Pulled, pull
from blossom_data.stages.build import build_stage, prompts_of


@click.command("run")
@click.argument("pipeline")
@click.option(
    "-o", "--out", type=click.Path(path_type=Path), help="Folder of the data set; overrides the file's `out`."
)
@click.option("--ledger", type=click.Path(path_type=Path), help="File of paid replies; overrides the file's `ledger`.")
@click.option("--base-url", default="", help="Endpoint; overrides the environment and the file.")
@click.option("--model", default="", help="Model; overrides the environment and the file.")
@click.option("--limit", type=click.IntRange(min=1), help="Work on the first N records of each source only.")
@spending_options
@click.option("--dry-run", is_flag=True, help="Print what would be asked, its tokens and cost; call nothing.")
@batch_options
@engine_options
@common
def command(
    pipeline: str, out: Path | None, ledger: Path | None, base_url: str, model: str, limit: int | None, **flags: Any
) -> int:
    """Run a pipeline file: its sources, each through its stages, into one data set.

    PIPELINE is a TOML file, or the name of one that comes with blossom-data.

    \b
    Example: blossom-data run pipelines/math.toml --limit 100 --dry-run
    """
    names = ("engine", "serve", "serve_start_s", "allow_download")
    given = {"base_url": base_url, "model": model, **{name: flags.pop(name) for name in names}}
    override = {key: value for key, value in given.items() if value}
    return run_pipeline(pipeline, out=out, ledger=ledger, endpoint=override, flags=flags, limit=limit)


def run_pipeline(
    name: str,
    *,
    out: Path | None,
    ledger: Path | None,
    endpoint: Mapping[str, Any],
    flags: dict[str, Any],
    limit: int | None = None,
) -> int:
    """Runs the pipeline file `name`, with what the flags override; gives the exit code."""
    pipeline = load_pipeline(find_pipeline(name))
    folder = pipeline.file.resolve().parent
    used = {stage for source in pipeline.sources for stage in source.stages}
    stages = {stage: build_stage(stage, pipeline.stages.get(stage, {}), folder=folder) for stage in sorted(used)}
    counters = Counters()
    limits = {"budget_usd": pipeline.budget_usd, "budget_tokens": pipeline.budget_tokens}
    given = {name: value for name, value in flags.items() if value is not None}
    batch = build_batch(flags) if used and "batch" in flags else None
    pulls = [(source, _pull(source)) for source in pipeline.sources]
    kept_in = ledger or pipeline.ledger
    settings = {**_endpoint_settings(pipeline, endpoint), "batch": batch is not None}
    settings, serving = with_engine(settings, ledger=kept_in) if used else (settings, None)
    job = Job(
        label=pipeline.name,
        work=_work(pulls, stages, limit, counters),
        stages=tuple(stage for stage in STAGES if stage in used),
        out=out or pipeline.out,
        endpoints=(_endpoint(settings),) if used else (),
        ledger=kept_in if used else None,
        serving=serving,
        about={
            "sources": [describe_source(source.kind, pulled, source.licence) for source, pulled in pulls],
            "prompts": prompts_of(list(stages.values())),
        },
        counters=counters,
        spending=build_spending(limits | given, factor=PRICE_SHARE if batch else 1.0),
        max_bad=pipeline.max_bad,
        shard_records=pipeline.shard_records,
        seed=pipeline.seed,
        batch=batch,
    )
    return finish(job, flags)


def _pull(source: SourceSettings) -> Pulled:
    return pull(
        source.kind,
        source.path,
        fields=source.fields or None,
        limit=source.limit,
        sample=source.sample,
        seed=source.seed,
        revision=source.revision,
        split=source.split,
    )


def _work(
    pulls: list[tuple[SourceSettings, Pulled]], stages: Mapping[str, Stage], limit: int | None, counters: Counters
) -> Iterator[Work]:
    for source, pulled in pulls:
        own = [stages[stage] for stage in source.stages]
        yield from ((record, own) for record in itertools.islice(pulled, limit))
        count_skipped(pulled, counters)


def _endpoint_settings(pipeline: Pipeline, override: Mapping[str, Any]) -> dict[str, Any]:
    """The settings of the endpoint: flags over environment over file; an address also overrides the file's engine."""
    environment = {
        "base_url": os.environ.get("BLOSSOM_BASE_URL") or os.environ.get("OPENAI_BASE_URL") or "",
        "model": os.environ.get("BLOSSOM_MODEL", ""),
    }
    told = {**{key: value for key, value in environment.items() if value}, **override}
    file = dict(pipeline.endpoint)
    if "base_url" in told:
        file = {key: value for key, value in file.items() if key not in ("engine", "serve")}
    beside = pipeline.file.resolve().parent / str(file.get("model", ""))
    if file.get("engine") == "local" and beside.is_file():
        file["model"] = str(beside)
    return {"base_url": "", "model": "", **file, **told}


def _endpoint(settings: Mapping[str, Any]) -> Endpoint:
    known = {key: value for key, value in settings.items() if key != "batch"}
    return Endpoint(**{"api_key": key_from_environment(), **known})

"""The job that a pipeline file and the flags of run, plan and refresh describe."""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from blossom_data.asks import Stage
from blossom_data.cli.endpoints import build_endpoints, endpoint_settings
from blossom_data.cli.engines import with_engine
from blossom_data.cli.jobs import count_skipped, describe_source
from blossom_data.cli.options import build_batch
from blossom_data.cli.spending import build_spending
from blossom_data.config import Endpoint, serving
from blossom_data.counters import Counters
from blossom_data.engine import Work
from blossom_data.executors.local import Job
from blossom_data.llm.batch.settings import PRICE_SHARE
from blossom_data.pipelines import STAGES, Pipeline, SourceSettings
from blossom_data.pull import Pulled, pull
from blossom_data.rows.facts import content_digest, count_records
from blossom_data.stages.build import build_stage, prompts_of

_ENDPOINT_FLAGS = ("base_url", "model", "engine", "serve", "serve_start_s", "allow_download")


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What the flags of a command change about its pipeline."""

    flags: Mapping[str, Any]
    endpoint: Mapping[str, Any] = field(default_factory=dict)
    dotenv: Mapping[str, str] = field(default_factory=dict)
    out: Path | None = None
    ledger: Path | None = None
    limit: int | None = None
    only: str | None = None
    until: str | None = None
    needs_endpoint: bool = True
    """False: without one the job is made all the same, to be planned."""

    @property
    def last(self) -> str | None:
        """The last stage that is worked on, None for all."""
        return self.only or self.until


def wanted_of(flags: Mapping[str, Any], dotenv: Mapping[str, str]) -> Wanted:
    """The flags of `pipeline_options` and `stage_options` sorted out."""
    own: dict[str, Any] = {name: flags.get(name) for name in ("out", "ledger", "limit", "only", "until")}
    endpoint = {name: flags[name] for name in _ENDPOINT_FLAGS if flags.get(name)}
    rest = {name: value for name, value in flags.items() if name not in own and name not in _ENDPOINT_FLAGS}
    return Wanted(flags=rest, endpoint=endpoint, dotenv=dotenv, **own)


def build_job(pipeline: Pipeline, wanted: Wanted) -> Job:
    """The job that `pipeline` describes, with what the flags change.

    Raises:
        ConfigError: a stage, prompt or endpoint that cannot be used.
        InputError: a source that cannot be read.
    """
    stages, sources = build_stages(pipeline, wanted)
    counters = Counters(records_total=_total(sources, wanted.limit))
    flags = wanted.flags
    batch = build_batch(dict(flags)) if stages and "batch" in flags else None
    pulls = [(source, open_source(source)) for source in sources]
    kept_in = wanted.ledger or pipeline.ledger
    listed = [
        {key: setting.value for key, setting in settings.items()} | {"batch": batch is not None}
        for settings in endpoint_settings(pipeline, wanted.endpoint, wanted.dotenv)
    ]
    engine = None
    if stages and len(listed) == 1:
        listed[0], engine = with_engine(listed[0], ledger=kept_in)
    is_asking = bool(stages) and (wanted.needs_endpoint or bool(listed[0]["base_url"] and listed[0]["model"]))
    endpoints = build_endpoints(listed) if is_asking else ()
    limits = {"budget_usd": pipeline.budget_usd, "budget_tokens": pipeline.budget_tokens}
    given = {name: value for name, value in flags.items() if value is not None}
    described = [describe_source(source.kind, pulled, source.licence) for source, pulled in pulls]
    return Job(
        label=pipeline.name,
        work=_work(pulls, stages, wanted.limit, counters),
        is_piped=any(pulled.origin.may_stall for _, pulled in pulls),
        stages=tuple(stages),
        out=_out(pipeline, wanted),
        endpoints=endpoints,
        ledger=kept_in if stages else None,
        serving=engine,
        about={
            "sources": described,
            "prompts": prompts_of(list(stages.values())),
            "identity": _identity(pipeline, wanted, pulls, stages, endpoints),
        },
        counters=counters,
        spending=build_spending(limits | given, factor=PRICE_SHARE if batch else 1.0),
        stop_when_kept_below=flags.get("stop_when_kept_below"),
        trust_finish=bool(flags.get("trust_finish")),
        max_bad=pipeline.max_bad,
        shard_records=pipeline.shard_records,
        seed=pipeline.seed,
        batch=batch,
        buys=frozenset((wanted.only,)) if wanted.only else None,
    )


def build_stages(pipeline: Pipeline, wanted: Wanted) -> tuple[dict[str, Stage], list[SourceSettings]]:
    """The stages that are used, in order, and the sources with the stages that each goes through."""
    sources = [
        replace(source, stages=_until(source.stages, wanted.last))
        for source in pipeline.sources
        if not wanted.only or wanted.only in source.stages
    ]
    used = {stage for source in sources for stage in source.stages}
    folder = pipeline.file.resolve().parent
    with pipeline.source.locating():
        stages = {
            stage: build_stage(stage, pipeline.stages.get(stage, {}), folder=folder)
            for stage in STAGES
            if stage in used
        }
    return stages, sources


def _until(stages: tuple[str, ...], last: str | None) -> tuple[str, ...]:
    return tuple(stage for stage in stages if last is None or STAGES.index(stage) <= STAGES.index(last))


def _out(pipeline: Pipeline, wanted: Wanted) -> Path:
    """Where the data set goes: a part of the stages never replaces the whole data set."""
    if wanted.out is not None or wanted.last is None:
        return wanted.out or pipeline.out
    return pipeline.out.with_name(f"{pipeline.out.name}.{'only' if wanted.only else 'until'}-{wanted.last}")


def open_source(source: SourceSettings) -> Pulled:
    """The rows of a source, not read yet."""
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


def _total(sources: list[SourceSettings], limit: int | None) -> int | None:
    """The rows that will be read, None where only reading would tell."""
    counts = [(count_records(source.path), source.limit, limit) for source in sources]
    if any(rows is None for rows, _, _ in counts):
        return None
    return sum(min(number for number in bounds if number is not None) for bounds in counts)


def _work(
    pulls: list[tuple[SourceSettings, Pulled]], stages: Mapping[str, Stage], limit: int | None, counters: Counters
) -> Iterator[Work]:
    for source, pulled in pulls:
        own = [stages[stage] for stage in source.stages]
        yield from ((record, own) for record in itertools.islice(pulled, limit))
        count_skipped(pulled, counters)


def _identity(
    pipeline: Pipeline,
    wanted: Wanted,
    pulls: list[tuple[SourceSettings, Pulled]],
    stages: Mapping[str, Stage],
    endpoints: tuple[Endpoint, ...],
) -> str:
    """The hash of all that decides the data set beside the ledger: equal identities give equal bytes."""
    digest = hashlib.sha256()
    for source, pulled in pulls:
        origin = pulled.origin
        content = origin.revision if origin.revision else content_digest(Path(source.path))
        digest.update(repr((replace(source, path="", licence=""), origin.licence, source.licence, content)).encode())
    for name, stage in stages.items():
        models = sorted({endpoint.model for endpoint in serving(endpoints, name)})
        digest.update(repr((name, stage, models)).encode())
    models = sorted({endpoint.model for endpoint in serving(endpoints, "judge")})
    digest.update(repr((models, pipeline.shard_records, pipeline.max_bad, wanted.limit, wanted.only)).encode())
    return digest.hexdigest()

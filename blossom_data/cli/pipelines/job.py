"""The job that a pipeline file and the flags of run, plan and refresh describe."""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from blossom_data.asks import Stage
from blossom_data.cli import output
from blossom_data.cli.flags.batch import build_batch
from blossom_data.cli.flags.engine import plan_engine
from blossom_data.cli.flags.money import build_spending
from blossom_data.cli.flags.pipeline import Wanted
from blossom_data.cli.jobs import count_skipped, describe_source, input_of
from blossom_data.cli.pipelines.curating import curating_of
from blossom_data.cli.pipelines.endpoints import build_endpoints, endpoint_settings, engine_of
from blossom_data.config import JUDGE_LEAK, STAGES, Endpoint, further_of, serving
from blossom_data.counters import Counters
from blossom_data.engine import Work
from blossom_data.executors.curating import curated
from blossom_data.executors.job import Job
from blossom_data.llm.batch.settings import PRICE_SHARE
from blossom_data.object_store import path_of
from blossom_data.outputs.replacing import HALF, Replacement
from blossom_data.pipelines.settings import Pipeline, SourceSettings
from blossom_data.pull import Pulled, pull
from blossom_data.rows.facts import content_digest, count_records
from blossom_data.stages.build import build_stage, prompts_of


def build_job(pipeline: Pipeline, wanted: Wanted) -> Job:
    """The job that `pipeline` describes, with what the flags change.

    Raises:
        ConfigError: a stage, prompt or endpoint that cannot be used.
        InputError: a source that cannot be read.
    """
    part, asking = wanted.part, wanted.asking
    stages, sources = build_stages(pipeline, wanted)
    curating = curating_of(pipeline, is_quiet=wanted.common.is_quiet)
    asked = {**({JUDGE_LEAK: curating.judge} if curating.judge else {}), **stages}
    expected = [(source.stages, _rows_of(source, part.limit)) for source in sources]
    counters = Counters(records_total=_sum(rows for _, rows in expected))
    counters.stages = {stage: _sum(rows for passed, rows in expected if stage in passed) for stage in stages}
    batch = build_batch(asking.batches, is_quiet=wanted.common.is_quiet) if asked else None
    pulls = [(source, open_source(source)) for source in sources]
    if not wanted.common.is_quiet:
        for note in (note for _, pulled in pulls for note in pulled.origin.notes):
            output.say(f"note: {note}")
    kept_in = part.ledger or pipeline.ledger
    listed = [
        {key: setting.value for key, setting in settings.items()}
        for settings in endpoint_settings(pipeline, asking.address, asking.engine, wanted.dotenv)
    ]
    local = None
    if asked and len(listed) == 1:
        local = plan_engine(
            engine_of(listed[0]),
            model=str(listed[0]["model"] or ""),
            base_url=str(listed[0]["base_url"] or ""),
            ledger=kept_in,
            is_batched=batch is not None,
        )
    is_named = local is not None or bool(listed[0]["base_url"] and listed[0]["model"])
    is_asking = bool(asked) and (wanted.needs_endpoint or is_named)
    endpoints = build_endpoints(listed, local) if is_asking else ()
    money = asking.money.within(budget_usd=pipeline.budget_usd, budget_tokens=pipeline.budget_tokens)
    work = _work(pulls, stages, part.limit, counters)
    described = [describe_source(source.kind, pulled, source.licence) for source, pulled in pulls]
    return Job(
        label=pipeline.name,
        work=curated(work, curating.steps, counters, curating.judging) if curating.steps else work,
        is_piped=bool(curating.steps) or any(pulled.origin.may_stall for _, pulled in pulls),
        stages=tuple(asked),
        out=_out(pipeline, wanted),
        replacement=replacement_of(pipeline, wanted),
        endpoints=endpoints,
        ledger=kept_in if asked else None,
        serving=local.serving if local else None,
        about={
            "sources": described,
            "prompts": prompts_of(list(asked.values())),
            **({"curate": curating.about} if curating.about else {}),
            "identity": _identity(pipeline, wanted, pulls, stages, endpoints, curating.about),
        },
        counters=counters,
        spending=build_spending(money, factor=PRICE_SHARE if batch else 1.0),
        stop_when_kept_below=asking.kept.stop_when_kept_below,
        trust_finish=asking.kept.trust.trust_finish,
        max_bad=pipeline.max_bad,
        shard_records=pipeline.shard_records,
        seed=pipeline.seed,
        batch=batch,
        measures=tuple(curating.about),
        buys=frozenset({part.only, *(asked.keys() - stages.keys())}) if part.only else None,
    )


def build_stages(pipeline: Pipeline, wanted: Wanted) -> tuple[dict[str, Stage], list[SourceSettings]]:
    """The stages that are used, in order, and the sources with the stages that each goes through."""
    sources = [
        replace(source, stages=_until(source.stages, wanted.part.last))
        for source in pipeline.sources
        if not wanted.part.only or wanted.part.only in source.stages
    ]
    used = {stage for source in sources for stage in source.stages}
    folder = pipeline.file.resolve().parent
    stages: dict[str, Stage] = {}
    for stage in (name for name in STAGES if name in used):
        with pipeline.source.locating(("stage", stage)):
            stages[stage] = build_stage(stage, pipeline.stages.get(stage, {}), folder=folder)
    return stages, sources


def _until(stages: tuple[str, ...], last: str | None) -> tuple[str, ...]:
    return tuple(stage for stage in stages if last is None or STAGES.index(stage) <= STAGES.index(last))


def _out(pipeline: Pipeline, wanted: Wanted) -> Path:
    """Where the data set goes: a part of the stages never replaces the whole data set."""
    if wanted.part.out is not None or wanted.part.last is None:
        return wanted.part.out or pipeline.out
    return pipeline.out.with_name(f"{pipeline.out.name}.{'only' if wanted.part.only else 'until'}-{wanted.part.last}")


def replacement_of(pipeline: Pipeline, wanted: Wanted) -> Replacement:
    """What the run is about to put into its output; nothing is read for it."""
    part = wanted.part
    sources = [source for source in pipeline.sources if not part.only or part.only in source.stages]
    stopped = f" --only {part.only}" if part.only else f" --until {part.until}" if part.until else ""
    ratio = pipeline.refresh.min_size_ratio
    return Replacement(
        out=_out(pipeline, wanted),
        command=f"run {pipeline.name}{stopped}",
        inputs=tuple(dict.fromkeys(input_of(source.path, split=source.split) for source in sources)),
        limit=part.limit * len(sources) if part.limit is not None else None,
        limit_flag=f"--limit {part.limit}",
        least=HALF if ratio is None else ratio,
        is_allowed=wanted.is_replacing,
    )


def open_source(source: SourceSettings) -> Pulled:
    """The rows of a source, not read yet."""
    return pull(
        source.kind,
        source.path,
        fields=source.fields or None,
        limit=source.limit,
        sample=source.sample,
        sample_by=source.sample_by,
        seed=source.seed,
        revision=source.revision,
        split=source.split,
        lang=source.lang,
        allow_eval=source.allow_eval,
    )


def _rows_of(source: SourceSettings, limit: int | None) -> int | None:
    """The rows of `source` that will be read, None where only reading would tell."""
    if (rows := count_records(source.path)) is None:
        return None
    return min(number for number in (rows, source.limit, limit) if number is not None)


def _sum(numbers: Iterable[int | None]) -> int | None:
    """The sum, None where a number is unknown."""
    known = list(numbers)
    return None if None in known else sum(number or 0 for number in known)


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
    curating: Mapping[str, Any],
) -> str:
    """The hash of all that decides the data set beside the ledger: equal identities give equal bytes."""
    digest = hashlib.sha256()
    for source, pulled in pulls:
        origin = pulled.origin
        content = origin.revision if origin.revision else content_digest(path_of(source.path))
        about = (replace(source, path="", licence=""), origin.licence, source.licence, content)
        digest.update(
            repr(
                (
                    *about,
                    *filter(None, [source.allow_eval]),
                    *([] if source.sample_by == "uniform" else [source.sample_by]),
                )
            ).encode()
        )
    for name, stage in stages.items():
        models = sorted({endpoint.model for endpoint in serving(endpoints, name)})
        digest.update(repr((name, stage, models, *filter(None, [further_of(endpoints, name)]))).encode())
    if curating:
        digest.update(repr(curating).encode())
    models = sorted({endpoint.model for endpoint in serving(endpoints, "judge")})
    digest.update(
        repr(
            (
                *filter(None, [further_of(endpoints, "judge")]),
                models,
                pipeline.shard_records,
                pipeline.max_bad,
                wanted.part.limit,
                wanted.part.only,
            )
        ).encode()
    )
    return digest.hexdigest()

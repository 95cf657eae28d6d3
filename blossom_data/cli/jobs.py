"""What the record-to-data-set commands share: build the job, run it (or plan it), tell the result."""

from __future__ import annotations

import itertools
import shlex
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from blossom_data.asks import Stage
from blossom_data.cli import output
from blossom_data.cli.flags.batch import build_batch
from blossom_data.cli.flags.common import Common, CommonOfLong
from blossom_data.cli.flags.endpoint import Asking, build_endpoint
from blossom_data.cli.flags.engine import plan_engine
from blossom_data.cli.flags.money import build_spending
from blossom_data.cli.flags.records import Records, Replace
from blossom_data.cli.progress import Progress
from blossom_data.cli.run_summary import show_summary, tell_next
from blossom_data.cli.stop_notice import telling_stops
from blossom_data.cli.tables import show
from blossom_data.counters import Counters
from blossom_data.engine import Work
from blossom_data.errors import ConfigError, QualityGate
from blossom_data.executors.job import Job
from blossom_data.executors.local import run_job
from blossom_data.ledger.place import find_ledger, other_ledger
from blossom_data.llm.batch.settings import PRICE_SHARE
from blossom_data.llm.engines.replicas import spread
from blossom_data.object_store import path_of
from blossom_data.outputs.replacing import STDIN, Replacement
from blossom_data.records import Record
from blossom_data.rows import BadRow
from blossom_data.rows.facts import count_records, fingerprint
from blossom_data.shards import read_manifest
from blossom_data.sources.advice.raw import read_only_records
from blossom_data.sources.hub import is_hub_id
from blossom_data.stages.build import build_stage, prompts_of

if TYPE_CHECKING:
    from blossom_data.pull import Pulled


def run_stage(
    name: str,
    settings: Mapping[str, Any],
    given: Records,
    asking: Asking,
    common: CommonOfLong,
    *,
    needs_endpoint: bool = True,
    prepare: Callable[[Record | BadRow], Record | BadRow] | None = None,
    about: Mapping[str, Any] | None = None,
) -> int:
    """Runs the stage `name` over the records that are given; gives the exit code.

    Args:
        about: what else the manifest says.
        prepare: done to each record and each row that could not be read, before anything else.
    """
    replacement = replacement_of(name, given)
    refuse(replacement, is_dry_run=asking.endpoint.dry_run)
    stage = build_stage(name, settings)
    counters = Counters()
    job = Job(
        label=name,
        work=stage_work(given.records, [stage], given.limit, prepare),
        is_piped=given.records == "-",
        stages=(name,),
        out=replacement.out,
        replacement=replacement,
        about={
            "inputs": [fingerprint(given.records)],
            "sources": sources_of(given.records),
            "prompts": prompts_of([stage]),
            **(about or {}),
        },
        counters=counters,
        max_bad=given.bad.max_bad,
        shard_records=given.shard_records,
    )
    if needs_endpoint:
        job = asking_job(job, asking, given.records, is_quiet=common.is_quiet)
    else:
        job = replace(job, **terms_of(asking, is_batched=False))
    total = count_records(given.records)
    counters.records_total = min(total, given.limit) if total and given.limit else total
    return finish(job, common, is_dry_run=asking.endpoint.dry_run)


def asking_job(job: Job, asking: Asking, records: str, *, is_quiet: bool) -> Job:
    """`job` with the endpoint, ledger and budget that the flags describe.

    Args:
        records: its input, beside which a ledger may lie.
    """
    flags = asking.endpoint
    ledger = flags.ledger or find_ledger(job.out, records)
    batch = build_batch(asking.batches, is_quiet=is_quiet)
    local = plan_engine(
        asking.engine, model=flags.model, base_url=flags.base_url, ledger=ledger, is_batched=batch is not None
    )
    return replace(
        job,
        endpoints=spread(build_endpoint(flags, local), local.serving if local else None),
        serving=local.serving if local else None,
        ledger=ledger,
        batch=batch,
        **terms_of(asking, is_batched=batch is not None),
    )


def terms_of(asking: Asking, *, is_batched: bool) -> dict[str, Any]:
    """What may be spent, and what is kept of it."""
    return {
        "spending": build_spending(asking.money, factor=PRICE_SHARE if is_batched else 1.0),
        "stop_when_kept_below": asking.kept.stop_when_kept_below,
        "trust_finish": asking.kept.trust.trust_finish,
    }


class Given(Protocol):
    """Input and output, as the flags of a command name them."""

    @property
    def records(self) -> str: ...

    @property
    def out(self) -> Path | None: ...

    @property
    def limit(self) -> int | None: ...

    @property
    def replace(self) -> Replace: ...


def replacement_of(name: str, given: Given) -> Replacement:
    """What the command `name` is about to put into the folder that is given.

    Raises:
        ConfigError: none is, or it is the input.
    """
    if given.out is None:
        raise ConfigError("no output folder is named", hint="give -o FOLDER")
    refuse_same_folder(given.records, given.out)
    return Replacement(
        out=given.out,
        command=name,
        inputs=(STDIN if given.records == "-" else path_of(given.records),),
        limit=given.limit,
        limit_flag=f"--limit {given.limit}",
        is_allowed=given.replace.is_replacing,
    )


def refuse(replacement: Replacement, *, is_dry_run: bool = False) -> None:
    """Raises ConfigError where finished work would go; a dry run, which writes nothing, warns of it."""
    try:
        replacement.refuse()
    except ConfigError as why:
        if not is_dry_run:
            raise
        output.say(f"warning: the run itself would be refused: {why}; {why.hint}")


def input_of(path: str, *, subset: str | None = None, split: str = "train") -> Path | str:
    """An input as `Replacement` takes it: a path, or a name that is none."""
    if path == "-":
        return STDIN
    if is_hub_id(path):
        return ":".join(
            [path.removeprefix("hf:"), *([subset] if subset else []), *([split] if split != "train" else [])]
        )
    return path_of(path if split == "train" else f"{path}:{split}")


def sources_of(records: str) -> list[dict[str, Any]]:
    """The raw sources of an input data set, with their licences, as its own manifest names them."""
    manifest = read_manifest(path_of(records)) if records != "-" else None
    sources = manifest.get("sources", []) if manifest else []
    return sources if isinstance(sources, list) else []


def stage_work(
    records: str,
    stages: Sequence[Stage],
    limit: int | None,
    prepare: Callable[[Record | BadRow], Record | BadRow] | None = None,
) -> Iterator[Work]:
    """Each record of the data set or file `records`, prepared, with the stages it goes through."""
    read: Iterator[Record | BadRow] = itertools.islice(read_only_records(records), limit)
    return ((record, stages) for record in (map(prepare, read) if prepare else read))


def refuse_same_folder(records: str, out: Path) -> None:
    """Raises ConfigError when the output would replace the input."""
    if records != "-" and path_of(records).resolve() in (out.resolve(), *out.resolve().parents):
        raise ConfigError(f"output {out} is the input or lies in it", hint="name another folder with -o")


def describe_source(kind: str, pulled: Pulled, licence: str) -> dict[str, Any]:
    """A source as the manifest names it: which bytes it was, and under which licence."""
    origin = pulled.origin
    file = fingerprint(origin.path) if not origin.revision else {"name": origin.path, "revision": origin.revision}
    split = {"split": origin.split} if origin.split != "train" else {}
    return {"source": kind, "licence": licence or origin.licence or "", **file, **split}


def count_skipped(pulled: Pulled, counters: Counters) -> None:
    """Books the rows that a pull read and did not hand on: exact duplicates, and what a sample did not draw."""
    skipped = pulled.counts.duplicates + pulled.counts.left_out
    counters.read += skipped
    counters.skipped += skipped
    counters.not_drawn += pulled.counts.left_out


def wants_to_follow(common: Common) -> bool:
    """Whether progress goes to stdout; raises ConfigError for --follow without --json."""
    is_followed = isinstance(common, CommonOfLong) and common.is_followed
    if is_followed and not common.is_json:
        raise ConfigError("--follow goes with --json", hint="give --json too")
    return is_followed


def telling_other_ledger(job: Job, common: Common) -> Job:
    """`job`, which says before it buys anything a second time that its output was made with another ledger."""
    if job.ledger is None or common.is_quiet or (other := other_ledger(job.out, job.ledger)) is None:
        return job
    told = (
        f"note: {job.out} was made with the ledger {other}; this run uses {job.ledger} "
        f"and buys again what that does not hold (--ledger {other} goes on with the other)"
    )
    return replace(job, before_buying=lambda: output.say(told))


def finish(job: Job, common: Common, *, is_dry_run: bool = False, is_guided: bool = True) -> int:
    """Runs or plans `job`, prints the result and, if it `is_guided`, what to do next; gives the exit code."""
    wants_to_follow(common)
    job = telling_other_ledger(job, common)
    if is_dry_run:
        from blossom_data.cli.plan_summary import plan_summary
        from blossom_data.executors.plan import plan_job

        plan = plan_job(job) | {"is_batch": job.batch is not None}
        if plan["calls"] and job.before_buying is not None:
            job.before_buying()
        if common.is_json:
            output.json_result(plan)
        else:
            show(*plan_summary(plan))
        return 0
    summary = run_shown(job, common)
    if common.is_json:
        output.json_result(summary)
    elif not common.is_quiet:
        show_summary(summary)
        if is_guided:
            tell_next(summary)
    if not summary["read"] and not common.is_quiet:
        output.say("note: the input holds no record; blossom-data status tells what became of the data sets here")
    return told_gate(summary)


def run_shown(job: Job, common: Common) -> dict[str, Any]:
    """Runs `job` with its progress shown; gives its summary."""
    if job.serving is not None and common.is_told:
        output.say(f"Engine {job.serving.name} starts with the first question; its log: {job.serving.log}")
    with (
        telling_stops(job.label, job.counters, job.ledger, is_told=common.is_told),
        Progress(job.label, job.counters, is_quiet=common.is_quiet, is_followed=wants_to_follow(common)),
    ):
        return run_job(job)


def told_gate(summary: dict[str, Any]) -> int:
    """The exit code of a run that came to its end, after a line on stderr where records failed or none was kept."""
    look = f"blossom-data show {shlex.quote(str(summary['out']))} --rejected"
    if summary["failed"]:
        number = sum(summary["failed"].values())
        told = f"the endpoint would not answer {number:,} record{'s' if number != 1 else ''}"
        hint = f"{look} failed says why; the same command again asks for them again"
    elif summary["records"] == 0 and summary["rejected"]:
        told, hint = "not one record was kept", f"{look} all says why"
    else:
        return 0
    gate = QualityGate(told, hint=hint)
    output.error(gate, is_json=False)
    return gate.exit_code

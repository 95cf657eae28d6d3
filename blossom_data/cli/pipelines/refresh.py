"""blossom-data refresh."""

from __future__ import annotations

import contextlib
import socket
import sys
from collections.abc import Iterator
from dataclasses import replace
from typing import IO, TYPE_CHECKING, Annotated, Any

import typer

from blossom_data.cli import output
from blossom_data.cli.flags.common import Common
from blossom_data.cli.flags.groups import as_command
from blossom_data.cli.flags.pipeline import PIPELINE, PipelineAsking, Scale, Wanted
from blossom_data.cli.flags.records import Replace
from blossom_data.cli.flags.values import span_s
from blossom_data.errors import BlossomError, ConfigError, LedgerError, Locked, system_hint
from blossom_data.ledger.lock import NoLocks, take_lock
from blossom_data.pipelines.environment import load_environment
from blossom_data.pipelines.load import open_pipeline
from blossom_data.pipelines.settings import Pipeline

if TYPE_CHECKING:
    from blossom_data.counters import Counters
    from blossom_data.executors.job import Job
    from blossom_data.refresh.runs import RunLog

_SHOWN = ("run", "pipeline", "started", "exit_code", "outcome", "counts", "calls", "cost_usd", "version", "seconds")


@as_command("refresh")
def command(
    pipeline: Annotated[str, PIPELINE],
    scale: Scale,
    asking: PipelineAsking,
    replacing: Replace,
    common: Common,
    deadline: Annotated[
        float | None,
        typer.Option(
            "--deadline", parser=span_s, metavar="SPAN", help="Stop buying after so long, such as 5h (exit 4)."
        ),
    ] = None,
) -> int:
    """Bring a pipeline's data set up to date: run it, check its gates, mix, publish. Made for cron.

    Only what is new or has changed costs anything. It says nothing unless something is wrong, or a terminal looks on.
    One refresh at a time: a second one exits 5 at once. The result is in LOGS/NAME/last/result.json.

    Example: blossom-data refresh pipelines/math.toml --deadline 5h
    """
    opened = open_pipeline(pipeline, scale=scale.scale)
    dotenv = load_environment(opened)
    with _locked(opened):
        wanted = Wanted(common=common, asking=asking, dotenv=dotenv, is_replacing=replacing.is_replacing)
        return _refresh(opened, wanted, deadline)


def _locked(pipeline: Pipeline) -> IO[str]:
    """The lock beside the output.

    Raises:
        Locked: another refresh runs.
    """
    try:
        pipeline.lock.parent.mkdir(parents=True, exist_ok=True)
        return take_lock(pipeline.lock)
    except Locked as why:
        raise Locked(str(why), hint="nothing to do: that run brings the data set up to date") from why
    except NoLocks:
        raise
    except (OSError, LedgerError) as why:
        told = f"cannot write beside {pipeline.out}: {getattr(why, 'strerror', None) or why}"
        raise ConfigError(told, hint=system_hint(why)) from why


def _refresh(pipeline: Pipeline, wanted: Wanted, deadline_s: float | None) -> int:
    from blossom_data.cli.jobs import refuse, telling_other_ledger
    from blossom_data.cli.pipelines.job import build_job, replacement_of
    from blossom_data.cli.progress import Progress
    from blossom_data.cli.stop_notice import telling_stops
    from blossom_data.cli.work_bar import working
    from blossom_data.executors.limits import Deadline
    from blossom_data.refresh.flow import Refresh
    from blossom_data.refresh.runs import RunLog

    is_seen = sys.stderr.isatty() and not wanted.common.is_quiet and not wanted.common.is_json
    heard = replace(wanted, common=replace(wanted.common, is_quiet=not is_seen))

    @contextlib.contextmanager
    def watch(counters: Counters) -> Iterator[None]:
        ledger = wanted.part.ledger or pipeline.ledger
        with (
            telling_stops(pipeline.name, counters, ledger, is_told=is_seen),
            Progress(pipeline.name, counters, is_quiet=not is_seen),
        ):
            yield

    def make_job() -> Job:
        refuse(replacement_of(pipeline, heard))
        return telling_other_ledger(build_job(pipeline, heard), wanted.common)

    log = RunLog(pipeline.refresh.logs, pipeline.name)
    try:
        deadline = Deadline(deadline_s) if deadline_s is not None else None
        refresh = Refresh(
            pipeline,
            make_job,
            log,
            deadline=deadline,
            watch=watch,
            bar=lambda label: working(label, is_quiet=not is_seen),
            is_replacing=heard.is_replacing,
        )
        _notify(pipeline, log, refresh.result, "start")
        result = refresh.perform()
        code = _finish(pipeline, log, result)
    finally:
        log.close()
    _show(result, is_json=wanted.common.is_json, is_seen=is_seen)
    return code


def _finish(pipeline: Pipeline, log: RunLog, result: dict[str, Any]) -> int:
    """Writes the result, then tells who wants to hear of it; gives the exit code."""
    code = int(result["exit_code"])
    try:
        log.finish(result, keep=pipeline.refresh.keep_logs)
    except BlossomError as why:
        result["warnings"].append(str(why))
        code = code or why.exit_code
    if code != Locked.exit_code:
        _notify(pipeline, log, result, "fail" if code else "done")
    return code


def _notify(pipeline: Pipeline, log: RunLog, result: dict[str, Any], event: str) -> None:
    """Tells of `event`; that it fails is a warning and no more."""
    if pipeline.notify is None:
        return
    from blossom_data.refresh.notify import tell

    message = {"event": event, "host": socket.gethostname(), **{name: result[name] for name in _SHOWN}}
    message["error"] = result["error"]["kind"] if result["error"] else None
    keys = tuple(str(endpoint["key_env"]) for endpoint in pipeline.endpoints if "key_env" in endpoint)
    try:
        problems = tell(pipeline.notify, message, keys=keys)
    except ConfigError as why:
        problems = [str(why)]
    for problem in problems:
        log.note("notify", problem=problem)
        result["warnings"].append(problem)


def _show(result: dict[str, Any], *, is_json: bool, is_seen: bool) -> None:
    """The whole result with --json; else what went wrong, and the outcome where somebody looks on."""
    if is_json:
        output.json_result(result)
        return
    for warning in result["warnings"]:
        output.say(f"warning: {warning}")
    if error := result["error"]:
        output.error(BlossomError(error["message"], hint=error["hint"]), is_json=False)
        output.say(f"  log: {result['log']}")
    elif is_seen:
        counts = result["counts"]
        version = f" {result['version']}" if result["version"] else ""
        output.result(f"{result['pipeline']}: {result['outcome']}{version}")
        output.result(f"  read {counts['read']:,}, kept {counts['kept']:,}, {result['calls']:,} calls")

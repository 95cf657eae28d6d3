"""blossom-data refresh."""

from __future__ import annotations

import contextlib
import re
import socket
import sys
from collections.abc import Iterator, Mapping
from typing import IO, TYPE_CHECKING, Any

import click

from blossom_data.cli import output
from blossom_data.cli.options import common
from blossom_data.cli.pipeline_options import pipeline_options
from blossom_data.errors import BlossomError, ConfigError, LedgerError, Locked
from blossom_data.ledger.lock import take_lock
from blossom_data.pipelines import Pipeline, open_pipeline
from blossom_data.pipelines.environment import load_environment

if TYPE_CHECKING:
    from blossom_data.counters import Counters
    from blossom_data.refresh.runs import RunLog

_SPAN = re.compile(r"(\d{1,6}(?:\.\d{1,3})?)([smhd]?)")
_SECONDS = {"": 1.0, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_SHOWN = ("run", "pipeline", "started", "exit_code", "outcome", "counts", "calls", "cost_usd", "version", "seconds")


class Span(click.ParamType[float]):
    """A span of time: 90, 90s, 5m, 5h, 1d; becomes seconds."""

    name = "span"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        if isinstance(value, float):
            return value
        found = _SPAN.fullmatch(str(value).strip())
        if found is None or not (seconds := float(found[1]) * _SECONDS[found[2]]):
            self.fail(f"{value!r} is not a span such as 90s, 30m or 5h", param, ctx)
        return seconds


@click.command("refresh")
@click.argument("pipeline")
@click.option("--deadline", type=Span(), metavar="SPAN", help="Stop buying after so long, such as 5h (exit 4).")
@pipeline_options
@common
def command(pipeline: str, scale: float, deadline: float | None, **flags: Any) -> int:
    """Bring a pipeline's data set up to date: run it, check its gates, mix, publish. Made for cron.

    Only what is new or has changed costs anything. It says nothing unless something is wrong, or a terminal looks on.
    One refresh at a time: a second one exits 5 at once. The result is in LOGS/NAME/last/result.json.

    \b
    Example: blossom-data refresh pipelines/math.toml --deadline 5h
    """
    opened = open_pipeline(pipeline, scale=scale)
    dotenv = load_environment(opened)
    with _locked(opened):
        return _refresh(opened, dotenv, deadline, flags)


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
    except (OSError, LedgerError) as why:
        raise ConfigError(f"cannot write beside {pipeline.out}: {getattr(why, 'strerror', None) or why}") from why


def _refresh(pipeline: Pipeline, dotenv: Mapping[str, str], deadline_s: float | None, flags: dict[str, Any]) -> int:
    from blossom_data.cli.pipeline_job import build_job, wanted_of
    from blossom_data.cli.progress import Progress
    from blossom_data.cli.stop_notice import telling_stops
    from blossom_data.executors.limits import Deadline
    from blossom_data.refresh.flow import Refresh
    from blossom_data.refresh.runs import RunLog

    is_seen = sys.stderr.isatty() and not flags["quiet"] and not flags["is_json"]
    wanted = wanted_of({**flags, "quiet": not is_seen}, dotenv)

    @contextlib.contextmanager
    def watch(counters: Counters) -> Iterator[None]:
        ledger = wanted.ledger or pipeline.ledger
        with (
            telling_stops(pipeline.name, counters, ledger, is_told=is_seen),
            Progress(pipeline.name, counters, is_quiet=not is_seen),
        ):
            yield

    log = RunLog(pipeline.refresh.logs, pipeline.name)
    try:
        deadline = Deadline(deadline_s) if deadline_s is not None else None
        refresh = Refresh(pipeline, lambda: build_job(pipeline, wanted), log, deadline=deadline, watch=watch)
        _notify(pipeline, log, refresh.result, "start")
        result = refresh.perform()
        code = _finish(pipeline, log, result)
    finally:
        log.close()
    _show(result, is_json=flags["is_json"], is_seen=is_seen)
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

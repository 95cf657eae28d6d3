"""`run --share` and `run --workers`: several processes buy the replies of one run."""

from __future__ import annotations

import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import IO

from blossom_data.cli import output
from blossom_data.cli.flags.common import Common
from blossom_data.cli.jobs import wants_to_follow
from blossom_data.cli.progress import Progress
from blossom_data.cli.stop_notice import telling_stops
from blossom_data.errors import BlossomError, ConfigError, Interrupted
from blossom_data.executors.job import Job
from blossom_data.executors.share import MOST_SHARES, buy_share, parse_share
from blossom_data.llm.engines.supervisor import dying_with_parent

_STOPPING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_LOOK_S = 0.2


class WorkerFailed(BlossomError):
    """A worker ended with an error of its own, which was shown."""


def buy(job: Job, share: str, common: Common) -> int:
    """Buys one share of `job`; gives the exit code."""
    wanted = parse_share(share)
    is_told = not common.is_quiet and not common.is_json
    with (
        telling_stops(job.label, job.counters, job.ledger, is_told=is_told),
        Progress(f"{job.label} {wanted}", job.counters, is_quiet=common.is_quiet, is_followed=wants_to_follow(common)),
    ):
        summary = buy_share(job, wanted)
    if common.is_json:
        output.json_result(summary)
    elif not common.is_quiet:
        calls, read = summary["run"]["calls"], summary["read"]
        output.say(f"share {wanted}: {read:,} records, {calls:,} calls; the run without --share writes the data set")
    return 0


def buy_with_workers(job: Job, workers: int, common: Common) -> None:
    """Starts a process for each share on this machine, and waits for all.

    Raises:
        ConfigError: the ledger is a file, or the endpoint an engine that the job starts.
        Interrupted: they were stopped, and have drained.
        WorkerFailed: one ended with an error, and with its exit code; the same command again goes on.
    """
    if job.ledger is None or isinstance(job.ledger, Path):
        raise ConfigError("--workers needs one ledger for all", hint="give --ledger postgresql://HOST/DATABASE")
    if job.serving is not None:
        raise ConfigError(
            "each of --workers would start an engine of its own on this machine",
            hint="leave out --workers, or start the engine yourself and give its --base-url",
        )
    wants_to_follow(common)
    if workers > MOST_SHARES:
        raise ConfigError(f"--workers {workers} are too many", hint=f"at most {MOST_SHARES:,}")
    if not common.is_quiet and not common.is_json:
        output.say(f"{workers} processes buy, then this one writes")
    with ExitStack() as stack:
        logs = [stack.enter_context(tempfile.TemporaryFile()) for _ in range(workers)]
        children: list[subprocess.Popen[bytes]] = []
        got = stack.enter_context(_passing_on_signals(children))
        stack.callback(_end, children)
        for number, log in enumerate(logs, 1):
            if not got:
                children.append(_start(number, workers, log))
                if got:  # it came before this child was known
                    children[-1].send_signal(got[0])
        while any(child.poll() is None for child in children):
            time.sleep(_LOOK_S)
        if got:
            name = signal.Signals(got[0]).name
            raise Interrupted(f"stopped by {name}; replies that were paid for are kept", signal_number=got[0])
        for number, (child, log) in enumerate(zip(children, logs, strict=True), 1):
            if child.returncode:
                raise _failure(number, workers, child.returncode, log)


def _start(number: int, workers: int, log: IO[bytes]) -> subprocess.Popen[bytes]:
    """The same command for one share; out of reach of the terminal's Ctrl-C, which is passed on once."""
    command, *words = _without_workers(sys.argv[1:])
    argv = [sys.executable, "-m", "blossom_data", command, "--share", f"{number}/{workers}", "--quiet", *words]
    return subprocess.Popen(
        argv,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=log,
        start_new_session=True,
        preexec_fn=dying_with_parent(),
    )


def _end(children: Sequence[subprocess.Popen[bytes]]) -> None:
    """Lets those drain that are still at work when an error ends this process."""
    for child in children:
        if child.poll() is None:
            child.terminate()


def _without_workers(words: Sequence[str]) -> list[str]:
    """The command line without what is for the first process alone."""
    kept: list[str] = []
    given = iter(words)
    for word in given:
        if word == "--":
            return [*kept, word, *given]
        if word == "--workers":
            next(given, None)
        elif not word.startswith("--workers=") and word not in ("--json", "--follow", "--replace"):
            kept.append(word)
    return kept


@contextmanager
def _passing_on_signals(children: Sequence[subprocess.Popen[bytes]]) -> Iterator[list[int]]:
    """What is sent to this process goes to all children, which drain; gives the signals that came."""
    got: list[int] = []

    def pass_on(number: int, _: object) -> None:
        got.append(number)
        for child in children:
            child.send_signal(number)

    heard = [number for number in _STOPPING if signal.getsignal(number) is not signal.SIG_IGN]
    before = {number: signal.signal(number, pass_on) for number in heard}
    try:
        yield got
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _failure(number: int, workers: int, code: int, log: IO[bytes]) -> WorkerFailed:
    log.seek(0)
    lines = log.read().decode("utf-8", "replace").strip().splitlines()
    told = next((line.partition("error: ")[2] for line in lines if line.startswith("error: ")), "")
    told = told or (f"it was ended by signal {-code}" if code < 0 else f"exit code {code}")
    failed = WorkerFailed(
        f"worker {number} of {workers} stopped: {told}", hint="the same command again goes on where it stopped"
    )
    failed.exit_code = code if code > 0 else 1
    return failed

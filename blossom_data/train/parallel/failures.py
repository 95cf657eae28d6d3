"""Why a run of several processes failed: each one hands its error to the launcher, which tells one of them.

    hand_over(ConfigError("..."))      in a process: {"message": "...", "hint": "...", "exit_code": 2, ...} in its file
    cause_of(failures)                 in the launcher: the error behind all of them, as it was raised

When one process fails, the others fail too as they lose it; so an error that is no loss of another process comes first,
then the earliest. Under a launcher that is not ours nothing is handed over: each process tells its own error.
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import orjson

from blossom_data import errors
from blossom_data.errors import BlossomError, PeerLost

OURS = "BLOSSOM_LAUNCHER"
"""Set in the environment of the processes that our launcher starts."""
_FILE = "TORCHELASTIC_ERROR_FILE"


def is_handed_over() -> bool:
    """Whether our launcher tells the errors of this process."""
    return bool(os.environ.get(OURS) and os.environ.get(_FILE))


def hand_over(why: BlossomError) -> bool:
    """Writes the error to the file that the launcher reads; gives whether it could."""
    told = {**described(why), "timestamp": int(time.time())}
    try:
        Path(os.environ[_FILE]).write_bytes(orjson.dumps(told))
    except OSError:
        return False
    return True


def described(why: BlossomError) -> dict[str, Any]:
    """The error as plain data."""
    return {"message": str(why), "hint": why.hint, "exit_code": why.exit_code, "kind": type(why).__name__}


def rebuilt(told: Mapping[str, Any]) -> BlossomError:
    """The error that `described` took apart."""
    kind = getattr(errors, told["kind"], BlossomError)
    error = kind.__new__(kind, told["message"])
    assert isinstance(error, BlossomError)
    BlossomError.__init__(error, told["message"], hint=told["hint"])
    error.exit_code = told["exit_code"]
    return error


def cause_of(failures: Mapping[int, Any]) -> BlossomError:
    """The error behind the `failures` (by rank, ProcessFailure of torch's launcher) of one machine."""
    rank, first = min(failures.items(), key=lambda entry: (_blame(entry[1]), int(entry[1].timestamp)))
    told = first.error_file_data
    if "kind" in told:
        return rebuilt(told)
    if first.exitcode < 0:
        return BlossomError(
            f"process {rank} was ended by signal {-first.exitcode}",
            hint="the same command again goes on from the newest checkpoint",
        )
    error = BlossomError(f"process {rank} failed (exit code {first.exitcode})", hint="see what it said above")
    error.exit_code = first.exitcode
    return error


def _blame(failure: Any) -> int:
    """How far a failure is from being the cause: what a process told, how it ended, what it lost, what we ended."""
    if kind := failure.error_file_data.get("kind"):
        return 2 if kind == PeerLost.__name__ else 0
    return 3 if failure.exitcode == -signal.SIGTERM else 1

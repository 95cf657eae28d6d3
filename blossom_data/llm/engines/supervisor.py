"""Runs one engine, and leaves nothing of it behind: a small program of its own, started by serve.py.

    python supervisor.py GRACE_S ENGINE ARGUMENT ...       its standard input is a pipe that the starter holds open

The kernel closes that pipe when the starter goes, however it goes, SIGKILL included; then, and on SIGTERM, the engine's
whole process group gets SIGTERM and, after GRACE_S seconds, SIGKILL. When the engine itself ends, what it left running
is killed, and the guard ends with its exit code (128 + N after signal N). Standard library only.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable

CANNOT_START = 127
_PR_SET_PDEATHSIG = 1
_STEP_S = 0.05


def main(arguments: list[str]) -> int:
    """Runs `arguments[1:]` until it ends or is to end; gives the exit code."""
    grace_s, argv = float(arguments[0]), arguments[1:]
    woken, wake = os.pipe()
    os.set_blocking(wake, False)
    signal.set_wakeup_fd(wake, warn_on_full_buffer=False)
    is_ending: list[int] = []
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, lambda got, _: is_ending.append(got))
    signal.signal(signal.SIGCHLD, lambda *_: None)
    try:
        engine: subprocess.Popen[bytes] = subprocess.Popen(
            argv, stdin=subprocess.DEVNULL, process_group=0, preexec_fn=dying_with_parent()
        )
    except OSError as why:
        sys.stderr.write(f"cannot start {argv[0]}: {why.strerror}\n")
        return CANNOT_START
    try:
        while engine.poll() is None and not is_ending:
            ready, _, _ = select.select([0, woken], [], [])
            if woken in ready:
                os.read(woken, 4096)
            elif not os.read(0, 4096):
                break
        _stop(engine, grace_s)
    finally:
        _signal_group(engine, signal.SIGKILL)
    code = engine.wait()
    return code if code >= 0 else 128 - code


def dying_with_parent() -> Callable[[], None] | None:
    """What a child does before it begins: ask the kernel (Linux) for SIGTERM when this process is killed itself."""
    if sys.platform != "linux":
        return None
    libc, parent = ctypes.CDLL(None), os.getpid()

    def bind() -> None:
        libc.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
        if os.getppid() != parent:
            os._exit(CANNOT_START)

    return bind


def _stop(engine: subprocess.Popen[bytes], grace_s: float) -> None:
    """SIGTERM to the group, and time for the engine to end."""
    if engine.poll() is not None:
        return
    _signal_group(engine, signal.SIGTERM)
    until_s = time.monotonic() + grace_s
    while engine.poll() is None and time.monotonic() < until_s:
        time.sleep(_STEP_S)


def _signal_group(engine: subprocess.Popen[bytes], number: int) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(engine.pid, number)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

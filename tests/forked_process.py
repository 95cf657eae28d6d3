"""A process that the server of forked.py forks, seen from outside; it needs nothing but Python's own library.

As a script it stands in the place of python where torch's launcher starts `python -u -m blossom_data ...`: the process
that it asks for hears the signals that it hears, and it ends as that one does.
"""

from __future__ import annotations

import ctypes
import json
import os
import select
import signal
import socket
import sys
from contextlib import suppress
from typing import Any

_PR_SET_PDEATHSIG = 1


class Process:
    """module.function(*arguments) in a process of its own, which does not outlive whoever asked for it."""

    def __init__(
        self,
        address: str,
        job: tuple[str, str, list[Any]],
        *,
        cwd: str,
        env: dict[str, str],
        streams: tuple[int, ...],
        path: list[str] | None = None,
        setup: str = "",
    ) -> None:
        self._line = socket.socket(socket.AF_UNIX)
        self._line.connect(address)
        body = json.dumps({"job": job, "cwd": cwd, "env": env, "path": path, "setup": setup}).encode()
        socket.send_fds(self._line, [len(body).to_bytes(4, "big")], list(streams))
        self._line.sendall(body)
        self._told = self._line.makefile()
        self.pid = int(self._told.readline())

    def has_ended(self, most_s: float) -> bool:
        """Whether it has ended, or does so in time."""
        return bool(select.select([self._line], [], [], max(0.0, most_s))[0])

    def wait(self, most_s: float) -> int:
        """Its exit code, negative for a signal; it is killed when it takes too long."""
        if not self.has_ended(most_s):
            with suppress(ProcessLookupError):
                os.kill(self.pid, signal.SIGKILL)
        code = int(self._told.readline())
        self._told.close()
        self._line.close()
        return code


def stand_in(arguments: list[str]) -> None:
    """Ends as `python ARGUMENTS` would."""
    command = arguments[arguments.index("blossom_data") + 1 :]
    job = ("blossom_data.cli.app", "main", [command])
    address = os.environ["FORKED_SERVER"]
    process = Process(address, job, cwd=str(os.getcwd()), env=dict(os.environ), streams=(0, 1, 2))  # noqa: PTH109

    def pass_on(number: int, _: object) -> None:
        with suppress(ProcessLookupError):
            os.kill(process.pid, number)

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, pass_on)
    # The command asks to be told when its parent, the launcher, has gone; that is this process's parent here.
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
    code = process.wait(600)
    if code < 0:
        if -code != signal.SIGKILL:
            signal.signal(-code, signal.SIG_DFL)
        os.kill(os.getpid(), -code)
    os._exit(code)


if __name__ == "__main__":
    stand_in(sys.argv[1:])

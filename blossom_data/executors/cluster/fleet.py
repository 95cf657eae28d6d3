"""Starts worker processes on this machine, passes signals on to them, and starts one again that something killed.

with Fleet([argv, argv], restarts=3, on_loss=lambda pid: ...) as fleet:
    while fleet.is_at_work():
        time.sleep(0.2)
    fleet.failures          [Failure(2, "worker 2: the endpoint ...")]
"""

from __future__ import annotations

import signal
import subprocess
import tempfile
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from types import FrameType
from typing import IO, Any, Self

from blossom_data.errors import BlossomError
from blossom_data.executors.stopping import heard, stopped_by
from blossom_data.llm.engines.supervisor import dying_with_parent


class WorkerFailed(BlossomError):
    """A worker ended with an error of its own, and with its exit code."""

    def __init__(self, message: str, *, hint: str, exit_code: int) -> None:
        super().__init__(message, hint=hint)
        self.exit_code = exit_code


@dataclass(slots=True)
class _Child:
    number: int
    argv: Sequence[str]
    log: IO[bytes]
    process: subprocess.Popen[bytes]
    restarts_left: int


class Fleet:
    """Worker processes, one for each of `commands`.

    Args:
        restarts: how often each is started again when it was killed.
        on_loss: told the pid of one that was killed.
        name: what one of them is called.
    """

    def __init__(
        self, commands: Sequence[Sequence[str]], *, restarts: int, on_loss: Callable[[int], None], name: str = "worker"
    ) -> None:
        self._commands, self._restarts, self._on_loss, self._name = commands, restarts, on_loss, name
        self.failures: list[WorkerFailed] = []
        self.losses = 0
        """Workers that were killed."""
        self._children: list[_Child] = []
        self._got: list[int] = []
        self._before: dict[int, Any] = {}
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        self._before = {number: signal.signal(number, self._pass_on) for number in heard()}
        try:
            for number, argv in enumerate(self._commands, 1):
                log = self._stack.enter_context(tempfile.TemporaryFile())
                self._children.append(_Child(number, argv, log, start_worker(argv, log), self._restarts))
        except BaseException:
            self.__exit__()
            raise
        if self._got:  # it came before all of them were known
            self._send(self._got[0])
        return self

    def __exit__(self, *_: object) -> None:
        """Lets those drain that are still at work when an error ends this process."""
        for child in self._children:
            if child.process.poll() is None:
                child.process.terminate()
        for number, handler in self._before.items():
            signal.signal(number, handler)
        self._stack.close()

    @property
    def at_work(self) -> int:
        """Workers that have not ended."""
        return sum(child.process.poll() is None for child in self._children)

    def is_at_work(self) -> bool:
        """Whether one still works; what was killed since the last look is started again.

        Raises:
            Interrupted: they were stopped, and have drained.
        """
        for child in [child for child in self._children if child.process.poll() is not None]:
            if not self._goes_on(child):
                self._children.remove(child)
        if self._children:
            return True
        if self._got:
            raise stopped_by(self._got[0])
        return False

    def _goes_on(self, child: _Child) -> bool:
        """Deals with one that has ended; whether it was started again."""
        code = child.process.returncode
        if code == 0 or self._got:
            return False
        if code < 0:
            self.losses += 1
            self._on_loss(child.process.pid)
            if child.restarts_left:
                child.restarts_left -= 1
                child.process = start_worker(child.argv, child.log)
                return True
        self.failures.append(self._failure(child, code))
        return False

    def _failure(self, child: _Child, code: int) -> WorkerFailed:
        child.log.seek(0)
        # The last ones: the log is that of all its lives.
        lines = [line.strip() for line in reversed(child.log.read().decode("utf-8", "replace").splitlines())]
        told = next((line.removeprefix("error: ") for line in lines if line.startswith("error: ")), "")
        hint = next((line.removeprefix("try: ") for line in lines if line.startswith("try: ")), "")
        told = told or (f"it was ended by signal {-code}" if code < 0 else f"exit code {code}")
        return WorkerFailed(
            f"{self._name}{f' {child.number}' if len(self._commands) > 1 else ''} stopped: {told}",
            hint=hint or "the same command again goes on where it stopped",
            exit_code=code if code > 0 else 1,
        )

    def _pass_on(self, number: int, frame: FrameType | None) -> None:
        self._got.append(number)
        self._send(number)

    def _send(self, number: int) -> None:
        for child in self._children:
            if child.process.poll() is None:
                child.process.send_signal(number)


def start_worker(
    argv: Sequence[str], log: IO[bytes], *, cwd: str | None = None, env: Mapping[str, str] | None = None
) -> subprocess.Popen[bytes]:
    """A worker that ends with this process, out of reach of the terminal's Ctrl-C, which is passed on once.

    Args:
        log: what it writes to stderr.
    """
    return subprocess.Popen(
        argv,
        cwd=cwd,
        env=env,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=log,
        start_new_session=True,
        preexec_fn=dying_with_parent(),
    )

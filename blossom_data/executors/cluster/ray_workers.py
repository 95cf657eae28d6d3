"""Worker processes that a Ray cluster places: an actor for each, which starts one, ends it, and tells how it ended.

    driver_command(["python", "-m", "blossom_data", "worker", ...], workers=8, address="head:6379", variables=[])

What talks to Ray is a process of its own (this file as a script): when the cluster's head goes, Ray ends its drivers
from within, and the run has to live to tell of it. Ray places workers and nothing else: which work is whose the claims
say, so a worker that is lost costs what it had in flight.
"""

from __future__ import annotations

import importlib.util
import json
import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from blossom_data.errors import ConfigError, StoppedEarly, extra_hint
from blossom_data.executors.cluster.fleet import start_worker
from blossom_data.executors.stopping import STOPPING, noting

_CPUS = 0.1
"""Of a worker, which waits for answers most of the time; with whole CPUs a small cluster would place few."""
_RESTARTS = 3
_PLACED_S = 120.0
"""How long Ray may take to place the first worker."""
_DRAINED_S = 60.0
_LOOK_S = 0.5
_CONNECT_S = 3.0
_LAST_BYTES = 4_000
_ANSI = re.compile("\x1b\\[[0-9;]*m")


def driver_command(worker: Sequence[str], *, workers: int, address: str, variables: Sequence[str]) -> list[str]:
    """The command that has Ray run `worker` so many times.

    Args:
        address: HOST:PORT of the cluster's head; "": RAY_ADDRESS, or the cluster on this machine.
        variables: names of the environment variables that workers get from here.

    Raises:
        ConfigError: Ray is not installed, or nobody answers at `address`.
    """
    if importlib.util.find_spec("ray") is None:
        raise ConfigError("--executor ray needs Ray, which is not installed", hint=extra_hint("cluster"))
    place = address or os.environ.get("RAY_ADDRESS", "") or "auto"
    if place != "auto":
        _require_answer(place)
    settings = {"worker": list(worker), "workers": workers, "address": place, "variables": list(variables)}
    return [sys.executable, "-m", __name__, json.dumps(settings)]


def _require_answer(address: str) -> None:
    host, _, port = address.rpartition(":")
    if "://" in address or not host or not port.isdecimal():
        raise ConfigError(
            f"{address!r} is no address of a Ray cluster", hint="give HOST:PORT of its head, such as :6379"
        )
    try:
        socket.create_connection((host.strip("[]"), int(port)), timeout=_CONNECT_S).close()
    except (OSError, OverflowError) as why:
        raise ConfigError(f"no Ray cluster answers at {address}: {why}", hint=_START_HINT) from why


_START_HINT = "start one: ray start --head; on further machines ray start --address HOST:6379"


class RayWorker:
    """The actor: one worker process on whatever machine Ray has chosen."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None
        self._stopped_by = 0

    def ping(self) -> None:
        """Comes back once the actor is placed."""

    def work(self, words: Sequence[str], variables: dict[str, str], folder: str) -> tuple[int, str]:
        """Runs the worker to its end; gives its exit code, and the end of what it wrote to stderr."""
        if not Path(folder).is_dir():
            return 2, f"error: {socket.gethostname()} has no folder {folder}: all machines need to see it"
        with tempfile.TemporaryFile() as log:
            place = {**os.environ, **variables}
            self._process = start_worker([sys.executable, *words], log, cwd=folder, env=place)
            if self._stopped_by:
                self._process.send_signal(self._stopped_by)
            code = self._process.wait()
            log.seek(max(0, log.seek(0, os.SEEK_END) - _LAST_BYTES))
            return code, log.read().decode("utf-8", "replace")

    def stop(self, number: int) -> None:
        """Passes a signal on."""
        self._stopped_by = number
        if self._process is not None:
            self._process.send_signal(number)


class _Driver:
    """The process that talks to Ray."""

    def __init__(self, settings: dict[str, Any]) -> None:
        self._words, self._workers = settings["worker"][1:], settings["workers"]
        self._address = settings["address"]
        self._variables = {name: os.environ[name] for name in settings["variables"] if name in os.environ}
        self._restarts = _RESTARTS * self._workers
        self._got: list[int] = []

    def run(self) -> int:
        """The exit code; what went wrong is on stderr."""
        import ray

        try:
            ray.init(address=self._address, log_to_driver=False, logging_level="ERROR")
        except (ConnectionError, ValueError, RuntimeError) as why:
            _tell(f"no Ray cluster answers at {self._address}: {str(why).splitlines()[0]}", _START_HINT)
            return ConfigError.exit_code
        self._head = ray.get_runtime_context().gcs_address
        for number in STOPPING:
            signal.signal(number, noting(self._got))
        kind = ray.remote(num_cpus=_CPUS, max_restarts=_RESTARTS, max_concurrency=3)(RayWorker)
        self._actors = [kind.remote() for _ in range(self._workers)]
        self._placed = {actor.ping.remote(): actor for actor in self._actors}
        self._running = {self._begin(actor): actor for actor in self._actors}
        return self._watch(ray)

    def _begin(self, actor: Any) -> Any:
        return actor.work.remote(self._words, self._variables, str(Path.cwd()))

    def _watch(self, ray: Any) -> int:
        """Until all workers have ended, or those that Ray has no room for are the only ones left."""
        codes: list[int] = []
        began_s, is_placed, stopped_s = time.monotonic(), False, 0.0
        while self._running:
            ready, _ = ray.wait(list(self._running), num_returns=1, timeout=_LOOK_S)
            placed = set(ray.wait(list(self._placed), num_returns=len(self._placed), timeout=0)[0])
            is_placed = is_placed or bool(placed)
            ended = (self._ended(ray, one, self._running.pop(one)) for one in ready)
            codes += [code for code in ended if code is not None]
            if self._got and not stopped_s:
                stopped_s = time.monotonic()
                for actor in self._running.values():
                    actor.stop.remote(self._got[0])
            if stopped_s and time.monotonic() - stopped_s > _DRAINED_S:
                break
            if 0 in codes or stopped_s:
                # All is bought: who was never placed is not needed.
                waiting = {actor for ping, actor in self._placed.items() if ping not in placed}
                self._running = {one: actor for one, actor in self._running.items() if actor not in waiting}
            elif not is_placed and time.monotonic() - began_s > _PLACED_S:
                _tell(
                    f"Ray placed no worker in {_PLACED_S:g} s", f"look at `ray status`: each needs {_CPUS:g} CPUs free"
                )
                return StoppedEarly.exit_code
        if self._got:
            return 128 + self._got[0]
        return 0 if 0 in codes else next((code for code in codes if code > 0), 1)

    def _ended(self, ray: Any, one: Any, actor: Any) -> int | None:
        """The exit code of a worker; None where it was lost and begins again."""
        told, code = "", -1
        try:
            code, told = ray.get(one)
        except ray.exceptions.RayError as why:
            lines = [line for line in _ANSI.sub("", str(why)).splitlines() if line.strip()]
            told = f"error: a worker was lost: {' ... '.join(dict.fromkeys((lines[0], lines[-1])))}\n"
            if not self._has_head(ray):
                _tell("the head of the Ray cluster went away", f"{_START_HINT}; then the same command again goes on")
                return StoppedEarly.exit_code
        if code < 0 and self._restarts and not self._got:
            self._restarts -= 1
            self._running[self._begin(actor)] = actor
            return None
        if code:
            sys.stderr.write(told)
        return int(code) if code >= 0 else StoppedEarly.exit_code

    def _has_head(self, ray: Any) -> bool:
        host, _, port = str(self._head).rpartition(":")
        try:
            socket.create_connection((host, int(port)), timeout=_CONNECT_S).close()
        except (OSError, ValueError):
            return False
        return True


def _tell(told: str, hint: str) -> None:
    sys.stderr.write(f"error: {told}\n  try: {hint}\n")


if __name__ == "__main__":
    # As a module of its package, so that the actor's class is found by its name on other machines.
    from blossom_data.executors.cluster import ray_workers

    sys.exit(ray_workers._Driver(json.loads(sys.argv[1])).run())

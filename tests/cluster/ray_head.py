"""A real Ray cluster of one machine, in processes of its own.

with RayHead() as head:
    head.address        # 127.0.0.1:41231
    head.kill_actor()   # SIGKILL of one of the workers' actors
    head.kill()         # SIGKILL of all of the cluster
"""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path


class RayHead:
    """Two CPUs, 80 MB for objects, no dashboard."""

    def __init__(self) -> None:
        # Ray makes sockets below it, whose paths have to be short.
        self._place = tempfile.TemporaryDirectory(prefix="ray-", dir="/tmp", ignore_cleanup_errors=True)
        with socket.create_server(("127.0.0.1", 0)) as taken:
            port = taken.getsockname()[1]
        self.address = f"127.0.0.1:{port}"
        argv = [sys.executable, "-m", "ray.scripts.scripts", "start", "--head", "--block", f"--port={port}"]
        argv += ["--num-cpus=2", "--object-store-memory=80000000", "--include-dashboard=false"]
        argv += ["--disable-usage-stats", f"--temp-dir={self._place.name}"]
        self._log = Path(self._place.name, "head.log")
        with self._log.open("wb") as log:
            self._child = subprocess.Popen(argv, stdout=log, stderr=log, start_new_session=True)
        until_s = time.monotonic() + 120
        while b"Ray runtime started" not in self._log.read_bytes():
            assert self._child.poll() is None and time.monotonic() < until_s, self._log.read_text()
            time.sleep(0.1)

    def kill_actor(self) -> None:
        raylets = [pid for pid, words in _processes() if self._place.name in words and "/raylet/raylet" in words]
        workers = [pid for pid, words in _processes() if words.startswith("ray::RayWorker") and _parent(pid) in raylets]
        os.kill(workers[0], signal.SIGKILL)

    def kill(self) -> None:
        for pid, words in list(_processes()):
            if self._place.name in words and ("/gcs/gcs_server" in words or "/raylet/raylet" in words):
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)

    def __enter__(self) -> RayHead:
        return self

    def __exit__(self, *_: object) -> None:
        self._child.terminate()
        try:
            self._child.wait(60)
        except subprocess.TimeoutExpired:
            self._child.kill()
        self.kill()
        self._place.cleanup()


def _processes() -> Iterator[tuple[int, str]]:
    for folder in Path("/proc").iterdir():
        if folder.name.isdecimal():
            with contextlib.suppress(OSError):
                yield int(folder.name), (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")


def _parent(pid: int) -> int:
    with contextlib.suppress(OSError):
        return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
    return 0

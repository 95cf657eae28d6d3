"""What benchmarks share: a server of their own, the real command as a child, and what it took.

    with Server(folder, "--err-429", "0.1", latency="50") as server:
        cost = annotate(folder, write_rows(folder, 5_000), server, slots=64)

The server is mockllm, compiled from ../shared where that folder and a compiler are, else tests/loopback.py. With two
cores or more the server has one and the client another.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
MOCK_SOURCE = ROOT / ".." / "shared" / "tools" / "mockllm" / "mockllm.c"
SLOTS = 256
CORES = sorted(os.sched_getaffinity(0))


def say(name: str, text: str) -> None:
    sys.stdout.write(f"{name:<22} {text}\n")
    sys.stdout.flush()


def pinned(core: int) -> Callable[[], None] | None:
    """Keeps a child to one core, where there are two at least."""
    return (lambda: os.sched_setaffinity(0, {CORES[core]})) if len(CORES) > 1 else None


@dataclass(frozen=True, slots=True)
class Cost:
    """What one command took."""

    code: int
    cpu_s: float
    wall_s: float
    kept_waiting_s: float
    """Ready to run while the core was taken."""
    rss_mb: float
    began_s: float
    """In time.monotonic()."""
    out: str


class Server:
    """mockllm or tests/loopback.py in a process of its own."""

    def __init__(self, folder: Path, *options: str, latency: str = "0") -> None:
        self.has_counters = binary() is not None
        if self.has_counters:
            port_file = folder / f"port-{time.monotonic_ns()}"
            argv = [str(binary()), "--port", "0", "--port-file", str(port_file), "--latency", latency, *options]
        else:
            argv = [sys.executable, str(ROOT / "tests" / "loopback.py"), str(float(latency) / 1000)]
        self.child = subprocess.Popen(
            argv,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            preexec_fn=pinned(0),
        )
        if self.has_counters:
            while not (port_file.exists() and port_file.read_text().strip()):
                time.sleep(0.01)
            self.base_url = f"http://127.0.0.1:{port_file.read_text().strip()}/v1"
        else:
            assert self.child.stdout is not None
            self.base_url = self.child.stdout.readline().strip()

    def stats(self) -> dict[str, Any]:
        with urllib.request.urlopen(self.base_url.removesuffix("/v1") + "/stats") as answer:
            found: dict[str, Any] = json.loads(answer.read())
            return found

    def __enter__(self) -> Server:
        return self

    def __exit__(self, *_: object) -> None:
        self.child.kill()
        self.child.wait()


_BINARY: list[Path | None] = []


def binary() -> Path | None:
    """mockllm, compiled once; None without its source or a compiler."""
    if not _BINARY:
        compiler = shutil.which("cc") or shutil.which("gcc")
        target = Path(tempfile.mkdtemp(prefix="engine-bench-")) / "mockllm"
        if compiler and MOCK_SOURCE.is_file():
            subprocess.run([compiler, "-O2", "-o", str(target), str(MOCK_SOURCE), "-lm"], check=True)
            _BINARY.append(target)
        else:
            _BINARY.append(None)
    return _BINARY[0]


def write_rows(folder: Path, rows: int) -> Path:
    """Prompts of about 200 tokens, all different: a sentence, as instructions have it, then words without sense."""
    path = folder / f"in-{rows}.jsonl"
    if not path.exists():
        with path.open("w") as file:
            for row in range(rows):
                text = f"[id:{row}] Say which of these words is the odd one out, and why. " + " ".join(
                    f"word{(row * 7 + word) % 997}" for word in range(150)
                )
                file.write(json.dumps({"messages": [{"role": "user", "content": text}]}) + "\n")
    return path


def run(argv: list[str], *, until: Callable[[], bool] | None = None) -> Cost:
    """Runs a command to its end; with `until`, only up to the moment at which that is true."""
    began_s = time.monotonic()
    child = subprocess.Popen(
        argv, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, preexec_fn=pinned(1), start_new_session=True
    )
    assert child.stdout is not None
    waited_s = 0.0
    while True:
        ended = os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT)
        with contextlib.suppress(OSError, IndexError):
            schedule = Path(f"/proc/{child.pid}/schedstat").read_text().split()
            waited_s = int(schedule[1]) / 1e9
        if ended is not None:
            break
        if until is not None and until():
            os.killpg(child.pid, signal.SIGKILL)
            break
        time.sleep(0.02)
    out = child.stdout.read().decode()
    _, status, used = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    return Cost(
        child.returncode,
        used.ru_utime + used.ru_stime,
        time.monotonic() - began_s,
        waited_s,
        used.ru_maxrss / 1024,
        began_s,
        out,
    )


def annotate(folder: Path, rows: Path, server: Server, *, slots: int = SLOTS, fresh: bool = True, **how: Any) -> Cost:
    """`blossom-data annotate` with a ledger, as a user runs it."""
    if fresh:
        shutil.rmtree(folder / "out", ignore_errors=True)
        for old in folder.glob("ledger.sqlite*"):
            old.unlink()
    argv = [sys.executable, "-m", "blossom_data", "annotate", str(rows), "-o", str(folder / "out")]
    argv += ["--ledger", str(folder / "ledger.sqlite"), "--base-url", server.base_url, "--model", "m"]
    return run([*argv, "--max-in-flight", str(slots), "-q"], **how)


def bare(rows: Path, server: Server) -> Cost:
    return run([sys.executable, str(ROOT / "benchmarks" / "bare_loop.py"), server.base_url, str(rows), str(SLOTS)])


def span_s(server: Server) -> float:
    stats = server.stats()
    return float(stats["last_answer_mono"] - stats["first_request_mono"])


def kept_off(cost: Cost) -> str:
    return f"kept off its core for {cost.kept_waiting_s / cost.wall_s:.0%} of the time"

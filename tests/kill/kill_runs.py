"""Runs that are killed: inputs, an endpoint that answers them, the commands, and what a result must look like.

sums.jsonl   {"question": "Tom has 3 apples and buys 2 more. ...", "answer": "He has #### 5"}    (a pipeline)
in.jsonl     {"messages": [{"role": "user", "content": "What is item 0?"}]}                     (annotate)
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import forked
from command import user, write_lines
from loopback import Loopback, LoopbackRequest

from blossom_data.rows import read_records

IN_FLIGHT = 16
MAIN = "\nfrom blossom_data.cli.app import main\nmain()"
SHARD = 250
PIPELINE = f"""
name = "sums"
out = "out"
ledger = "ledger.sqlite"
shard_records = 100
[endpoint]
max_in_flight = {IN_FLIGHT}
structured = "off"
[[source]]
kind = "gsm8k"
path = "sums.jsonl"
stages = ["translate", "annotate", "verify-math"]
licence = "MIT"
[stage.verify-math]
resample = 1
"""


def questions(folder: Path, count: int) -> Path:
    """`count` questions for annotate."""
    return write_lines(folder / "in.jsonl", (user(f"What is item {n}?") for n in range(count)))


def sums(folder: Path, count: int) -> Path:
    """`count` word problems, and the pipeline that works on them; gives its file."""
    rows = (
        {
            "question": f"Tom has {n + 3} apples and buys {n % 7 + 2} more. How many apples does he have now?",
            "answer": f"He has #### {n + 3 + n % 7 + 2}",
        }
        for n in range(count)
    )
    write_lines(folder / "sums.jsonl", rows)
    (folder / "sums.toml").write_text(PIPELINE)
    return folder / "sums.toml"


def respond(request: LoopbackRequest) -> str:
    """Answers everything: questions by a digest, translations by protocol, sums rightly but for one in fifty."""
    if request.text.startswith("{"):
        return _translate(json.loads(request.text))
    numbers = [int(number) for number in re.findall(r"\d+", request.text)]
    if "汤姆" not in request.text:
        return f"The answer is {hashlib.sha256(request.text.encode()).hexdigest()}."
    total = sum(numbers[:2]) + (numbers[0] % 50 == 0)
    return f"汤姆先有 {numbers[0]} 个苹果，又买了 {numbers[1]} 个，一共有 {total} 个。\n\n答案是 {total}。"


def _translate(document: dict[str, Any]) -> str:
    segments = []
    for segment in document["segments"]:
        first, second = re.findall(r"\d+", segment["text"])
        text = f"汤姆有{first}个苹果，又买了{second}个。他现在一共有多少个苹果？"
        segments.append({"id": segment["id"], "head": " ".join(segment["text"].split()[:3]), "text": text})
    return json.dumps({"nonce": document["nonce"], "n": document["n"], "segments": segments})


def cli(*arguments: object, bootstrap: str = "") -> list[str]:
    """The command line of `blossom-data ARGUMENTS`, after the Python code `bootstrap` in the same process."""
    start = ["-c", bootstrap + MAIN] if bootstrap else ["-m", "blossom_data"]
    return [sys.executable, *start, *map(str, arguments)]


def annotate(server: Loopback, out: str = "out", *more: object, bootstrap: str = "") -> list[str]:
    """The command that annotates in.jsonl."""
    flags = ("--base-url", server.base_url, "--model", "m", "--max-in-flight", IN_FLIGHT, "--shard-records", SHARD)
    ledger = ("--ledger", "ledger.sqlite")
    return cli("annotate", "in.jsonl", "-o", out, *flags, *ledger, "--json", *more, bootstrap=bootstrap)


def pipeline(server: Loopback, out: str = "out", *more: object) -> list[str]:
    """The command that runs the pipeline of `sums`."""
    return cli("run", "sums.toml", "-o", out, "--base-url", server.base_url, "--model", "m", "--json", *more)


def environment(**more: str) -> dict[str, str]:
    """The caller's environment without endpoint settings."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("BLOSSOM_", "OPENAI_"))}
    return {**clean, **more}


def start(command: list[str], folder: Path, **more: Any) -> Any:
    """The command while it runs: forked where nothing speaks against it, else a process of its own; like a Popen."""
    if command[0] == sys.executable and more.keys() <= {"env", "stdin"}:
        setup = command[2].removesuffix(MAIN) if command[1] == "-c" else ""
        return forked.start(*command[3:], cwd=folder, setup=setup, **{"env": environment(), **more})
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "stdin": subprocess.DEVNULL, "text": True}
    return subprocess.Popen(command, cwd=folder, **{"env": environment(), **pipes, **more})


def finish(command: list[str], folder: Path, **more: Any) -> Done:
    """Runs `command` to its end."""
    child = start(command, folder, **more)
    out, err = child.communicate(timeout=300)
    return Done(child.returncode, out or "", err or "")


class Done:
    """Exit code, stdout and stderr of a command that ended."""

    def __init__(self, code: int, out: str, err: str) -> None:
        self.code, self.out, self.err = code, out, err

    @property
    def json(self) -> dict[str, Any]:
        """The last line of stdout."""
        value = json.loads(self.out.splitlines()[-1])
        assert isinstance(value, dict)
        return value

    def __repr__(self) -> str:
        return f"exit {self.code}\n--- stdout\n{self.out}\n--- stderr\n{self.err}"


def wait_for(condition: Callable[[], object], child: Any, most_s: float = 100.0) -> None:
    """Waits until `condition` holds, or the child has ended."""
    until_s = time.monotonic() + most_s
    while not condition() and child.poll() is None and time.monotonic() < until_s:
        time.sleep(0.002)


def kill(child: Any, number: signal.Signals = signal.SIGKILL) -> bool:
    """Sends a signal and waits for the end; whether the signal was what ended it."""
    child.send_signal(number)
    child.communicate()
    return child.returncode == -number


def shards(out: Path) -> dict[str, str]:
    """The digests of a data set's shards and rejects, by name."""
    return {
        str(file.relative_to(out)): hashlib.sha256(file.read_bytes()).hexdigest()
        for file in sorted(out.rglob("part-*"))
        if ".building" not in file.parts
    }


def is_whole(out: Path) -> int:
    """The records of a finished data set, all of whose shards are what the manifest says."""
    assert not (out / ".building").exists()
    return sum(1 for _ in read_records(out))

"""Ctrl-C at the worst moments before and in a command: no traceback, exit 130, nothing half done."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest
from command import user, write_lines


@pytest.mark.parametrize(
    "moment",
    ["blossom_data.cli.app", "typer.core", "blossom_data.mix.plan", "zstandard", "blossom_data.mix.card"],
)
def test_ctrl_c_while_modules_are_imported_leaves_without_a_traceback(tmp_path: Path, moment: str) -> None:
    rows = write_lines(tmp_path / "in.jsonl", (user(f"Question {number}?") for number in range(3)))
    script = (
        "import builtins, os, signal, sys\n"
        "import_ = builtins.__import__\n"
        "def interrupted(name, *rest, **named):\n"
        f"    name == {moment!r} and os.kill(os.getpid(), signal.SIGINT)\n"
        "    return import_(name, *rest, **named)\n"
        "builtins.__import__ = interrupted\n"
        "from blossom_data.__main__ import main\n"
        "main()\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, "mix", str(rows), "-o", "out"], cwd=tmp_path, capture_output=True, text=True
    )
    assert done.returncode == 130, done
    assert "Traceback" not in done.stderr
    assert [entry.name for entry in tmp_path.iterdir()] == ["in.jsonl"]


def test_ctrl_c_in_a_command_that_asks_nobody_is_told_and_leaves_nothing(tmp_path: Path) -> None:
    script = (
        "import os, signal, sys\n"
        "from blossom_data.mix import write\n"
        "write._require_readable = lambda *_: os.kill(os.getpid(), signal.SIGINT)\n"
        "from blossom_data.__main__ import main\n"
        "main()\n"
    )
    turns = [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello"}]
    rows = write_lines(tmp_path / "in.jsonl", [{"messages": turns}])
    done = subprocess.run(
        [sys.executable, "-c", script, "mix", str(rows), "-o", "deep/out"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 128 + signal.SIGINT
    assert done.stderr == "error: stopped by SIGINT\n  try: run the same command again to go on\n"
    assert [entry.name for entry in tmp_path.iterdir()] == ["in.jsonl"]

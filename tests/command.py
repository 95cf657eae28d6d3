"""Runs the real command in a process of its own, as a user would."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from blossom_data.rows import Row, read_rows


def blossom(*arguments: object, cwd: Path, env: dict[str, str] | None = None, stdin: bytes = b"") -> Result:
    """`blossom-data ARGUMENTS` in `cwd`, without the caller's endpoint settings."""
    done = subprocess.run(
        [sys.executable, "-m", "blossom_data", *map(str, arguments)],
        cwd=cwd,
        env={**clean_environment(), **(env or {})},
        input=stdin,
        capture_output=True,
        check=False,
        timeout=300,  # a loaded machine imports torch in a minute
    )
    return Result(done.returncode, done.stdout.decode(), done.stderr.decode())


def clean_environment() -> dict[str, str]:
    """The caller's environment without endpoint settings."""
    return {name: value for name, value in os.environ.items() if not name.startswith(("BLOSSOM_", "OPENAI_"))}


class Result:
    """Exit code, stdout and stderr of a command."""

    def __init__(self, code: int, out: str, err: str) -> None:
        self.code, self.out, self.err = code, out, err

    @property
    def json(self) -> dict[str, Any]:
        """stdout, which must be one JSON object."""
        value = json.loads(self.out)
        assert isinstance(value, dict)
        return value

    def __repr__(self) -> str:
        return f"exit {self.code}\n--- stdout\n{self.out}\n--- stderr\n{self.err}"


def write_lines(path: Path, rows: Iterable[dict[str, Any]]) -> Path:
    """JSON lines at `path`."""
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")
    return path


def values(dataset: Path) -> list[dict[str, Any]]:
    """The rows of a data set folder."""
    return [row.value for row in read_rows(dataset) if isinstance(row, Row)]


def user(text: str, **further: Any) -> dict[str, Any]:
    """A row with one user turn."""
    return {"messages": [{"role": "user", "content": text}], **further}

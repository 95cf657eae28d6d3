"""The folder of each refresh: a log while it runs, a result at its end, and only so many of them.

    .blossom/logs/math/000007-2026-01-31T030000Z/log.jsonl      {"at": "...", "event": "progress", "kept": 812, ...}
    .blossom/logs/math/000007-2026-01-31T030000Z/result.json    written whole, before the exit
    .blossom/logs/math/last -> 000007-2026-01-31T030000Z        the last run that has a result

The number counts up, so runs sort in their order whatever the clock says. Only owner and root can read them.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import threading
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson

from blossom_data.counters import Counters
from blossom_data.errors import BlossomError, ConfigError, system_hint
from blossom_data.shards import steerless, write_atomic

RESULT, LOG, LAST = "result.json", "log.jsonl", "last"
PROGRESS_S = 60.0
_RUN = re.compile(r"\d{6,}-\d{4}-\d{2}-\d{2}T\d{6}Z")
_PRIVATE_FOLDER, _PRIVATE_FILE = 0o700, 0o600


class RunLog:
    """The folder of one run; begin it under the lock of the refresh.

    Raises:
        ConfigError: the folder of the logs is a link, or cannot be written.
    """

    def __init__(self, logs: Path, name: str) -> None:
        self.home = logs / name
        if self.home.is_symlink():
            raise ConfigError(f"{self.home} is a link, not a folder", hint="take it away, or set logs in [refresh]")
        try:
            self.home.mkdir(parents=True, exist_ok=True, mode=_PRIVATE_FOLDER)
            runs = run_names(self.home)
            number = 1 + (int(runs[-1].split("-")[0]) if runs else 0)
            self.name = f"{number:06}-{datetime.now(UTC):%Y-%m-%dT%H%M%SZ}"
            self.folder = self.home / self.name
            self.folder.mkdir(mode=_PRIVATE_FOLDER)
            self._file = os.open(self.folder / LOG, os.O_WRONLY | os.O_CREAT | os.O_APPEND, _PRIVATE_FILE)
        except OSError as why:
            raise ConfigError(
                f"cannot write logs to {self.home}: {why.strerror}", hint="set logs in [refresh]"
            ) from why

    def note(self, event: str, **facts: Any) -> None:
        """Adds a line to the log; a log that cannot be written stops nothing."""
        line = {"at": datetime.now(UTC).isoformat(timespec="seconds"), "event": event, **facts}
        with contextlib.suppress(OSError):
            os.write(self._file, _json(line))

    @contextlib.contextmanager
    def watching(self, counters: Counters) -> Iterator[None]:
        """Notes the counts every PROGRESS_S seconds while the block lasts."""
        over = threading.Event()

        def watch() -> None:
            while not over.wait(PROGRESS_S):
                self.note("progress", **told_counts(counters))

        thread = threading.Thread(target=watch, name="run-log", daemon=True)
        thread.start()
        try:
            yield
        finally:
            over.set()
            thread.join()

    def finish(self, result: Mapping[str, Any], *, keep: int) -> None:
        """Writes the result, points `last` at it, and takes the oldest runs away.

        Raises:
            BlossomError: the result cannot be written.
        """
        self.note("end", exit_code=result["exit_code"], outcome=result["outcome"])
        write_atomic(self.folder / RESULT, _json(dict(result), indent=2))
        try:
            (self.folder / RESULT).chmod(_PRIVATE_FILE)
            link = self.home / f".{LAST}-{os.getpid()}"
            link.unlink(missing_ok=True)
            link.symlink_to(self.name)
            link.replace(self.home / LAST)
            for old in run_names(self.home)[:-keep]:
                shutil.rmtree(self.home / old)
        except OSError as why:
            told = f"cannot put the logs in {self.home} in order: {why.strerror}"
            raise BlossomError(told, hint=system_hint(why)) from why

    def close(self) -> None:
        os.close(self._file)


def _json(value: dict[str, Any], *, indent: int | None = None) -> bytes:
    """`value` as JSON that may be looked at in a terminal; "?" for each byte of a file name that is not UTF-8."""
    text = json.dumps(value, ensure_ascii=False, indent=indent, default=str).encode("utf-8", "replace").decode()
    return f"{steerless(text)}\n".encode()


def run_names(home: Path) -> list[str]:
    """The runs that have a folder in `home`, oldest first."""
    if not home.is_dir():
        return []
    found = [entry.name for entry in home.iterdir() if _RUN.fullmatch(entry.name) and not entry.is_symlink()]
    return sorted(found, key=lambda name: (int(name.split("-")[0]), name))


def last_result(home: Path) -> dict[str, Any] | None:
    """The result of the last run, None where there is none that can be read."""
    try:
        value = orjson.loads((home / LAST / RESULT).read_bytes())
    except (OSError, ValueError):
        return None
    return value if isinstance(value, dict) else None


def told_counts(counters: Counters) -> dict[str, Any]:
    """The counts of a log line."""
    return {
        "read": counters.read,
        "kept": counters.kept,
        "rejected": counters.rejected.total(),
        "failed": counters.failed.total(),
        "calls": counters.calls,
        "replayed": counters.replayed,
        "cost_usd": None if counters.unpriced_calls else round(counters.cost_usd, 6),
    }

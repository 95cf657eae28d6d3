"""What a run measures, as JSON lines and for TensorBoard.

    {"kind": "train", "step": 120, "stage": "instruct", "epoch": 0, "loss": 1.284, "learning_rate": 1.9e-05,
     "grad_norm": 0.71, "tokens": 983040, "tokens_per_s": 41803.2, "supervised_per_s": 25121.7, "fill": 0.9993,
     "memory_gib": 61.2, "mfu": 0.437, "executed_utilisation": 0.389}
    {"kind": "eval", "step": 500, "stage": "instruct", "loss": 1.301, "supervised": 20113}

A run that goes on from a checkpoint takes away the lines of steps that it does again.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import orjson

from blossom_data.errors import BlossomError
from blossom_data.shards import write_atomic
from blossom_data.train.loop.tensorboard import open_board
from blossom_data.train.loop.trackers import Trackers
from blossom_data.train.model.folders import SPACE_HINT

FILE, SAMPLES = "metrics.jsonl", "samples.jsonl"


def read_metrics(out: Path) -> list[dict[str, Any]]:
    """The lines of a run's metrics; one that a kill cut off is passed over."""
    return read_lines(out / FILE)


def read_lines(path: Path) -> list[dict[str, Any]]:
    """The JSON objects of a file of lines; a line that a kill cut off is passed over, as is a missing file."""
    try:
        lines = path.read_bytes().splitlines()
    except OSError:
        return []
    found = []
    for line in lines:
        try:
            value = orjson.loads(line)
        except ValueError:
            continue
        if isinstance(value, dict):
            found.append(value)
    return found


def drop_lines(path: Path, *, after: int) -> None:
    """Takes the lines of steps later than `after` out of a file of lines."""
    kept = [line for line in read_lines(path) if line.get("step", 0) <= after]
    write_atomic(path, b"".join(orjson.dumps(line, option=orjson.OPT_APPEND_NEWLINE) for line in kept), hint=SPACE_HINT)


def append_line(path: Path, value: dict[str, Any]) -> None:
    """Appends one line to a file of lines.

    Raises:
        BlossomError: the disk is full.
    """
    try:
        with path.open("ab") as file:
            file.write(orjson.dumps(value, option=orjson.OPT_APPEND_NEWLINE))
    except OSError as why:
        raise cannot_write(path, why) from why


class Metrics:
    """Appends to the metrics of the run in `out`; only the first process makes one.

    Raises:
        BlossomError: the disk is full or broken.
    """

    def __init__(self, out: Path, *, after: int, trackers: Trackers | None = None) -> None:
        self._trackers = trackers
        self._path, self._folder = out / FILE, out / "tensorboard"
        drop_lines(self._path, after=after)
        try:
            self._board = open_board(self._folder, after=after)
        except OSError as why:
            raise cannot_write(self._folder, why) from why

    def has(self, kind: str, step: int) -> bool:
        """Whether there is a line of this kind and step."""
        return any((line.get("kind"), line.get("step")) == (kind, step) for line in read_metrics(self._path.parent))

    def write(self, kind: str, step: int, values: dict[str, Any]) -> None:
        """Appends one line."""
        append_line(self._path, {"kind": kind, "step": step, **values})
        if self._trackers is not None:
            self._trackers.write(kind, step, values)
        if self._board is not None:
            try:
                self._board.write(kind, step, values)
            except OSError as why:
                raise cannot_write(self._folder, why) from why

    def close(self) -> None:
        """Closes the files; nothing is held back."""
        if self._board is not None:
            self._board.close()
        if self._trackers is not None:
            self._trackers.close()


def cannot_write(path: Path, why: OSError) -> BlossomError:
    """The error of a disk that is full or broken."""
    return BlossomError(f"cannot write {path}: {why.strerror}", hint=SPACE_HINT)

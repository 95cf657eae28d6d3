"""What a run measures, as JSON lines and for TensorBoard.

    {"kind": "train", "step": 120, "stage": "instruct", "epoch": 0, "loss": 1.284, "learning_rate": 1.9e-05,
     "grad_norm": 0.71, "tokens": 983040, "tokens_per_s": 41803.2, "supervised_per_s": 25121.7, "fill": 0.9993}
    {"kind": "eval", "step": 500, "stage": "instruct", "loss": 1.301, "supervised": 20113}

A run that goes on from a checkpoint takes away the lines of steps that it does again.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import orjson

from blossom_data.errors import BlossomError
from blossom_data.shards import write_atomic

FILE = "metrics.jsonl"


def read_metrics(out: Path) -> list[dict[str, Any]]:
    """The lines of a run's metrics; one that a kill cut off is passed over."""
    try:
        lines = (out / FILE).read_bytes().splitlines()
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


class Metrics:
    """Appends to the metrics of the run in `out`; only the first process makes one."""

    def __init__(self, out: Path, *, after: int) -> None:
        self._path = out / FILE
        kept = [line for line in read_metrics(out) if line.get("step", 0) <= after]
        write_atomic(self._path, b"".join(orjson.dumps(line, option=orjson.OPT_APPEND_NEWLINE) for line in kept))
        self._board = _tensorboard(out, after)

    def write(self, kind: str, step: int, values: dict[str, Any]) -> None:
        """Appends one line."""
        line = orjson.dumps({"kind": kind, "step": step, **values}, option=orjson.OPT_APPEND_NEWLINE)
        try:
            with self._path.open("ab") as file:
                file.write(line)
        except OSError as why:
            raise BlossomError(
                f"cannot write {self._path}: {why.strerror}", hint="free some space and run the same command again"
            ) from why
        if self._board is not None:
            for name, value in values.items():
                if isinstance(value, int | float):
                    self._board.add_scalar(f"{kind}/{name}", value, step)

    def close(self) -> None:
        """Writes what TensorBoard's writer still holds."""
        if self._board is not None:
            self._board.close()


def _tensorboard(out: Path, after: int) -> Any:
    """TensorBoard's writer, or None where it is not installed."""
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError:
        return None
    return SummaryWriter(str(out / "tensorboard"), purge_step=after + 1)

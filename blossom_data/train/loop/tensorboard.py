"""Numbers for TensorBoard: an event file that is written line by line with metrics.jsonl, and says the same.

    board = open_board(Path("runs/a/tensorboard"), after=120)
    board.write("train", 121, {"loss": 1.284, "stage": "instruct"})      train/loss; texts are left out

TensorBoard's own writer keeps events back in a thread of its own: a kill would lose what metrics.jsonl has, and a full
disk would be told by that thread. Every start writes a file of its own, which takes back what later steps said before.
"""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any


def open_board(folder: Path, *, after: int) -> Board | None:
    """The board in `folder`, whose steps later than `after` are done again; None where tensorboard is not installed.

    Raises:
        OSError: the folder cannot be written.
    """
    try:
        from tensorboard.compat.proto import event_pb2
        from tensorboard.summary.writer.record_writer import RecordWriter
    except ImportError:
        return None
    folder.mkdir(exist_ok=True)
    name = f"events.out.tfevents.{time.time_ns() // 10**9:010d}.{socket.gethostname()}.{os.getpid()}.{after}"
    return Board(RecordWriter((folder / name).open("ab", buffering=0)), event_pb2.Event, after)


class Board:
    """An event file; `writer` frames its records, `event` makes an Event of TensorBoard's protocol."""

    def __init__(self, writer: Any, event: Any, after: int) -> None:
        self._writer, self._event = writer, event
        self._put(file_version="brain.Event:2")
        # 1 is SessionLog.START: readers drop what other files say of this step and later ones.
        self._put(step=after + 1, session_log={"status": 1})

    def write(self, kind: str, step: int, values: Mapping[str, Any]) -> None:
        """Adds the numbers among `values`.

        Raises:
            OSError: the disk is full or broken.
        """
        numbers = {name: value for name, value in values.items() if isinstance(value, int | float)}
        found = [{"tag": f"{kind}/{name}", "simple_value": value} for name, value in numbers.items()]
        self._put(step=step, summary={"value": found})

    def close(self) -> None:
        """Closes the file; nothing is held back."""
        self._writer.close()

    def _put(self, **fields: Any) -> None:
        self._writer.write(self._event(wall_time=time.time(), **fields).SerializeToString())

"""Rows as tensors: what one forward pass takes.

batch = make_batch([rows.row(0), rows.row(1)], pad_id=0, width=2048, device=torch.device("cpu"))
batch.ids        int64 [2, 2048]   documents, then padding, which is a document of its own
batch.places     int64 [n]         positions, rows laid end to end, whose next token is supervised
batch.targets    int64 [n]         those tokens
batch.counts     (412, 97, ...)    how many of them each document has
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from blossom_data.train.data.store import PackedRow
from blossom_data.train.model.attention import Layout
from blossom_data.train.model.preference import Preference


@dataclass(frozen=True, slots=True)
class Batch:
    """The rows of one forward pass on one device."""

    ids: Tensor
    positions: Tensor
    places: Tensor
    targets: Tensor
    layout: Layout
    counts: tuple[int, ...]
    preference: Preference | None = None
    """How the documents are judged where they are preference pairs."""


def make_batch(rows: Sequence[PackedRow], *, pad_id: int, width: int, device: torch.device, least: int = 1) -> Batch:
    """`rows` padded to `width` tokens, and to `least` rows, of which the further ones teach nothing."""
    count = max(1, least, len(rows))
    ids = np.full((count, width), pad_id, dtype=np.int64)
    positions = np.zeros((count, width), dtype=np.int64)
    places, starts, counts = [], [[0] for _ in range(count)], list[int]()
    for number, row in enumerate(rows):
        length = len(row.ids)
        ids[number, :length] = row.ids
        begins = [*row.starts.tolist(), *([length] if length < width else [])]
        starts[number] = begins
        ends = np.array([*begins[1:], width])
        positions[number] = np.arange(width) - np.repeat(begins, ends - begins)
        learnt = row.supervised.copy()
        # The first token of a document follows the last of another, which must not predict it.
        learnt[row.starts] = False
        places.append(np.flatnonzero(learnt) - 1 + number * width)
        counts += np.add.reduceat(learnt, row.starts, dtype=np.int64).tolist()
    at = np.concatenate(places) if places else np.zeros(0, dtype=np.int64)
    return Batch(
        _tensor(ids, device),
        _tensor(positions, device),
        _tensor(at, device),
        _tensor(ids.reshape(-1)[at + 1], device),
        Layout.of(starts, width, device),
        tuple(counts),
    )


def width_of(rows: Sequence[PackedRow], seq_len: int, device: torch.device) -> int:
    """Tokens that rows are padded to: always the same on CUDA, where shapes decide kernels; else as few as possible."""
    if device.type == "cuda":
        return seq_len
    return max((len(row.ids) for row in rows), default=2)


def _tensor(numbers: NDArray[np.int64], device: torch.device) -> Tensor:
    tensor = torch.from_numpy(numbers)
    # From pinned memory the copy runs beside what the device still computes.
    return tensor.pin_memory().to(device, non_blocking=True) if device.type == "cuda" else tensor

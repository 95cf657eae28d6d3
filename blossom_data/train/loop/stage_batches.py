"""The batches of one stage: rows as tensors, and where preferences are learnt, what they are judged by.

    batches.begin(draw, first_epoch, is_begun=False)     computes or reads the reference of a preference stage
    batches.of(table, range(0, 4))                       a Batch
    batches.drift(table, rows)                           of judged replies: how far the model is from the reference

A unit of judged replies is two documents: the reply, and another one's reply to the same prompt. The first is learnt
from; the second only tells, for all replies of a step, how far the model has gone from the reference.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from blossom_data.errors import Interrupted
from blossom_data.train.data.data_order import EpochRows, StageDraw
from blossom_data.train.data.store import PackedRow
from blossom_data.train.loop.reference import Reference, ReferenceFile, find_reference
from blossom_data.train.model.batches import Batch, make_batch, width_of
from blossom_data.train.model.preference import Preference
from blossom_data.train.parallel.adapter import Adapter
from blossom_data.train.parallel.processes import Group
from blossom_data.train.recipe.preferences import Preferring
from blossom_data.train.recipe.recipe import Recipe

_REPLIES, _OTHERS = slice(0, None, 2), slice(1, None, 2)


class StageBatches:
    """Makes the batches of the stage that was begun last.

    Args:
        about: what a checkpoint says of its run.
        stop: gives the number of the signal that asks the run to end, or 0.
    """

    def __init__(
        self,
        recipe: Recipe,
        adapter: Adapter,
        group: Group,
        *,
        out: Path,
        pad_id: int,
        about: Mapping[str, Any],
        tell: Callable[[str], None],
        stop: Callable[[], int],
    ) -> None:
        self._recipe, self._adapter, self._group, self._out = recipe, adapter, group, out
        self._pad_id, self._about, self._tell, self._stop = pad_id, about, tell, stop
        self._reference: Reference | None = None
        self._preference: Preferring | None = None
        self._seq_len = recipe.seq_len

    def begin(self, draw: StageDraw, epoch: EpochRows, *, is_begun: bool) -> None:
        """Takes up a stage; every process must call it.

        Args:
            epoch: rows that hold each document that is trained on.
            is_begun: steps of the stage are done.

        Raises:
            Interrupted: a signal asked the run to end; no step of the stage was done.
        """
        self._preference, self._reference, self._seq_len = draw.recipe.preference, None, draw.seq_len
        if self._preference is None or not self._preference.has_reference:
            return
        kept = ReferenceFile(self._out, draw.index, self._about)
        unit = draw.recipe.unit
        self._tell(f"stage {draw.recipe.name}: reference of {len(draw.documents):,} {unit} in {kept.folder}")
        self._adapter.model.eval()
        self._reference = find_reference(
            draw,
            epoch,
            kept,
            is_begun=is_begun,
            group=self._group,
            micro_batch=self._recipe.micro_batch,
            log_probs=self._log_probs,
        )
        self._adapter.model.train()

    def of(self, table: EpochRows, numbers: range, drift: Tensor | None = None) -> Batch:
        """The rows `numbers` of `table`, and how they are judged.

        Args:
            drift: of judged replies, that of the whole step.
        """
        part = _REPLIES if drift is not None else slice(None)
        batch = self._plain(table, numbers, part)
        if self._preference is None:
            return batch
        given = Preference(self._preference, batch.counts, kl=drift)
        if self._reference is not None:
            given = replace(given, reference=self._reference.of(table, numbers, part))
        if drift is not None:
            labels = torch.from_numpy(table.labels(numbers)).to(self._group.device)
            given = replace(given, labels=labels)
        return replace(batch, preference=given)

    def drift(self, table: EpochRows, rows: range) -> Tensor | None:
        """float64 scalar: how far the model is from the reference, over judged replies; None of other stages."""
        if self._reference is None or not table.documents.is_labelled:
            return None
        micro, world, rank = self._recipe.micro_batch, self._group.world, self._group.rank
        total = torch.zeros((), dtype=torch.float64, device=self._group.device)
        is_training = self._adapter.model.training
        self._adapter.model.eval()
        for start in range(rows.start, rows.stop, micro * world):
            first = min(start + rank * micro, rows.stop)
            mine = range(first, min(first + micro, rows.stop))
            batch = self._plain(table, mine, _OTHERS)
            log_probs = self._adapter.evaluate(replace(batch, preference=Preference(None, batch.counts)))
            if len(mine):
                total += (log_probs - self._reference.of(table, mine, _OTHERS)).sum()
        self._adapter.model.train(is_training)
        return (self._group.sum(total) / len(table.places(rows.start, rows.stop))).clamp(min=0)

    def _log_probs(self, table: EpochRows, rows: range) -> Tensor:
        if self._group.any(bool(self._stop())):
            raise Interrupted("stopped before the stage began", signal_number=self._stop() or 15)
        batch = self._plain(table, rows, slice(None))
        return self._adapter.evaluate(replace(batch, preference=Preference(None, batch.counts)))

    def _plain(self, table: EpochRows, numbers: range, part: slice) -> Batch:
        rows = [_documents(table.row(number), part) for number in numbers]
        device = self._group.device
        # The same shape for the last rows of an epoch: another one would be compiled anew.
        least = self._recipe.micro_batch if device.type == "cuda" else 1
        width = width_of(rows, self._seq_len, device)
        return make_batch(rows, pad_id=self._pad_id, width=width, device=device, least=least)


def _documents(row: PackedRow, part: slice) -> PackedRow:
    return row if part == slice(None) else row.only(range(len(row.starts))[part])

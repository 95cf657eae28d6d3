"""What the model says while it is trained: prompts of held-out documents, continued at every evaluation.

    OUT/samples.jsonl
    {"step": 500, "stage": "chat", "document": "9f2c...", "prompt": "<|im_start|>user\\nWhat is 6 times 7? ...",
     "reply": "42.", "reference": "It is 42.", "stopped": true, "tokens": 3}

Replies are greedy: the same weights say the same. No random number is drawn and no weight touched, so training does
not notice. A run that goes on from a checkpoint takes away what later steps said.
"""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from blossom_data.train.data.data_order import StageDraw
from blossom_data.train.data.store import PackedRow
from blossom_data.train.loop.metrics import SAMPLES, append_line, drop_lines
from blossom_data.train.model.generate import continued, likeliest
from blossom_data.train.model.loss_model import LossModel
from blossom_data.train.parallel.processes import Group
from blossom_data.train.recipe.recipe import Recipe
from blossom_data.train.template.tokens import load_tokenizer


class Samples:
    """The replies of one run; every process makes one."""

    def __init__(self, recipe: Recipe, out: Path, group: Group, *, stop_ids: Collection[int], after: int) -> None:
        self._recipe, self._path, self._group, self._stop_ids = recipe, out / SAMPLES, group, frozenset(stop_ids)
        # Where the weights are spread over the processes, none can compute alone.
        self._is_together = recipe.deepspeed is not None and recipe.deepspeed.stage == 3
        if group.is_first:
            drop_lines(self._path, after=after)
            self._tokenizer = load_tokenizer(recipe.base_model)

    def take(self, model: LossModel, draw: StageDraw, step: int) -> None:
        """Appends the model's replies after `step`; every process must call it, the model in evaluation mode."""
        if self._group.is_first or self._is_together:
            with model.attention.set_aside(model.network), torch.compiler.set_stance("force_eager"):
                for row in draw.samples(self._recipe.samples):
                    self._take(model, row, draw.recipe.name, step)
        self._group.barrier()

    def _take(self, model: LossModel, row: PackedRow, stage: str, step: int) -> None:
        begin, end = last_reply(row)
        if not begin:
            # Nothing stands before the reply that it could be asked for with.
            return
        budget = min(self._recipe.sample_tokens, self._recipe.seq_len - begin)
        said = list(
            continued(
                model.network, row.ids[:begin].tolist(), budget=budget, stop_ids=self._stop_ids, choose=self._choose
            )
        )
        if not self._group.is_first:
            return
        is_stopped = said[-1] in self._stop_ids
        told = {
            "step": step,
            "stage": stage,
            "document": row.doc_hashes[0],
            "prompt": self._tokenizer.decode(row.ids[:begin]),
            "reply": self._tokenizer.decode(said[:-1] if is_stopped else said),
            "reference": self._tokenizer.decode([token for token in row.ids[begin:end] if token not in self._stop_ids]),
            "stopped": is_stopped,
            "tokens": len(said),
        }
        append_line(self._path, told)

    def _choose(self, logits: Tensor) -> int:
        """The likeliest token; where all processes compute, that of the first: they must stay together."""
        token = likeliest(logits)
        if not self._is_together:
            return token
        return int(self._group.sum(torch.tensor(token if self._group.is_first else 0)))


def last_reply(row: PackedRow) -> tuple[int, int]:
    """Where the last supervised run of a document begins and ends."""
    edges = np.diff(np.concatenate([[0], row.supervised.astype(np.int8), [0]]))
    return int(np.flatnonzero(edges == 1)[-1]), int(np.flatnonzero(edges == -1)[-1])

"""The best evaluation of a stage: its weights in RUN/best, and the end of a stage that gets no better.

    RUN/best/model/         weights, or adapters, as in a checkpoint: train export RUN/best -o models/best
    RUN/best/manifest.json  {"kind": "checkpoint", "position": ..., "evaluation": {"stage": "chat", "loss": 0.913}, ...}

What decides is the loss of the held-out documents, or where the run was given a scorer its score; it is read from the
run's metrics, so a run that goes on decides as one that was never stopped.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import torch

from blossom_data.train.loop.metrics import read_metrics
from blossom_data.train.model.loss_model import LossModel
from blossom_data.train.parallel.adapter import Adapter
from blossom_data.train.parallel.checkpoint import Position, save_best
from blossom_data.train.parallel.processes import Group
from blossom_data.train.recipe.recipe import Recipe

Scorer = Callable[[Any, Any], float]
"""Given the network (of transformers, adapters in it) and the tokenizer, a score: higher is better."""


@runtime_checkable
class SharedScorer(Protocol):
    """A scorer whose work the processes of a run share."""

    def right(self, network: Any, tokenizer: Any, *, rank: int, world: int) -> Any:
        """What process `rank` finds."""

    def value(self, shares: Sequence[Any]) -> float:
        """The score of what all found."""


class Best:
    """Compares the evaluations of the stages of one run; every process makes one."""

    def __init__(self, recipe: Recipe, out: Path, group: Group, about: Mapping[str, Any]) -> None:
        self._recipe, self._out, self._group, self._about = recipe, out, group, about

    def take(self, adapter: Adapter, position: Position, told: Mapping[str, Any]) -> None:
        """Keeps the weights where the evaluation `told`, which is not in the metrics yet, is the best of its stage."""
        if not self._recipe.best:
            return
        is_better = False
        if self._group.is_first:
            before = self._values(told["stage"])
            is_better = not before or _value(told) < min(before)
        if self._group.any(is_better):
            about = {**self._about, "evaluation": dict(told)}
            save_best(self._out, adapter, self._group, position, about)

    def is_exhausted(self, stage: str) -> bool:
        """Whether the stage's evaluations have got no better for as many as the recipe's patience."""
        if not self._recipe.patience:
            return False
        is_over = False
        if self._group.is_first and (values := self._values(stage)):
            is_over = len(values) - 1 - values.index(min(values)) >= self._recipe.patience
        return self._group.any(is_over)

    def _values(self, stage: str) -> list[float]:
        lines = read_metrics(self._out)
        return [_value(line) for line in lines if line["kind"] == "eval" and line["stage"] == stage]


def _value(line: Mapping[str, Any]) -> float:
    """What is to become small."""
    return -float(line["score"]) if "score" in line else float(line["loss"])


def score_of(scorer: Scorer, model: LossModel, tokenizer: Any, group: Group) -> float:
    """What `scorer` says of the model, which attends as it was loaded meanwhile; the same in every process."""
    model.eval()
    with model.attention.set_aside(model.network), torch.no_grad(), torch.compiler.set_stance("force_eager"):
        if isinstance(scorer, SharedScorer):
            right = functools.partial(scorer.right, model.network, tokenizer, rank=group.rank, world=group.world)
            found = float(scorer.value(group.gather(group.attempt(right))))
        else:
            alone = functools.partial(scorer, model.network, tokenizer) if group.is_first else None
            found = float(group.gather(group.attempt(alone))[0])
    model.train()
    return found

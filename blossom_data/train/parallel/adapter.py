"""What the loop asks of whatever drives the model; plain.py and deepspeed.py do it.

    sums = adapter.backward(batch, scale=1 / tokens_of_the_step, is_last=True)
    norm = adapter.step(learning_rate)

Gradients are summed over batches and processes, never averaged: `scale` alone normalises, by the supervised tokens or
the preference pairs of the whole step. So the result does not depend on how rows are spread over batches and processes.
"""

from __future__ import annotations

from typing import Any, Protocol

from torch import Tensor

from blossom_data.train.model.batches import Batch
from blossom_data.train.model.loss_model import LossModel

LEFT_OUT = -1.0


class Adapter(Protocol):
    """Drives a model: gradients, updates, and everything that a checkpoint holds."""

    name: str
    model: LossModel
    is_sharded: bool
    """Whether `state` differs between processes."""

    def backward(self, batch: Batch, *, scale: float, is_last: bool) -> Tensor:
        """Adds the gradients of scale * summed loss; gives what the model sums over this batch, the loss first."""

    def step(self, learning_rate: float) -> Tensor:
        """Updates the weights after the last `backward` of a step; gives the norm of the gradient before clipping.

        LEFT_OUT in place of the norm: float16 could not hold the scaled gradients, and the step was left out.
        """

    def fresh_optimiser(self) -> None:
        """Forgets the optimiser's states, as at the beginning of a stage."""

    def evaluate(self, batch: Batch) -> Tensor:
        """What the model sums over this batch, the loss first; nothing is learnt."""

    def weights(self) -> dict[str, Tensor]:
        """All weights on the CPU, by stored name; every process must call it, the first one gets them."""

    def state(self) -> dict[str, Any]:
        """This process's master weights and optimiser states, on the CPU."""

    def load_state(self, state: dict[str, Any]) -> None:
        """Puts back what `state` gave; the weights were loaded before."""

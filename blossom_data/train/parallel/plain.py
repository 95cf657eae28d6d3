"""The plain adapter: torch alone, the whole model on every device, gradients summed over processes.

    bfloat16 weights [2 bytes each] -> gradients added up in float32 [4] -> AdamW on float32 masters [12] -> weights

With float32 weights the masters are the weights themselves. In float16 the loss is scaled, so that small gradients are
no zeros: down by half when a gradient overflows, whose step is left out, and up again after many steps that did not.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor, nn

from blossom_data.train.model.batches import Batch
from blossom_data.train.model.loss_model import LossModel
from blossom_data.train.parallel.adapter import LEFT_OUT
from blossom_data.train.parallel.optimisers import make_optimiser, parameter_groups
from blossom_data.train.parallel.processes import Group
from blossom_data.train.recipe.recipe import Recipe

_BUCKET_NUMBERS = 1 << 25
_FIRST_SCALE, _MOST_SCALE, _STEPS_TO_DOUBLE = 2.0**16, 2.0**24, 2000


class PlainAdapter:
    """One model on one device, or the same model on several."""

    name = "plain"
    is_sharded = False

    def __init__(self, recipe: Recipe, model: LossModel, group: Group) -> None:
        self.model, self._recipe, self._group = model, recipe, group
        self._groups = parameter_groups(model, recipe)
        self._weights: list[nn.Parameter] = [one for part in self._groups for one in part["params"]]
        self._has_masters = self._weights[0].dtype is not torch.float32
        self._masters: list[Tensor] = self._weights
        self._scale = _FIRST_SCALE if self._weights[0].dtype is torch.float16 else 1.0
        self._is_scaled, self._held = self._scale > 1, 0
        if self._has_masters:
            self._masters = [one.detach().float() for one in self._weights]
            master_of = dict(zip(map(id, self._weights), self._masters, strict=True))
            for part in self._groups:
                part["params"] = [master_of[id(one)] for one in part["params"]]
            for weight, master in zip(self._weights, self._masters, strict=True):
                weight.register_post_accumulate_grad_hook(_Collect(master))
        self.fresh_optimiser()

    def backward(self, batch: Batch, *, scale: float, is_last: bool) -> Tensor:
        self.model.attention.layout = batch.layout
        sums = self.model(batch.ids, batch.positions, batch.places, batch.targets, batch.preference)
        (sums[0] * (scale * self._scale)).backward()
        if is_last and self._group.world > 1:
            for bucket in self._buckets():
                flat = torch.cat([grad.view(-1) for grad in bucket])
                self._group.sum(flat)
                for grad, total in zip(bucket, flat.split([grad.numel() for grad in bucket]), strict=True):
                    grad.copy_(total.view_as(grad))
        return sums.detach()  # type: ignore[no-any-return]

    def step(self, learning_rate: float) -> Tensor:
        if self._is_scaled:
            grads = [master.grad for master in self._masters if master.grad is not None]
            torch._foreach_div_(grads, self._scale)
        norm = nn.utils.clip_grad_norm_(self._masters, self._recipe.clip)
        if self._is_scaled and self._has_overflown(norm):
            self._optimiser.zero_grad(set_to_none=True)
            return torch.tensor(LEFT_OUT, device=norm.device)
        for part in self._optimiser.param_groups:
            part["lr"] = learning_rate
        self._optimiser.step()
        self._optimiser.zero_grad(set_to_none=True)
        if self._has_masters:
            with torch.no_grad():
                torch._foreach_copy_(self._weights, self._masters)
        return norm

    def _has_overflown(self, norm: Tensor) -> bool:
        """Whether the gradients were too large for float16; sets the scale for the next step."""
        if not torch.isfinite(norm):
            self._held = 0
            # At a scale of 1 it is no overflow of the scaling: the loop tells that the loss diverged.
            is_left_out = self._scale > 1
            self._scale = max(1.0, self._scale / 2)
            return is_left_out
        self._held += 1
        if self._held % _STEPS_TO_DOUBLE == 0:
            self._scale = min(_MOST_SCALE, self._scale * 2)
        return False

    def fresh_optimiser(self) -> None:
        self._optimiser = make_optimiser(self._recipe.optimiser, self._groups, self._group.device)

    def evaluate(self, batch: Batch) -> Tensor:
        self.model.attention.layout = batch.layout
        with torch.no_grad():
            return self.model(batch.ids, batch.positions, batch.places, batch.targets, batch.preference)  # type: ignore[no-any-return]

    def weights(self) -> dict[str, Tensor]:
        if not self._group.is_first:
            return {}
        return {name: one.detach().cpu() for name, one in self.model.stored_names().items()}

    def state(self) -> dict[str, Any]:
        return {
            "masters": [master.detach().cpu() for master in self._masters] if self._has_masters else [],
            "optimiser": self._optimiser.state_dict(),
            **({"scale": self._scale, "held": self._held} if self._is_scaled else {}),
        }

    def load_state(self, state: dict[str, Any]) -> None:
        with torch.no_grad():
            for master, saved in zip(self._masters if self._has_masters else [], state["masters"], strict=True):
                master.copy_(saved)
        self._optimiser.load_state_dict(state["optimiser"])
        self._scale, self._held = state.get("scale", self._scale), state.get("held", 0)

    def _buckets(self) -> Iterator[list[Tensor]]:
        """The gradients, some at a time; a weight that nothing reached has one of zeros."""
        bucket: list[Tensor] = []
        for master in self._masters:
            if master.grad is None:
                master.grad = torch.zeros_like(master)
            bucket.append(master.grad)
            if sum(grad.numel() for grad in bucket) >= _BUCKET_NUMBERS:
                yield bucket
                bucket = []
        if bucket:
            yield bucket


class _Collect:
    """Moves a weight's gradient into its master's as soon as it is there: float32, and nothing held twice."""

    def __init__(self, master: Tensor) -> None:
        self._master = master

    def __call__(self, weight: Tensor) -> None:
        assert weight.grad is not None
        if self._master.grad is None:
            self._master.grad = weight.grad.float()
        else:
            self._master.grad += weight.grad
        weight.grad = None

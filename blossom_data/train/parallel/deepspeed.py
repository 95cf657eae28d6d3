"""The DeepSpeed adapter: ZeRO stages 0 to 3, optimiser states on the CPU where the recipe offloads them.

    [deepspeed]
    stage = 3
    offload = "cpu"
    settings = {zero_optimization = {overlap_comm = true}}

DeepSpeed's own checkpoints are pickles; ours hold weights as safetensors and, for each process, its share of the master
weights and optimiser states as plain tensors. An engine is always made of loaded weights, whose float32 masters are
then put back, so nothing of DeepSpeed's loading is needed.
"""

from __future__ import annotations

import contextlib
import importlib
import logging
import os
from collections.abc import Iterator, Mapping
from typing import Any

import torch
from torch import Tensor

from blossom_data.errors import ConfigError, extra_hint
from blossom_data.train.model.batches import Batch
from blossom_data.train.model.loss_model import LossModel
from blossom_data.train.parallel.optimisers import flat_optimiser, parameter_groups
from blossom_data.train.parallel.processes import Group
from blossom_data.train.recipe.recipe import Recipe

# Where each of its optimisers keeps this process's float32 masters.
_MASTERS = ("fp32_partitioned_groups_flat", "single_partition_of_fp32_groups", "fp32_groups_flat_partition")


class DeepSpeedAdapter:
    """A DeepSpeed engine around the model."""

    name = "deepspeed"
    is_sharded = True

    def __init__(self, recipe: Recipe, model: LossModel, group: Group) -> None:
        self._library = import_deepspeed(group.device)
        # DeepSpeed asks the environment even where one process needs no launcher.
        os.environ.setdefault("LOCAL_RANK", "0")
        self.model, self._group = model, group
        self._accumulation = recipe.accumulation
        settings = engine_settings(recipe, group)
        optimiser = flat_optimiser(recipe.optimiser, parameter_groups(model, recipe))
        try:
            engine, *_ = self._library.initialize(model=model, optimizer=optimiser, config=settings)
        except (AssertionError, ValueError, RuntimeError) as why:
            line = (str(why).strip().splitlines() or [type(why).__name__])[0]
            raise ConfigError(f"DeepSpeed refuses these settings: {line[:200]}", hint="see [deepspeed]") from why
        self._engine: Any = engine
        self._stage = int(engine.zero_optimization_stage())

    def backward(self, batch: Batch, *, scale: float, is_last: bool) -> Tensor:
        self.model.attention.layout = batch.layout
        self._engine.set_gradient_accumulation_boundary(is_last)
        sums = self._engine(batch.ids, batch.positions, batch.places, batch.targets, batch.preference)
        # The engine averages over processes and accumulated batches; the loop wants sums.
        self._engine.backward(sums[0] * (scale * self._group.world * self._accumulation))
        return sums.detach()  # type: ignore[no-any-return]

    def step(self, learning_rate: float) -> Tensor:
        for part in self._engine.optimizer.param_groups:
            part["lr"] = learning_rate
        self._engine.step()
        norm = self._engine.get_global_grad_norm()
        return norm.detach() if isinstance(norm, Tensor) else torch.tensor(float(norm or 0.0))

    def fresh_optimiser(self) -> None:
        for states in self._states():
            for value in states.values():
                value.zero_()

    def evaluate(self, batch: Batch) -> Tensor:
        self.model.attention.layout = batch.layout
        with torch.no_grad():
            return self._engine(batch.ids, batch.positions, batch.places, batch.targets, batch.preference)  # type: ignore[no-any-return]

    def weights(self) -> dict[str, Tensor]:
        found = {}
        for name, parameter in self.model.stored_names().items():
            with self._whole(parameter):
                if self._group.is_first:
                    found[name] = parameter.detach().cpu().clone()
        return found

    def state(self) -> dict[str, Any]:
        return {
            "masters": [master.detach().cpu().clone() for master in self._masters()],
            "states": [{key: value.cpu().clone() for key, value in states.items()} for states in self._states()],
        }

    def load_state(self, state: dict[str, Any]) -> None:
        optimiser = self._optimiser()
        with torch.no_grad():
            for master, saved, states in zip(self._masters(), state["masters"], state["states"], strict=True):
                master.copy_(saved)
                # AdamW counts steps on the CPU; only the moments live where the master does.
                optimiser.state[master] = {
                    key: value if key == "step" else value.to(master.device) for key, value in states.items()
                }

    def _whole(self, parameter: Any) -> Any:
        """A context in which all of `parameter` is here."""
        if self._stage < 3:
            return contextlib.nullcontext()
        return self._library.zero.GatheredParameters([parameter])

    def _optimiser(self) -> Any:
        """The torch optimiser under the engine's."""
        return getattr(self._engine.optimizer, "optimizer", self._engine.optimizer)

    def _masters(self) -> list[Any]:
        """This process's float32 masters, flat as the engine keeps them."""
        for name in _MASTERS:
            if masters := getattr(self._engine.optimizer, name, None):
                return list(masters)
        return [one for part in self._optimiser().param_groups for one in part["params"]]

    def _states(self) -> list[dict[str, Tensor]]:
        """The optimiser's states, master by master."""
        states = self._optimiser().state
        return [states.get(master, {}) for master in self._masters()]


def import_deepspeed(device: torch.device) -> Any:
    """The library, made quiet, and not compiling anything on a machine without GPUs.

    Raises:
        ConfigError: it is not installed.
    """
    try:
        deepspeed = importlib.import_module("deepspeed")
    except ImportError as why:
        raise ConfigError("the recipe uses DeepSpeed", hint=extra_hint("train")) from why
    logging.getLogger("DeepSpeed").setLevel(logging.WARNING)
    if device.type == "cpu":
        # Without it DeepSpeed builds a shared-memory kernel at start and fails where there is no C++ compiler.
        deepspeed.ops.__compatible_ops__["deepspeed_shm_comm"] = False
    return deepspeed


@contextlib.contextmanager
def sharding(recipe: Recipe, group: Group) -> Iterator[None]:
    """Within the block transformers loads a model weight by weight, of which this process keeps its share (ZeRO-3)."""
    library = import_deepspeed(group.device)
    os.environ.setdefault("LOCAL_RANK", "0")
    library.init_distributed()
    from transformers.integrations.deepspeed import HfDeepSpeedConfig, unset_hf_deepspeed_config

    # transformers looks for it by a weak reference: it must stay alive here.
    settings = HfDeepSpeedConfig(engine_settings(recipe, group))
    try:
        yield
    finally:
        unset_hf_deepspeed_config()
        del settings


def engine_settings(recipe: Recipe, group: Group) -> dict[str, Any]:
    """What the recipe means in DeepSpeed's own settings, with the recipe's `settings` laid over it."""
    assert recipe.deepspeed is not None
    stage, offload = recipe.deepspeed.stage, recipe.deepspeed.offload
    zero: dict[str, Any] = {"stage": stage, "overlap_comm": group.device.type == "cuda" and stage >= 2}
    if offload != "none":
        zero["offload_optimizer"] = {"device": offload, "pin_memory": group.device.type == "cuda"}
    settings: dict[str, Any] = {
        "train_micro_batch_size_per_gpu": recipe.micro_batch,
        "gradient_accumulation_steps": recipe.accumulation,
        "gradient_clipping": recipe.clip,
        "bf16": {"enabled": recipe.dtype == "bfloat16"},
        "zero_optimization": zero,
        "zero_allow_untested_optimizer": True,
        "zero_force_ds_cpu_optimizer": False,
        "steps_per_print": 1 << 30,
        "wall_clock_breakdown": False,
    }
    if recipe.dtype == "bfloat16":
        settings["data_types"] = {"grad_accum_dtype": "fp32"}
    return _laid_over(settings, recipe.deepspeed.settings)


def _laid_over(base: dict[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(base)
    for key, value in over.items():
        known = merged.get(key)
        is_table = isinstance(known, dict) and isinstance(value, Mapping)
        merged[key] = _laid_over(known, value) if is_table and isinstance(known, dict) else value
    return merged

"""The memory of a training step, found by running the real step on tensors that have shapes and no data.

    step_memory(prepared, micro_batch=8, checkpointing=True)      Memory(states=6.4e9, peak=21.3e9, ...)

Weights, masters, gradients, activations, logits and what the update needs are counted as they come and go. Two models
of few blocks are measured and the line through them is taken to the real depth: one block costs what the next does.
What a GPU's allocator leaves unused between tensors, and its context, are not counted.
"""

from __future__ import annotations

import copy
import weakref
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_iter

from blossom_data.train.attention import DocumentAttention
from blossom_data.train.batches import make_batch
from blossom_data.train.lora import add_adapters
from blossom_data.train.model import DTYPES, LossModel, enable_checkpointing
from blossom_data.train.plain import PlainAdapter
from blossom_data.train.processes import Group
from blossom_data.train.recipe import Recipe
from blossom_data.train.store import PackedRow

_DEPTHS = (2, 4)
_BLOCK_BYTES = 512


@dataclass(frozen=True, slots=True)
class Memory:
    """Bytes of one device: `states` stay (weights, masters, moments, gradients), `peak` is the most at once."""

    states: int
    peak: int

    @property
    def moving(self) -> int:
        """Activations, logits and temporary tensors at the peak."""
        return self.peak - self.states


def step_memory(
    recipe: Recipe, config: Any, *, micro_batch: int, checkpointing: bool, supervised: float, world: int = 1
) -> Memory:
    """The memory of a step on one of `world` devices.

    Args:
        config: of the model.
        supervised: share of the tokens that are learnt.
    """
    tried = replace(recipe, micro_batch=micro_batch, checkpointing=checkpointing, deepspeed=None)
    few, more = (_measure(tried, _with_depth(config, depth), supervised) for depth in _DEPTHS)
    depth = config.num_hidden_layers
    states, peak = (
        round(a + (b - a) * (depth - _DEPTHS[0]) / (_DEPTHS[1] - _DEPTHS[0]))
        for a, b in ((few.states, more.states), (few.peak, more.peak))
    )
    return Memory(
        round(states * sharded_share(recipe, world)), round(states * sharded_share(recipe, world)) + peak - states
    )


def sharded_share(recipe: Recipe, world: int) -> float:
    """The share of weights, gradients, masters and moments that one of `world` devices holds."""
    if recipe.deepspeed is None:
        return 1.0
    weights, grads, states = (2.0, 4.0, 12.0) if recipe.dtype == "bfloat16" else (4.0, 4.0, 8.0)
    stage = recipe.deepspeed.stage
    kept = weights / (world if stage >= 3 else 1) + grads / (world if stage >= 2 else 1)
    if recipe.deepspeed.offload == "none":
        kept += states / (world if stage >= 1 else 1)
    return kept / (weights + grads + states)


class _Counter(TorchDispatchMode):
    """Counts the bytes of storages that live, and the most that ever did."""

    def __init__(self) -> None:
        super().__init__()
        self.now = self.most = 0
        self._known: dict[int, int] = {}

    def __torch_dispatch__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        given = function(*args, **(kwargs or {}))
        for value in tree_iter(given):
            if isinstance(value, Tensor):
                self._see(value.untyped_storage())
        return given

    def _see(self, storage: Any) -> None:
        key = storage._cdata
        if key in self._known:
            return
        size = -(-storage.nbytes() // _BLOCK_BYTES) * _BLOCK_BYTES
        self._known[key] = size
        self.now += size
        self.most = max(self.most, self.now)
        weakref.finalize(storage, self._forget, key)

    def _forget(self, key: int) -> None:
        self.now -= self._known.pop(key, 0)


class _Attention(DocumentAttention):
    """Keeps what a flash kernel keeps: query, key, value, output and a number for each query."""

    def __init__(self, *, alibi: bool) -> None:
        super().__init__("plan", alibi=alibi)

    def _attend(self, query: Tensor, key: Tensor, value: Tensor, *_: Any) -> Tensor:
        return _Flash.apply(query, key, value)  # type: ignore[no-any-return, no-untyped-call]


class _Flash(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, query: Tensor, key: Tensor, value: Tensor) -> Tensor:
        out = torch.empty_like(query)
        ctx.save_for_backward(query, key, value, out, query.new_empty(query.shape[:3], dtype=torch.float32))
        return out

    @staticmethod
    def backward(ctx: Any, *outer: Tensor) -> Any:
        query, key, value, *_ = ctx.saved_tensors
        return torch.empty_like(query), torch.empty_like(key), torch.empty_like(value)


def _with_depth(config: Any, depth: int) -> Any:
    shallow = copy.deepcopy(config)
    shallow.num_hidden_layers = depth
    if kinds := getattr(config, "layer_types", None):
        shallow.layer_types = (list(kinds) * depth)[:depth]
    return shallow


def _measure(recipe: Recipe, config: Any, supervised: float) -> Memory:
    """The memory of one step of a model of `config`."""
    network = _shapes(recipe, config)
    counter = _Counter()
    with FakeTensorMode(allow_non_fake_inputs=True), counter:
        _place(network)
        attention = _Attention(alibi=config.model_type == "bloom")
        attention.attach(network)
        model = LossModel(network, attention)
        if recipe.checkpointing:
            enable_checkpointing(network)
        model.train()
        adapter = PlainAdapter(recipe, model, Group(0, 1, torch.device("cpu")))
        rows = [_row(recipe.seq_len, supervised)] * recipe.micro_batch
        batch = make_batch(rows, pad_id=0, width=recipe.seq_len, device=torch.device("cpu"))
        adapter.backward(batch, scale=1.0, is_last=True)
        adapter.step(1e-5)
        settled = counter.now
        counter.most = counter.now
        adapter.backward(batch, scale=1.0, is_last=True)
        states = counter.now
        adapter.step(1e-5)
        return Memory(max(states, settled), counter.most)


def _shapes(recipe: Recipe, config: Any) -> Any:
    """A network of `config`, adapters included, on the meta device."""
    from transformers import AutoModelForCausalLM

    with torch.device("meta"):
        network = AutoModelForCausalLM.from_config(config, dtype=DTYPES[recipe.dtype], trust_remote_code=False)
        if recipe.lora:
            add_adapters(network, recipe.lora)
    return network


def _place(network: Any) -> None:
    """Gives every weight and buffer of a network on the meta device a place, one where they are tied."""
    placed: dict[int, nn.Parameter] = {}
    for module in network.modules():
        for name, one in module._parameters.items():
            if one is not None:
                fresh = torch.empty(one.shape, dtype=one.dtype, device="cpu")
                module._parameters[name] = placed.setdefault(
                    id(one), nn.Parameter(fresh, requires_grad=one.requires_grad)
                )
        for name, one in module._buffers.items():
            if one is not None:
                module._buffers[name] = torch.empty(one.shape, dtype=one.dtype, device="cpu")


def _row(length: int, supervised: float) -> PackedRow:
    """One document of which the end is learnt."""
    learnt = np.arange(length) >= length * (1 - supervised)
    starts = np.zeros(1, dtype=np.int64)
    return PackedRow(np.zeros(length, dtype=np.int64), learnt, starts, ["0" * 32])


__all__ = ["Memory", "sharded_share", "step_memory"]

"""The memory of a training step, found by running the real step on tensors that have shapes and no data.

    step_memory(prepared, micro_batch=8, checkpointing=True)      Memory(states=6.4e9, peak=21.3e9, ...)

Weights, masters, gradients, activations, logits and what the update needs are counted as they come and go. Two models
of few blocks are measured and the line through them is taken to the real depth: one block costs what the next does.
What a GPU's allocator leaves unused between tensors, and its context, are not counted. What ZeRO shards is taken off,
and what DeepSpeed allocates for itself added, by its settings.
"""

from __future__ import annotations

import copy
import weakref
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_iter

from blossom_data.train.data.store import PackedRow
from blossom_data.train.model.attention import DocumentAttention
from blossom_data.train.model.batches import make_batch
from blossom_data.train.model.frozen import freeze
from blossom_data.train.model.lora import add_adapters
from blossom_data.train.model.loss_model import LossModel
from blossom_data.train.model.model import DTYPES, enable_checkpointing
from blossom_data.train.model.nf4 import quantise
from blossom_data.train.model.preference import Preference
from blossom_data.train.parallel.plain import PlainAdapter
from blossom_data.train.parallel.processes import Group
from blossom_data.train.recipe.methods import Optimiser
from blossom_data.train.recipe.preferences import Dpo
from blossom_data.train.recipe.recipe import Recipe

_DEPTHS = (2, 4)
_BLOCK_BYTES = 512
_SAVED_BY_8_BITS = 6
"""Of AdamW's eight bytes of moments a number."""
_BUCKET_NUMBERS, _LIVE_NUMBERS = 500_000_000, 1_000_000_000


@dataclass(frozen=True, slots=True)
class Memory:
    """Bytes of one device: `states` stay (weights, masters, moments, gradients), `peak` is the most at once."""

    states: int
    peak: int

    @property
    def moving(self) -> int:
        """Activations, logits and temporary tensors at the peak."""
        return self.peak - self.states


@dataclass(frozen=True, slots=True)
class Measured:
    """A step on one device, nothing sharded: numbers of all weights and of the trained ones, and bytes."""

    weights: int
    trained: int
    memory: Memory


def step_memory(
    recipe: Recipe, config: Any, *, micro_batch: int, checkpointing: bool, supervised: float, world: int = 1
) -> Memory:
    """The memory of a step on one of `world` GPUs.

    Args:
        config: of the model.
        supervised: share of the tokens that are learnt.
    """
    found = measure_step(recipe, config, micro_batch=micro_batch, checkpointing=checkpointing, supervised=supervised)
    return sharded(found, recipe, world, is_gpu=True)


def measure_step(
    recipe: Recipe, config: Any, *, micro_batch: int, checkpointing: bool, supervised: float, pairs: bool = False
) -> Measured:
    """A step as the plain adapter does it; the model's depth is extrapolated.

    Args:
        pairs: of a preference stage, whose rows are twice as long.
    """
    tried = replace(recipe, micro_batch=micro_batch, checkpointing=checkpointing, deepspeed=None)
    is_small = "8bit" in recipe.optimiser.name
    if is_small:
        tried = replace(tried, optimiser=Optimiser())
    few, more = (_measure(tried, _with_depth(config, depth), supervised, pairs) for depth in _DEPTHS)
    blocks = (config.num_hidden_layers - _DEPTHS[0]) / (_DEPTHS[1] - _DEPTHS[0])
    ends = (
        (few.weights, more.weights),
        (few.trained, more.trained),
        (few.memory.states, more.memory.states),
        (few.memory.peak, more.memory.peak),
    )
    weights, trained, states, peak = (round(a + (b - a) * blocks) for a, b in ends)
    saved = _SAVED_BY_8_BITS * trained if is_small else 0
    return Measured(weights, trained, Memory(states - saved, peak - saved))


def sharded(found: Measured, recipe: Recipe, world: int, *, is_gpu: bool) -> Memory:
    """What of a measured step one of `world` devices holds under the recipe's adapter.

    On a GPU DeepSpeed's own buffers count; in main memory their pages are used as far as they are filled.
    """
    if recipe.deepspeed is None:
        return found.memory
    stage, size = recipe.deepspeed.stage, 4 if recipe.dtype == "float32" else 2
    weights, grads = float(size * found.weights), 4.0 * found.trained
    # Beside bfloat16, and under ZeRO beside float32 as well, the masters are tensors of their own.
    optimiser = (12.0 if size == 2 or stage else 8.0) * found.trained
    kept = weights / (world if stage >= 3 else 1) + grads / (world if stage >= 2 else 1)
    if recipe.deepspeed.offload == "none":
        kept += optimiser / (world if stage >= 1 else 1)
    whole = weights + grads + (12.0 if size == 2 else 8.0) * found.trained
    states = round(found.memory.states * kept / whole)
    moving = found.memory.moving
    if stage >= 3:
        live = _zero_setting(recipe, "stage3_max_live_parameters", _LIVE_NUMBERS)
        moving += size * min(found.weights, live)
    if stage and is_gpu:
        moving += size * _zero_setting(recipe, "reduce_bucket_size", _BUCKET_NUMBERS) * (2 if stage == 2 else 1)
    return Memory(states, states + moving)


def _zero_setting(recipe: Recipe, name: str, default: int) -> int:
    """A size in DeepSpeed's settings; the defaults are those of its 0.19."""
    assert recipe.deepspeed is not None
    table = recipe.deepspeed.settings.get("zero_optimization", {})
    value = table.get(name, default) if isinstance(table, Mapping) else default
    return int(value) if isinstance(value, int | float) else default


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


def _measure(recipe: Recipe, config: Any, supervised: float, pairs: bool) -> Measured:
    """One step of a model of `config`."""
    network = _shapes(recipe, config)
    weights = sum(one.numel() for one in network.parameters())
    trained = sum(one.numel() for one in network.parameters() if one.requires_grad)
    counter = _Counter()
    with FakeTensorMode(allow_non_fake_inputs=True), counter:
        _place(network)
        for module in network.modules():
            if hasattr(module, "rope_type"):
                # Frequencies that go by the length ask what the positions are, and here they are nothing.
                module.rope_type = "default"
        attention = _Attention(alibi=config.model_type == "bloom")
        attention.attach(network)
        model = LossModel(network, attention)
        if recipe.checkpointing:
            enable_checkpointing(network)
        model.train()
        adapter = PlainAdapter(recipe, model, Group(0, 1, torch.device("cpu")))
        together = 2 if pairs else 1
        rows = [_row(recipe.seq_len, supervised, together)] * recipe.micro_batch
        batch = make_batch(rows, pad_id=0, width=recipe.seq_len * together, device=torch.device("cpu"))
        if pairs:
            reference = torch.zeros(len(batch.counts), dtype=torch.float64)
            batch = replace(batch, preference=Preference(Dpo(), batch.counts, reference))
        adapter.backward(batch, scale=1.0, is_last=True)
        adapter.step(1e-5)
        settled = counter.now
        counter.most = counter.now
        adapter.backward(batch, scale=1.0, is_last=True)
        states = counter.now
        adapter.step(1e-5)
        return Measured(weights, trained, Memory(max(states, settled), counter.most))


def _shapes(recipe: Recipe, config: Any) -> Any:
    """A network of `config`, adapters included, on the meta device."""
    from transformers import AutoModelForCausalLM

    with torch.device("meta"):
        network = AutoModelForCausalLM.from_config(config, dtype=DTYPES[recipe.dtype], trust_remote_code=False)
        if recipe.lora and recipe.lora.bits:
            quantise(network, device=torch.device("meta"))
        if recipe.lora:
            add_adapters(network, recipe.lora)
        freeze(network, recipe.freeze)
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


def _row(length: int, supervised: float, documents: int) -> PackedRow:
    """`documents` of `length` tokens, of each of which the end is learnt."""
    learnt = np.tile(np.arange(length) >= length * (1 - supervised), documents)
    starts = np.arange(documents, dtype=np.int64) * length
    return PackedRow(np.zeros(length * documents, dtype=np.int64), learnt, starts, ["0" * 32] * documents)

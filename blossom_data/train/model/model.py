"""The model that is trained: a causal language model of transformers, and its loss over supervised positions.

    model = build_model(recipe, device=torch.device("cpu"), tell=print)
    model(ids, positions, places, targets)              float32 [1]: summed cross-entropy
    model(ids, positions, places, targets, preference)  float32 [n]: summed preference loss, then what else is summed

`ids` and `positions` are int64 [rows, width]; `places` int64 [n] are the positions, rows laid end to end, whose next
token is supervised; `targets` int64 [n] are those tokens. Code of a model folder is never run. How the model is driven
is the adapters' part, how it is stored checkpoint.py's.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from blossom_data.errors import ConfigError
from blossom_data.train.model.attention import DocumentAttention, kernel_deviation
from blossom_data.train.model.lora import PREFIX, add_adapters, save_adapters, take_up_adapters
from blossom_data.train.model.loss import head_loss, token_losses
from blossom_data.train.model.preference import Preference
from blossom_data.train.model.probes import Probe, check, check_kernel, probe, reference, usable_backends
from blossom_data.train.recipe.recipe import Recipe

DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16}


class LossModel(nn.Module):
    """`network` under a loss; `adapters` is the peft model around it where LoRA is trained."""

    def __init__(self, network: Any, attention: DocumentAttention, *, adapters: Any = None) -> None:
        super().__init__()
        self.network = network
        self.attention = attention
        # A list keeps peft's wrapper, which holds `network` itself, out of the parameter names.
        self._adapters = [adapters]
        head = network.get_output_embeddings()
        if type(head) is not nn.Linear:
            raise ConfigError(f"the model's output layer is a {type(head).__name__}, which is not supported")
        head.forward = functools.partial(_head, head)
        self._has_positions = "position_ids" in inspect.signature(network.base_model.forward).parameters

    @property
    def head(self) -> Any:
        """The output layer."""
        return self.network.get_output_embeddings()

    @property
    def vocab_size(self) -> int:
        """Rows of the embedding."""
        return int(self.network.get_input_embeddings().num_embeddings)

    @property
    def is_lora(self) -> bool:
        """Whether only adapters are trained."""
        return self._adapters[0] is not None

    def hidden(self, ids: Tensor, positions: Tensor) -> Tensor:
        """[rows, width, size]: the last hidden states."""
        places = {"position_ids": positions} if self._has_positions else {}
        states = self.network.base_model(input_ids=ids, use_cache=False, **places).last_hidden_state
        assert isinstance(states, Tensor)
        return states

    def forward(
        self, ids: Tensor, positions: Tensor, places: Tensor, targets: Tensor, preference: Preference | None = None
    ) -> Tensor:
        """The summed cross-entropy of `targets`, or what `preference` judges them by."""
        hidden = self.hidden(ids, positions).flatten(0, 1)
        if not len(places):
            # A batch without targets still takes part in every collective of its step.
            nothing: Tensor = self.head(hidden[:1]).float().sum() * 0.0
            return nothing[None] if preference is None else preference.judge(hidden.new_zeros(0)) + nothing
        if preference is None:
            return self.head(hidden[places], targets)[None]  # type: ignore[no-any-return]
        return preference.judge(self.head(hidden[places], targets, is_summed=False))

    def stored_names(self) -> dict[str, nn.Parameter]:
        """The parameters that a checkpoint holds, by the name that they have in its file."""
        if not self.is_lora:
            return dict(self.network.named_parameters())
        named = self.network.named_parameters()
        return {PREFIX + name: parameter for name, parameter in named if parameter.requires_grad}

    def save(self, folder: Path, weights: dict[str, Tensor]) -> None:
        """Writes `weights` (by stored name) with the configuration that loads them again."""
        if self.is_lora:
            save_adapters(self._adapters[0], folder, weights)
            return
        buffers = {name: buffer for name, buffer in self.network.named_buffers() if name in self.network.state_dict()}
        implementation = self.network.config._attn_implementation
        self.network.config._attn_implementation = None
        try:
            self.network.save_pretrained(folder, state_dict={**buffers, **weights})
        finally:
            self.network.config._attn_implementation = implementation


def build_model(
    recipe: Recipe, *, device: torch.device, tell: Callable[[str], None], weights: Path | None = None
) -> tuple[LossModel, Probe]:
    """Loads the base model, or the `weights` of a checkpoint, and settles it.

    Raises:
        ConfigError: the model cannot be read or cannot be trained as the recipe asks.
    """
    model = load_model(recipe, device=device, weights=weights)
    return model, settle(model, recipe, device=device, tell=tell)


def load_model(recipe: Recipe, *, device: torch.device, weights: Path | None = None) -> LossModel:
    """The base model, or the `weights` of a checkpoint, as it attends itself.

    Raises:
        ConfigError: the model cannot be read.
    """
    torch.manual_seed(recipe.seed)
    network = load_network(recipe.base_model if recipe.lora or weights is None else weights, DTYPES[recipe.dtype])
    adapters = None
    if recipe.lora:
        adapters = add_adapters(network, recipe.lora) if weights is None else take_up_adapters(network, weights)
    network.to(device)
    return LossModel(network, DocumentAttention("sdpa", alibi=network.config.model_type == "bloom"), adapters=adapters)


def settle(model: LossModel, recipe: Recipe, *, device: torch.device, tell: Callable[[str], None]) -> Probe:
    """Makes `model` attend inside documents, tries it, and sets what saves memory or time; every process must call it.

    Raises:
        ConfigError: the model cannot be trained as the recipe asks.
    """
    network, attention = model.network, model.attention
    expected = reference(network, device)
    backends = usable_backends(
        recipe.attention,
        device=device,
        dtype=DTYPES[recipe.dtype],
        alibi=attention.is_alibi,
        dropout=float(getattr(network.config, "attention_dropout", 0.0) or 0.0),
    )
    attention.attach(network)
    found = _choose(model, backends, recipe, device, expected, tell)
    if recipe.compile:
        compile_blocks(network, attention)
    if recipe.checkpointing:
        enable_checkpointing(network)
    model.train()
    return found


def load_network(folder: Path, dtype: torch.dtype) -> Any:
    """The causal language model in `folder`.

    Raises:
        ConfigError: none there, or one that only code of its own can run.
    """
    from transformers import AutoModelForCausalLM
    from transformers.utils import logging

    logging.disable_progress_bar()
    try:
        return AutoModelForCausalLM.from_pretrained(
            str(folder), dtype=dtype, local_files_only=True, trust_remote_code=False
        )
    except Exception as why:
        # Whatever a damaged or foreign folder makes transformers raise, it is this folder that is wrong.
        line = (str(why).strip().splitlines() or [type(why).__name__])[0]
        raise ConfigError(f"cannot read a model from {folder}: {line[:200]}") from why


def most_positions(config: Any) -> int | None:
    """The longest sequence that a model of `config` takes; None where its positions have no end."""
    if config.model_type == "bloom":
        return None
    found = getattr(config, "max_position_embeddings", None)
    return int(found) if found else None


def compile_blocks(network: Any, attention: DocumentAttention) -> None:
    """Compiles each decoder block; attention, whose borders change with every batch, stays outside."""
    attention.leave_graphs()
    for block in blocks_of(network):
        block.forward = torch.compile(block.forward)


def enable_checkpointing(network: Any) -> None:
    """Computes the activations of each block again in the backward pass; to be called after `compile_blocks`.

    The way of transformers puts the checkpoint inside of what is compiled, and then nothing is.
    """
    for block in blocks_of(network):
        block.forward = functools.partial(_checkpointed, block.forward)


def _checkpointed(forward: Callable[..., Any], *arguments: Any, **named: Any) -> Any:
    if not torch.is_grad_enabled():
        return forward(*arguments, **named)
    return checkpoint(forward, *arguments, use_reentrant=False, **named)


def blocks_of(network: Any) -> Any:
    """The decoder blocks."""
    layers = network.config.num_hidden_layers
    return next(part for part in network.modules() if isinstance(part, nn.ModuleList) and len(part) == layers)


def _head(head: nn.Linear, hidden: Tensor, targets: Tensor | None = None, *, is_summed: bool = True) -> Tensor:
    """The output layer's forward: logits, or where there are targets their summed loss or each of their losses."""
    if targets is None:
        return nn.functional.linear(hidden, head.weight, head.bias)
    return head_loss(head, hidden, targets) if is_summed else token_losses(head, hidden, targets)


def _choose(
    model: LossModel,
    backends: list[str],
    recipe: Recipe,
    device: torch.device,
    expected: Tensor,
    tell: Callable[[str], None],
) -> Probe:
    """The first of `backends` that passes the probes; what fails is told."""
    for number, backend in enumerate(backends, 1):
        model.attention.backend = backend
        try:
            found = probe(model, device, expected)
            check(found, DTYPES[recipe.dtype], packing=recipe.packing)
            if backend != "sdpa":
                check_kernel(kernel_deviation(model.attention, model.network.config, device, DTYPES[recipe.dtype]))
            return found
        except Exception as why:
            # Kernels refuse shapes and devices in many ways; whatever it is, the next backend may do.
            if number == len(backends):
                raise
            line = (str(why).strip().splitlines() or [type(why).__name__])[0]
            tell(f"attention {backend} cannot be used here ({line[:160]}); trying {backends[number]}")
    raise AssertionError("there is always a backend")

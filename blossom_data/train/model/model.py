"""The model that is trained: a causal language model of transformers, loaded, checked, and made ready.

    model = load_model(recipe, device=torch.device("cpu"))            a LossModel
    settle(model, recipe, device=torch.device("cpu"), tell=print)     that has passed its probes

Code of a model folder is never run.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from blossom_data.errors import ConfigError
from blossom_data.train.model.attention import DocumentAttention, kernel_deviation
from blossom_data.train.model.configs import MODEL_HINT, read_config, stretched
from blossom_data.train.model.frozen import freeze
from blossom_data.train.model.lora import add_adapters, take_up_adapters
from blossom_data.train.model.loss_model import LossModel
from blossom_data.train.model.nf4 import quantise
from blossom_data.train.model.probes import Probe, check, check_kernel, probe, reference, usable_backends
from blossom_data.train.recipe.methods import Rope
from blossom_data.train.recipe.recipe import Recipe

DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}


def load_model(recipe: Recipe, *, device: torch.device, weights: Path | None = None) -> LossModel:
    """The base model, or the `weights` of a checkpoint, as it attends itself.

    Raises:
        ConfigError: the model cannot be read.
    """
    torch.manual_seed(recipe.seed)
    folder = recipe.base_model if recipe.lora or weights is None else weights
    network = load_network(folder, DTYPES[recipe.dtype], rope=recipe.rope)
    if recipe.lora and recipe.lora.bits:
        quantise(network, device=device)
    adapters = None
    if recipe.lora:
        adapters = add_adapters(network, recipe.lora) if weights is None else take_up_adapters(network, weights)
    freeze(network, recipe.freeze)
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


def load_network(folder: Path, dtype: torch.dtype | Literal["auto"], *, rope: Rope | None = None) -> Any:
    """The causal language model in `folder`; "auto" leaves its weights the type that they have.

    Args:
        rope: how its positions are stretched.

    Raises:
        ConfigError: none there, or one that only code of its own can run.
    """
    from transformers import AutoModelForCausalLM
    from transformers.utils import logging

    logging.disable_progress_bar()
    own: dict[str, Any] = {} if rope is None else {"config": stretched(read_config(folder), rope)}
    try:
        return AutoModelForCausalLM.from_pretrained(
            str(folder), dtype=dtype, local_files_only=True, trust_remote_code=False, **own
        )
    except Exception as why:
        # Whatever a damaged or foreign folder makes transformers raise, it is this folder that is wrong.
        line = (str(why).strip().splitlines() or [type(why).__name__])[0]
        raise ConfigError(f"cannot read a model from {folder}: {line[:200]}", hint=MODEL_HINT) from why


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
            found = probe(model, device, expected, recipe.seq_len if recipe.packing else 0)
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

"""How a recipe's weights are changed: the optimiser, adapters, positions, and what drives it all."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Annotated, Any, Literal

from pydantic import Field, Strict, with_config

from blossom_data.settings_types import STRICT, Count, Flag, Positive, Share, Text

_Beta = Annotated[float, Strict(), Field(ge=0, lt=1)]


@with_config(STRICT)
@dataclass(frozen=True, slots=True, kw_only=True)
class Optimiser:
    """What turns gradients into updates; the parameters are those of the one that `name` names."""

    name: Literal["adamw", "adamw-8bit", "paged-adamw-8bit", "adafactor", "lion", "muon"] = "adamw"
    """8-bit states need bitsandbytes and a GPU; muon is for the matrices of the blocks, AdamW for all else."""
    betas: Annotated[tuple[_Beta, ...], Field(min_length=2, max_length=2)] | None = None
    """adamw, muon's AdamW: [0.9, 0.999]; lion: [0.9, 0.99]."""
    eps: Positive | None = None
    """adamw, muon's AdamW: 1e-8."""
    decay_rate: Annotated[float, Strict(), Field(ge=-1, lt=0)] | None = None
    """adafactor: -0.8; how fast older squared gradients are forgotten."""
    clip_threshold: Positive | None = None
    """adafactor: 1.0; largest root mean square of an update before the learning rate."""
    momentum: _Beta | None = None
    """muon: 0.95."""
    nesterov: Flag | None = None
    """muon: true."""
    ns_steps: Annotated[int, Strict(), Field(ge=1, le=20)] | None = None
    """muon: 5; Newton-Schulz steps."""

    @property
    def given(self) -> dict[str, Any]:
        """The parameters that were given."""
        names = (one.name for one in fields(self) if one.name != "name")
        return {name: value for name in names if (value := getattr(self, name)) is not None}

    @property
    def takes(self) -> tuple[str, ...]:
        """The parameters that the one named has."""
        return OPTIMISER_TAKES[self.name]


OPTIMISER_TAKES: Mapping[str, tuple[str, ...]] = {
    "adamw": ("betas", "eps"),
    "adamw-8bit": ("betas", "eps"),
    "paged-adamw-8bit": ("betas", "eps"),
    "adafactor": ("decay_rate", "clip_threshold"),
    "lion": ("betas",),
    "muon": ("momentum", "nesterov", "ns_steps", "betas", "eps"),
}


@with_config(STRICT)
@dataclass(frozen=True, slots=True, kw_only=True)
class Rope:
    """Rotary positions stretched, so that rows may be longer than the base model was trained on."""

    type: Literal["linear", "dynamic", "yarn"] = "yarn"
    """How: Chen et al. 2023, NTK-aware by length, Peng et al. 2023."""
    factor: Annotated[float, Strict(), Field(gt=1)]
    """How many times the model's own length."""


@with_config(STRICT)
@dataclass(frozen=True, slots=True, kw_only=True)
class Lora:
    """Low-rank adapters in place of full weights."""

    rank: Count = 16
    """Of the adapters."""
    alpha: Positive = 32.0
    """Their weight is alpha / rank."""
    dropout: Share = 0.0
    """Of what goes into them."""
    targets: tuple[Text, ...] = ("all-linear",)
    """Layers that get one."""
    modules_to_save: tuple[Text, ...] = ()
    """Layers that are trained whole beside them: embed_tokens and lm_head, where chat tokens are new."""
    bits: Literal[4] | None = None
    """4: the weights under the adapters are kept in 4 bits (QLoRA: NF4, blocks of 64)."""


@with_config(STRICT)
@dataclass(frozen=True, slots=True, kw_only=True)
class DeepSpeed:
    """DeepSpeed in place of the plain adapter."""

    stage: Annotated[int, Strict(), Field(ge=0, le=3)] = 2
    """Of ZeRO: what the devices share out among them."""
    offload: Literal["none", "cpu"] = "none"
    """Where optimiser states live (stages 2 and 3)."""
    settings: Mapping[str, Any] = field(default_factory=dict)
    """Further settings, laid over those that the recipe implies."""

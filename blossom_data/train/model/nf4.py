"""Weights in 4 bits under adapters (QLoRA), in plain torch: any device, no further package.

    quantise(network, device=torch.device("cpu"))      the matrices of the blocks; embedding and output layer stay

64 numbers share a float32 scale, their largest; each is the nearest of sixteen that are spread as normal numbers are.
Where bitsandbytes is installed and there is a GPU, its kernels compute with the same sixteen numbers and blocks.
Source: Dettmers et al., QLoRA, 2023, section 3 and appendix E.
"""

from __future__ import annotations

import contextlib
import importlib
from typing import Any

import torch
from torch import Tensor, nn

NF4 = (
    -1.0,
    -0.6961928009986877,
    -0.5250730514526367,
    -0.39491748809814453,
    -0.28444138169288635,
    -0.18477343022823334,
    -0.09105003625154495,
    0.0,
    0.07958029955625534,
    0.16093020141124725,
    0.24611230194568634,
    0.33791524171829224,
    0.44070982933044434,
    0.5626170039176941,
    0.7229568362236023,
    1.0,
)
BLOCK = 64


def quantise(network: Any, *, device: torch.device) -> None:
    """Puts 4-bit layers in place of the linear layers of `network`, but for its output layer."""
    kernels = None
    if device.type == "cuda":
        with contextlib.suppress(ImportError):
            kernels = importlib.import_module("bitsandbytes").nn
    head = network.get_output_embeddings()
    for name, module in list(network.named_modules()):
        if type(module) is nn.Linear and module is not head:
            parent, _, own = name.rpartition(".")
            layer = _bitsandbytes_layer(kernels, module) if kernels else Nf4Linear(module)
            setattr(network.get_submodule(parent), own, layer)


class Nf4Linear(nn.Linear):
    """A linear layer whose weight is kept in 4 bits, and is made anew in each pass."""

    packed: Tensor
    scales: Tensor

    def __init__(self, layer: nn.Linear) -> None:
        nn.Module.__init__(self)
        self.in_features, self.out_features = layer.in_features, layer.out_features
        packed, scales = pack(layer.weight.detach())
        self.register_buffer("packed", packed, persistent=False)
        self.register_buffer("scales", scales, persistent=False)
        self._dtype = layer.weight.dtype
        self.bias = None if layer.bias is None else nn.Parameter(layer.bias.detach(), requires_grad=False)

    def __getattr__(self, name: str) -> Any:
        if name == "weight":
            return unpack(self.packed, self.scales, (self.out_features, self.in_features), self._dtype)
        return super().__getattr__(name)

    def forward(self, input: Tensor) -> Tensor:
        """The layer of the weight that the 4 bits stand for."""
        return _Product.apply(input, self.bias, self)  # type: ignore[no-any-return, no-untyped-call]


class _Product(torch.autograd.Function):
    """Keeps the 4 bits for the backward pass, in place of the weight that was made of them."""

    @staticmethod
    def forward(ctx: Any, given: Tensor, bias: Tensor | None, layer: Any) -> Tensor:
        ctx.layer = layer
        return nn.functional.linear(given, layer.weight, bias)

    @staticmethod
    def backward(ctx: Any, *outer: Any) -> Any:
        return outer[0] @ ctx.layer.weight, None, None


def pack(weight: Tensor) -> tuple[Tensor, Tensor]:
    """uint8 [numbers / 2] and float32 [blocks]: two numbers a byte, and the largest of each block."""
    flat = weight.float().flatten()
    flat = nn.functional.pad(flat, (0, -len(flat) % BLOCK)).view(-1, BLOCK)
    scales = flat.abs().amax(1)
    table = torch.tensor(NF4, device=weight.device)
    borders = (table[1:] + table[:-1]) / 2
    codes = torch.bucketize(flat / scales.clamp(min=1e-30)[:, None], borders).to(torch.uint8).flatten()
    return codes[::2] * 16 + codes[1::2], scales


def unpack(packed: Tensor, scales: Tensor, shape: tuple[int, int], dtype: torch.dtype) -> Tensor:
    """[*shape]: the weight that the 4 bits stand for."""
    table = torch.tensor(NF4, device=packed.device)
    codes = torch.stack([packed >> 4, packed & 15], dim=1).flatten()
    numbers = table[codes.int()].view(-1, BLOCK) * scales[:, None]
    return numbers.flatten()[: shape[0] * shape[1]].view(shape).to(dtype)


def _bitsandbytes_layer(kernels: Any, layer: nn.Linear) -> Any:
    made = kernels.Linear4bit(
        layer.in_features,
        layer.out_features,
        bias=layer.bias is not None,
        compute_dtype=layer.weight.dtype,
        quant_type="nf4",
    )
    made.weight = kernels.Params4bit(layer.weight.detach(), requires_grad=False, quant_type="nf4", blocksize=BLOCK)
    if layer.bias is not None:
        made.bias = nn.Parameter(layer.bias.detach(), requires_grad=False)
    return made

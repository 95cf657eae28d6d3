"""Floating-point operations of training, as the field counts them and as they are carried out.

    conventional   6 x parameters of matrices (output layer, no embedding) + 12 x layers x width x row length, a token
    executed       the same without what is skipped: other documents, the future, the head where nothing is supervised

"Utilisation" from the first flatters a trainer that skips work, so both are logged. Recomputed activations count in
neither.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

# Dense bfloat16 peaks of the vendors' data sheets, operations a second; a name is looked for as whole words.
PEAKS = {
    "B200": 2250e12,
    "GH200": 989e12,
    "H200 NVL": 835e12,
    "H200": 989e12,
    "H100 NVL": 835e12,
    "H100 PCIe": 756e12,
    "H100": 989e12,
    "H800": 989e12,
    "A100": 312e12,
    "A800": 312e12,
    "L40S": 362e12,
    "L40": 181e12,
    "L4": 121e12,
    "RTX 4090": 165e12,
    "A40": 150e12,
    "A30": 165e12,
    "A10G": 70e12,
    "A10": 125e12,
}


@dataclass(frozen=True, slots=True)
class Flops:
    """What a model costs: parameters of its blocks' matrices and of its head, layers, attention width."""

    blocks: int
    head: int
    layers: int
    width: int

    def conventional(self, tokens: int, seq_len: int) -> float:
        """Operations of one training step over `tokens` in rows of `seq_len`."""
        return tokens * (6.0 * (self.blocks + self.head) + 12.0 * self.layers * self.width * seq_len)

    def executed(self, tokens: int, supervised: int, squares: int) -> float:
        """Operations carried out; `squares` is the sum of the squared document lengths."""
        return 6.0 * (tokens * self.blocks + supervised * self.head) + 6.0 * self.layers * self.width * squares


def flops_of(network: Any, *, lora: bool = False) -> Flops:
    """The cost of `network` (of transformers, weights may be on the meta device)."""
    config = network.config
    embeddings = {id(part.weight) for part in (network.get_input_embeddings(), network.get_output_embeddings())}
    matrices = (one for one in network.parameters() if one.ndim > 1 and id(one) not in embeddings)
    blocks = sum(one.numel() for one in matrices)
    heads = config.num_attention_heads
    size = getattr(config, "head_dim", None) or config.hidden_size // heads
    share = 4 / 6 if lora else 1.0
    # Frozen matrices need no gradient of their own: a third of the work less.
    head = network.get_output_embeddings().weight.numel()
    return Flops(int(blocks * share), int(head * share), config.num_hidden_layers, heads * size)


def peak_of(device_name: str) -> float | None:
    """The bfloat16 peak of a device, operations a second; None where it is not known."""
    return next((peak for name, peak in PEAKS.items() if re.search(rf"\b{name}\b", device_name)), None)

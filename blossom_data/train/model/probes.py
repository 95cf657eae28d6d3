"""What is tried on the model itself before anything is trained: isolation, the head, the attention backend.

    leak        how much the logits of a document change when another document of its row does: must be 0
    deviation   how far they are from the logits of the document alone
    head        how far our logits are from those of the model before anything of it was replaced

A model that leaks is not packed: with `packing = false` a row holds one document, and nothing can reach it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from blossom_data.errors import ConfigError
from blossom_data.train.model.attention import Layout
from blossom_data.train.model.loss_model import LossModel

MOST_LEAK = 1e-5
_MOST_DEVIATION = {torch.float32: 1e-4, torch.bfloat16: 0.1, torch.float16: 0.02}
_TOKENS = 48


@dataclass(frozen=True, slots=True)
class Probe:
    """What the probes measured; logits are compared relative to the largest."""

    backend: str
    leak: float
    deviation: float
    head: float


def reference(network: Any, device: torch.device) -> Tensor:
    """float32 [tokens, vocabulary]: the logits of a model as it was loaded, on the probe's judged tokens."""
    network.eval()
    with torch.no_grad():
        logits = network(input_ids=_tokens(network, device)[2][None], use_cache=False).logits[0].float()
    assert isinstance(logits, Tensor)
    return logits


def probe(model: LossModel, device: torch.device, expected: Tensor, seq_len: int = 0) -> Probe:
    """Measures leak, deviation and the distance to `expected` logits on random tokens.

    Args:
        seq_len: tokens of a row, of which the other document fills what it can.
    """
    was_training = model.training
    model.eval()
    *_, judged = _tokens(model.network, device)
    one, other, _ = _tokens(model.network, device, max(_TOKENS, seq_len - len(judged)))
    with torch.no_grad():
        packed = _logits(model, torch.cat([one, judged]), [0, len(one)])[len(one) :]
        changed = _logits(model, torch.cat([other, judged]), [0, len(other)])[len(other) :]
        alone = _logits(model, judged, [0])
        # The first document must not see the second either.
        before = _logits(model, torch.cat([judged, one]), [0, len(judged)])[: len(judged)]
        after = _logits(model, torch.cat([judged, other]), [0, len(judged)])[: len(judged)]
    largest = float(alone.abs().max()) or 1.0
    leak = max(float((packed - changed).abs().max()), float((before - after).abs().max())) / largest
    deviation = max(float((packed - alone).abs().max()), float((before - alone).abs().max())) / largest
    model.train(was_training)
    return Probe(model.attention.backend, leak, deviation, float((alone - expected).abs().max()) / largest)


def check(found: Probe, dtype: torch.dtype, *, packing: bool) -> None:
    """Raises ConfigError where the model cannot be trained as the recipe asks."""
    if packing and not (found.leak <= MOST_LEAK and found.deviation <= _MOST_DEVIATION[dtype]):
        raise ConfigError(
            f"documents of a packed row reach each other in this model (leak {found.leak:.1e}, deviation "
            f"{found.deviation:.1e})",
            hint="set packing = false in the recipe: one document a row",
        )
    if not found.head <= _MOST_DEVIATION[dtype]:
        raise ConfigError(
            f"the model does more than its blocks and its output layer (logits differ by {found.head:.1e}), which is "
            "not supported",
            hint="train a model of the Llama, Mistral, Qwen, Yi or Bloom families",
        )


def check_kernel(deviation: float) -> None:
    """Raises ConfigError where a kernel's output or gradients are not those of one attention a document."""
    if not deviation <= _MOST_DEVIATION[torch.bfloat16]:
        raise ConfigError(f"its output or gradients are off by {deviation:.1e}", hint='set attention = "sdpa"')


def _logits(model: LossModel, ids: Tensor, starts: list[int]) -> Tensor:
    """float32 [tokens, vocabulary]: what our own forward pass gives for one row."""
    model.attention.layout = Layout.of([starts], len(ids), ids.device)
    return model.head(model.hidden(ids[None], positions_of(starts, len(ids), ids.device)[None])[0]).float()


def _tokens(network: Any, device: torch.device, length: int = _TOKENS) -> list[Tensor]:
    """Two texts of equal length, and the one whose logits are judged."""
    draw = torch.Generator().manual_seed(0)
    vocab = network.get_input_embeddings().num_embeddings
    return [torch.randint(0, vocab, (length + more,), generator=draw).to(device) for more in (0, 0, 9)]


def positions_of(starts: list[int], width: int, device: torch.device) -> Tensor:
    """int64 [width]: the place of each token in its document."""
    place = torch.arange(width, device=device)
    begin = torch.zeros_like(place)
    begin[torch.tensor(starts, device=device)] = torch.tensor(starts, device=device)
    return place - begin.cummax(0).values


def usable_backends(asked: str, *, device: torch.device, dtype: torch.dtype, alibi: bool, dropout: float) -> list[str]:
    """The attention backends to try, best first.

    Raises:
        ConfigError: the one that the recipe asks for cannot run here.
    """
    usable = ["sdpa"]
    if device.type == "cuda":
        usable.insert(0, "flex")
        if not alibi and dtype is not torch.float32 and _imports("torch.nn.attention.varlen"):
            usable.insert(0, "varlen")
    if dropout > 0:
        # Only the plain kernel drops attention weights.
        usable = ["sdpa"]
    if asked == "auto":
        return usable
    if asked not in usable:
        raise ConfigError(f"attention = {asked!r} cannot run here", hint=f"usable: auto, {', '.join(usable)}")
    return [asked]


def _imports(module: str) -> bool:
    try:
        __import__(module)
    except ImportError:
        return False
    return True

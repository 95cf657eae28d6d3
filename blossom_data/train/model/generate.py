"""Continues ids with a model of transformers, token by token, through the model's own key-value cache.

list(continued(network, [1, 5, 9], budget=64, stop_ids={2}, choose=likeliest))      [17, 4, 2]
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from typing import Any

import torch
from torch import Tensor

# What transformers calls its cache, in what it takes and in what it gives: newer releases first.
_CACHE_NAMES = ("cache", "past_key_values")


def continued(
    network: Any, prompt: Sequence[int], *, budget: int, stop_ids: Collection[int], choose: Callable[[Tensor], int]
) -> Iterator[int]:
    """The ids behind `prompt`, `budget` at most; the last is one of `stop_ids` where the model stopped by itself.

    Args:
        choose: the next token, of float32 logits [vocabulary].
    """
    ids = torch.tensor([list(prompt)], device=network.device)
    past: dict[str, Any] = {}
    for _ in range(budget):
        with torch.no_grad():
            done = network(input_ids=ids, use_cache=True, logits_to_keep=1, **past)
        past = {name: done[name] for name in _CACHE_NAMES if name in done.keys()}  # noqa: SIM118 (a ModelOutput)
        token = choose(done.logits[0, -1].float())
        yield token
        if token in stop_ids:
            return
        ids = torch.tensor([[token]], device=network.device)


def likeliest(logits: Tensor) -> int:
    """The token with the largest of `logits`, the first where several are."""
    return int(logits.argmax())

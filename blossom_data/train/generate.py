"""Continues ids with a model of transformers, token by token, through the model's own key-value cache.

list(continued(network, [1, 5, 9], budget=64, stop_ids={2}, choose=likeliest))      [17, 4, 2]
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from typing import Any

import torch
from torch import Tensor


def continued(
    network: Any, prompt: Sequence[int], *, budget: int, stop_ids: Collection[int], choose: Callable[[Tensor], int]
) -> Iterator[int]:
    """The ids behind `prompt`, `budget` at most; the last is one of `stop_ids` where the model stopped by itself.

    Args:
        choose: the next token, of float32 logits [vocabulary].
    """
    ids, past = torch.tensor([list(prompt)], device=network.device), None
    for _ in range(budget):
        with torch.no_grad():
            done = network(input_ids=ids, past_key_values=past, use_cache=True, logits_to_keep=1)
        past = done.past_key_values
        token = choose(done.logits[0, -1].float())
        yield token
        if token in stop_ids:
            return
        ids = torch.tensor([[token]], device=network.device)


def likeliest(logits: Tensor) -> int:
    """The token with the largest of `logits`, the first where several are."""
    return int(logits.argmax())

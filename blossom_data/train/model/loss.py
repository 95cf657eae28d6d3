"""Cross-entropy of the supervised positions: dividing by the tokens of a whole step is the loop's part.

    head_loss(head, hidden [n, width], targets [n])      float32 scalar: their sum
    token_losses(head, hidden [n, width], targets [n])   float32 [n]: each, which is minus the token's log-probability

Logits of a large vocabulary are the peak of a training step. Above LARGE_LOGITS_BYTES they are made a chunk at a time.
Of the sum each chunk's gradient is taken while it exists, so that none is kept or computed twice; what each loss weighs
is not known before all of them are, so their logits are computed again in the backward pass.
"""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

LARGE_LOGITS_BYTES = 1 << 30
_CHUNK_BYTES = 1 << 28


def head_loss(
    head: nn.Linear,
    hidden: Tensor,
    targets: Tensor,
    *,
    smoothing: float = 0.0,
    large_bytes: int = LARGE_LOGITS_BYTES,
) -> Tensor:
    """The summed cross-entropy of `targets` int64 [n] under the logits that `head` gives for `hidden` [n, width].

    Args:
        smoothing: share of each target that is spread over the whole vocabulary.
    """
    logits_bytes = 4 * hidden.shape[0] * head.weight.shape[0]
    if logits_bytes <= large_bytes:
        logits = F.linear(hidden, head.weight, head.bias).float()
        return F.cross_entropy(logits, targets, reduction="sum", label_smoothing=smoothing)
    rows = _chunk_rows(head, large_bytes)
    return ChunkedLoss.apply(hidden, head.weight, head.bias, targets, rows, smoothing)  # type: ignore[no-any-return, no-untyped-call]


def token_losses(head: nn.Linear, hidden: Tensor, targets: Tensor, *, large_bytes: int = LARGE_LOGITS_BYTES) -> Tensor:
    """The cross-entropy of each of `targets` int64 [n] under the logits that `head` gives for `hidden` [n, width]."""
    if 4 * hidden.shape[0] * head.weight.shape[0] <= large_bytes:
        return F.cross_entropy(F.linear(hidden, head.weight, head.bias).float(), targets, reduction="none")
    rows = _chunk_rows(head, large_bytes)
    return ChunkedTokenLosses.apply(hidden, head.weight, head.bias, targets, rows)  # type: ignore[no-any-return, no-untyped-call]


def _chunk_rows(head: nn.Linear, large_bytes: int) -> int:
    return max(1, min(_CHUNK_BYTES, large_bytes) // (4 * int(head.weight.shape[0])))


class ChunkedLoss(torch.autograd.Function):
    """Summed cross-entropy over chunks of rows; gradients are computed in the forward pass."""

    @staticmethod
    def forward(
        ctx: Any, hidden: Tensor, weight: Tensor, bias: Tensor | None, targets: Tensor, rows: int, smoothing: float
    ) -> Tensor:
        wants_hidden, wants_weight, wants_bias = ctx.needs_input_grad[:3]
        loss = hidden.new_zeros((), dtype=torch.float32)
        hidden_grad = torch.empty_like(hidden) if wants_hidden else None
        weight_grad = torch.zeros_like(weight, dtype=torch.float32) if wants_weight else None
        bias_grad = torch.zeros_like(bias, dtype=torch.float32) if bias is not None and wants_bias else None
        for start in range(0, hidden.shape[0], rows):
            chunk, target = hidden[start : start + rows], targets[start : start + rows]
            logits = F.linear(chunk, weight, bias).float()
            normaliser = logits.logsumexp(dim=-1, keepdim=True)
            place = target.unsqueeze(1)
            loss += (normaliser - (1 - smoothing) * logits.gather(1, place)).sum()
            if smoothing:
                loss -= smoothing * logits.mean(1).sum()
            if not (wants_hidden or wants_weight):
                continue
            logits_grad = logits.sub_(normaliser).exp_()
            logits_grad.scatter_add_(1, place, logits_grad.new_full(place.shape, smoothing - 1.0))
            if smoothing:
                logits_grad -= smoothing / logits_grad.shape[1]
            small = logits_grad.to(hidden.dtype)
            if hidden_grad is not None:
                hidden_grad[start : start + rows] = small @ weight
            if weight_grad is not None:
                weight_grad += small.T @ chunk
            if bias_grad is not None:
                bias_grad += logits_grad.sum(0)
        ctx.save_for_backward(hidden_grad, weight_grad, bias_grad)
        ctx.dtypes = (weight.dtype, None if bias is None else bias.dtype)
        return loss

    @staticmethod
    def backward(ctx: Any, *outer: Any) -> Any:
        hidden_grad, weight_grad, bias_grad = ctx.saved_tensors
        scale = outer[0]
        return (
            None if hidden_grad is None else hidden_grad * scale.to(hidden_grad.dtype),
            None if weight_grad is None else (weight_grad * scale).to(ctx.dtypes[0]),
            None if bias_grad is None else (bias_grad * scale).to(ctx.dtypes[1]),
            None,
            None,
            None,
        )


class ChunkedTokenLosses(torch.autograd.Function):
    """Each position's cross-entropy over chunks of rows; the backward pass makes each chunk's logits again."""

    @staticmethod
    def forward(ctx: Any, hidden: Tensor, weight: Tensor, bias: Tensor | None, targets: Tensor, rows: int) -> Tensor:
        ctx.save_for_backward(hidden, weight, bias, targets)
        ctx.rows = rows
        return torch.cat(
            [
                F.cross_entropy(F.linear(chunk, weight, bias).float(), target, reduction="none")
                for chunk, target in zip(hidden.split(rows), targets.split(rows), strict=True)
            ]
        )

    @staticmethod
    def backward(ctx: Any, *outer: Any) -> Any:
        hidden, weight, bias, targets = ctx.saved_tensors
        wants_hidden, wants_weight, wants_bias = ctx.needs_input_grad[:3]
        hidden_grad = torch.empty_like(hidden) if wants_hidden else None
        weight_grad = torch.zeros_like(weight, dtype=torch.float32) if wants_weight else None
        bias_grad = torch.zeros_like(bias, dtype=torch.float32) if wants_bias else None
        for start in range(0, hidden.shape[0], ctx.rows):
            part = slice(start, start + ctx.rows)
            place = targets[part].unsqueeze(1)
            logits_grad = F.linear(hidden[part], weight, bias).float().softmax(-1)
            logits_grad.scatter_add_(1, place, logits_grad.new_full(place.shape, -1.0))
            logits_grad *= outer[0][part].unsqueeze(1)
            small = logits_grad.to(hidden.dtype)
            if hidden_grad is not None:
                hidden_grad[part] = small @ weight
            if weight_grad is not None:
                weight_grad += small.T @ hidden[part]
            if bias_grad is not None:
                bias_grad += logits_grad.sum(0)
        return (
            hidden_grad,
            None if weight_grad is None else weight_grad.to(weight.dtype),
            None if bias_grad is None else bias_grad.to(bias.dtype),
            None,
            None,
        )

"""Attention inside each document of a packed row, and nowhere else.

    attention = DocumentAttention("sdpa", alibi=False)
    attention.attach(model)
    attention.layout = Layout.of([[0, 812, 1900]], width=2048, device=...)     three documents, then padding

Three backends: `sdpa` runs one causal attention per document (any device), `varlen` one flash kernel over all of them
(CUDA, half precision), `flex` a block mask (CUDA, ALiBi included). The layout is an attribute and no argument, as not
every model hands unknown arguments down to its attention. Whether a model really keeps documents apart is tried on the
model itself by probes.py.
"""

from __future__ import annotations

import contextlib
import functools
import inspect
import math
from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

NAME = "blossom_documents"
_CUMULATIVE_MULTIPLE = 64
_TRIED = 160


class Layout:
    """Where the documents of a batch lie; `cuts` holds the borders of each row, first 0 and last its width."""

    def __init__(self, cuts: Sequence[Sequence[int]], width: int, device: torch.device) -> None:
        self.cuts, self.width, self.device = cuts, width, device
        self._masks: dict[int, Any] = {}

    @classmethod
    def of(cls, starts: Sequence[Sequence[int]], width: int, device: torch.device) -> Layout:
        """The layout of rows whose documents (padding counts as one) begin at `starts`."""
        return cls([[*row, width] for row in starts], width, device)

    @functools.cached_property
    def cumulative(self) -> Tensor:
        """int32 [documents + 1]: borders in the rows laid end to end, padded with empty documents at the end."""
        borders = [0]
        for number, row in enumerate(self.cuts):
            borders += [number * self.width + cut for cut in row[1:]]
        # Few different lengths, so that compiled code is not compiled again for each batch.
        borders += borders[-1:] * (-len(borders) % _CUMULATIVE_MULTIPLE)
        return torch.tensor(borders, dtype=torch.int32, device=self.device)

    @functools.cached_property
    def numbers(self) -> Tensor:
        """int32 [rows, width]: the number of the document that each position belongs to."""
        rows = [[number for number, (a, b) in enumerate(pairwise(row)) for _ in range(b - a)] for row in self.cuts]
        return torch.tensor(rows, dtype=torch.int32, device=self.device)

    @functools.cached_property
    def lengths(self) -> Tensor:
        """float32 [rows, width]: the tokens of the document that each position belongs to."""
        rows = [[float(b - a) for a, b in pairwise(row) for _ in range(b - a)] for row in self.cuts]
        return torch.tensor(rows, dtype=torch.float32, device=self.device)

    @functools.cached_property
    def longest(self) -> int:
        """Tokens of the longest document."""
        return max(end - start for row in self.cuts for start, end in pairwise(row))

    def alibi(self, slopes: Tensor, dtype: torch.dtype) -> Tensor:
        """[heads, longest, longest]: the ALiBi bias with the causal mask; a corner of it serves a shorter document."""
        if len(slopes) not in self._masks:
            place = torch.arange(self.longest, device=self.device)
            distance = place[None, :] - place[:, None]
            bias = (slopes[:, None, None] * distance).to(dtype)
            self._masks[len(slopes)] = bias.masked_fill(distance > 0, float("-inf"))
        return self._masks[len(slopes)]  # type: ignore[no-any-return]

    def block_mask(self, window: int | None) -> Any:
        """The causal block mask of the documents, with a sliding window where the layer has one."""
        from torch.nn.attention.flex_attention import create_block_mask

        key = window or 0
        if key not in self._masks:
            numbers = self.numbers

            def is_seen(row: Tensor, _head: Tensor, query: Tensor, key: Tensor) -> Tensor:
                seen = (numbers[row, query] == numbers[row, key]) & (query >= key)
                return seen & (query - key < window) if window else seen

            self._masks[key] = create_block_mask(
                is_seen, len(self.cuts), None, self.width, self.width, device=self.device.type
            )
        return self._masks[key]


class DocumentAttention:
    """The attention of one model; `layout` must be set before each forward pass and kept until its backward pass."""

    def __init__(self, backend: str, *, alibi: bool) -> None:
        self.backend, self.is_alibi = backend, alibi
        self.layout: Layout | None = None
        self._slopes: Tensor | None = None
        self._own: str | None = None

    def attach(self, model: Any) -> None:
        """Makes `model` (of transformers) attend through this object."""
        from transformers import AttentionInterface
        from transformers.masking_utils import AttentionMaskInterface

        AttentionInterface.register(NAME, self.forward)
        AttentionMaskInterface.register(NAME, _no_mask)
        if model.config._attn_implementation != NAME:
            self._own = model.config._attn_implementation
        model.config._attn_implementation = NAME
        for module in self._bloom_modules(model):
            module.forward = functools.partial(self._bloom, module)
        for module in _by_length(model):
            module.forward = functools.partial(self._rotary, module)

    @contextlib.contextmanager
    def set_aside(self, model: Any) -> Iterator[None]:
        """Lets `model` attend as it did before `attach`, within the block: what its key-value cache needs."""
        model.config._attn_implementation = self._own
        for module in (*self._bloom_modules(model), *_by_length(model)):
            module.__dict__.pop("forward", None)
        try:
            yield
        finally:
            self.attach(model)

    def leave_graphs(self) -> None:
        """Keeps torch.compile out: documents lie elsewhere in every batch, and each would be compiled anew."""
        self._attend = torch.compiler.disable(self._attend)  # type: ignore[method-assign]

    def _bloom_modules(self, model: Any) -> list[Any]:
        """The attention modules whose forward this object replaces."""
        return [one for one in model.modules() if self.is_alibi and type(one).__name__ == "BloomAttention"]

    def forward(
        self,
        module: nn.Module,
        query: Tensor,
        key: Tensor,
        value: Tensor,
        attention_mask: Tensor | None = None,
        scaling: float | None = None,
        dropout: float = 0.0,
        sliding_window: int | None = None,
        **_: Any,
    ) -> tuple[Tensor, None]:
        """As transformers calls it: `query` [rows, heads, width, size] in, [rows, width, heads, size] out."""
        mixed = self._attend(query, key, value, scaling, dropout, sliding_window, None)
        return mixed.transpose(1, 2).contiguous(), None

    def _attend(
        self,
        query: Tensor,
        key: Tensor,
        value: Tensor,
        scale: float | None,
        dropout: float,
        window: int | None,
        slopes: Tensor | None,
    ) -> Tensor:
        assert self.layout is not None
        layout = self.layout
        if window is not None and window >= layout.longest:
            window = None
        if self.backend == "varlen" and slopes is None:
            return _varlen(layout, query, key, value, scale, window)
        if self.backend == "flex":
            return _flex(layout, query, key, value, scale, window, slopes)
        return _per_document(layout, query, key, value, scale, dropout, window, slopes)

    def _rotary(self, module: Any, x: Tensor, position_ids: Tensor, *_: Any, **named: Any) -> tuple[Tensor, Tensor]:
        """In place of a rotary embedding whose frequencies go by the longest sequence: each document has its own."""
        assert self.layout is not None
        own, rows = type(module).forward, []
        for row, cuts in enumerate(self.layout.cuts):
            pieces = []
            for start, end in pairwise(cuts):
                # As if nothing was seen before: else one document would leave its frequencies to the next.
                module.max_seq_len_cached = module.original_max_seq_len
                module.inv_freq = module.original_inv_freq.to(x.device).clone()
                pieces.append(own(module, x[row : row + 1, start:end], position_ids[row : row + 1, start:end], **named))
            rows.append([torch.cat(part, 1) for part in zip(*pieces, strict=True)])
        cos, sin = (torch.cat(part) for part in zip(*rows, strict=True))
        return cos, sin

    def _bloom(
        self, module: Any, hidden_states: Tensor, residual: Tensor, alibi: Tensor, *_: Any, **__: Any
    ) -> tuple[Tensor, None]:
        """In place of BloomAttention.forward: the same projections, ALiBi counted from each document's own start."""
        query, key, value = module._reshape(module.query_key_value(hidden_states))
        if self._slopes is None:
            self._slopes = alibi_slopes(module.num_heads, hidden_states.device)
        slopes = self._slopes
        dropout = module.attention_dropout.p if module.training else 0.0
        mixed = self._attend(query, key, value, module.inv_norm_factor, dropout, None, slopes)
        mixed = module.dense(mixed.transpose(1, 2).reshape(hidden_states.shape))
        return residual + F.dropout(mixed, p=module.hidden_dropout, training=module.training), None


def _by_length(model: Any) -> list[Any]:
    """The rotary embeddings whose frequencies depend on how long the sequence is."""
    kinds = ("dynamic", "longrope")
    return [
        one for one in model.modules() if isinstance(kind := getattr(one, "rope_type", None), str) and kind in kinds
    ]


def kernel_deviation(attention: DocumentAttention, config: Any, device: torch.device, dtype: torch.dtype) -> float:
    """How far what the backend's kernel computes is from one attention a document, relative to the largest number.

    Output and gradients are compared, on drawn queries of the shape that the model of `config` has.
    """
    heads = config.num_attention_heads
    size = getattr(config, "head_dim", None) or config.hidden_size // heads
    counts = (heads, *[getattr(config, "num_key_value_heads", None) or heads] * 2)
    draw = torch.Generator().manual_seed(0)
    drawn = [torch.randn(2, count, _TRIED, size, generator=draw).to(device, dtype) for count in (*counts, heads)]
    slopes = alibi_slopes(heads, device) if attention.is_alibi else None
    backend, before, worst = attention.backend, attention.layout, 0.0
    attention.layout = Layout.of([[0, _TRIED // 3], [0, 7, _TRIED // 2]], _TRIED, device)
    try:
        for window in (None, *([_TRIED // 8] if getattr(config, "sliding_window", None) else [])):
            found = []
            for attention.backend in ("sdpa", backend):
                taken = [one.clone().requires_grad_() for one in drawn[:3]]
                mixed = attention._attend(taken[0], taken[1], taken[2], size**-0.5, 0.0, window, slopes)
                found.append([mixed.detach(), *torch.autograd.grad(mixed, taken, drawn[3])])
            pairs = [(a.float(), b.float()) for a, b in zip(*found, strict=True)]
            worst = max(worst, *(float((a - b).abs().max() / a.abs().max()) for a, b in pairs))
    finally:
        attention.backend, attention.layout = backend, before
    return worst


def alibi_slopes(heads: int, device: torch.device) -> Tensor:
    """float32 [heads]: how steeply each head's attention falls with distance.

    Source: Press et al., Train Short, Test Long, section 3; heads that are no power of two as in its code.
    """
    whole = 1 << math.floor(math.log2(heads))
    slopes = [2 ** (-8 * number / whole) for number in range(1, whole + 1)]
    slopes += [2 ** (-4 * number / whole) for number in range(1, 2 * (heads - whole), 2)]
    return torch.tensor(slopes, dtype=torch.float32, device=device)


def _no_mask(*_: Any, **__: Any) -> None:
    """The mask that transformers makes for this attention: none."""


def _per_document(
    layout: Layout,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    scale: float | None,
    dropout: float,
    window: int | None,
    slopes: Tensor | None,
) -> Tensor:
    if (groups := query.shape[1] // key.shape[1]) > 1:
        key, value = key.repeat_interleave(groups, 1), value.repeat_interleave(groups, 1)
    bias = None if slopes is None else layout.alibi(slopes, query.dtype)
    rows = []
    for row, cuts in enumerate(layout.cuts):
        pieces = []
        for start, end in pairwise(cuts):
            asked, known, held = (part[row : row + 1, :, start:end] for part in (query, key, value))
            mask = bias if bias is None else bias[:, : end - start, : end - start]
            if window is not None and end - start > window:
                mask = _window(end - start, window, query.device)
            pieces.append(
                F.scaled_dot_product_attention(
                    asked, known, held, attn_mask=mask, is_causal=mask is None, dropout_p=dropout, scale=scale
                )
            )
        rows.append(torch.cat(pieces, 2))
    return torch.cat(rows)


def _window(length: int, window: int, device: torch.device) -> Tensor:
    place = torch.arange(length, device=device)
    distance = place[:, None] - place[None, :]
    return (distance >= 0) & (distance < window)


def _varlen(
    layout: Layout, query: Tensor, key: Tensor, value: Tensor, scale: float | None, window: int | None
) -> Tensor:
    from torch.nn.attention.varlen import varlen_attn

    rows, heads, width, size = query.shape
    flat = (part.transpose(1, 2).reshape(rows * width, part.shape[1], size) for part in (query, key, value))
    borders = layout.cumulative
    # Before 2.12 torch has no such flag: it takes fewer heads of keys as they are.
    is_flagged = key.shape[1] != heads and "enable_gqa" in inspect.signature(varlen_attn).parameters
    settings: dict[str, Any] = {"enable_gqa": True} if is_flagged else {}
    mixed = varlen_attn(
        *flat, borders, borders, width, width, scale=scale, window_size=((window or 0) - 1, 0), **settings
    )
    assert isinstance(mixed, Tensor)
    return mixed.reshape(rows, width, heads, size).transpose(1, 2)


def _flex(
    layout: Layout,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    scale: float | None,
    window: int | None,
    slopes: Tensor | None,
) -> Tensor:
    def with_alibi(score: Tensor, _row: Tensor, head: Tensor, at: Tensor, seen: Tensor) -> Tensor:
        assert slopes is not None
        return score + slopes[head] * (seen - at)

    mixed = _flex_kernel(query.is_cuda)(
        query,
        key,
        value,
        score_mod=None if slopes is None else with_alibi,
        block_mask=layout.block_mask(window),
        scale=scale,
        enable_gqa=key.shape[1] != query.shape[1],
    )
    assert isinstance(mixed, Tensor)
    return mixed


@functools.cache
def _flex_kernel(is_compiled: bool) -> Callable[..., Any]:
    from torch.nn.attention.flex_attention import flex_attention

    kernel: Callable[..., Any] = torch.compile(flex_attention, dynamic=False) if is_compiled else flex_attention
    return kernel

"""A network under a loss over its supervised positions.

    model(ids, positions, places, targets)              float32 [1]: summed cross-entropy
    model(ids, positions, places, targets, preference)  float32 [n]: summed preference loss, then what else is summed

`ids` and `positions` are int64 [rows, width]; `places` int64 [n] are the positions, rows laid end to end, whose next
token is supervised; `targets` int64 [n] are those tokens. How the model is driven is the adapters' part, how it is
stored checkpoint.py's.
"""

from __future__ import annotations

import functools
import inspect
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from blossom_data.errors import ConfigError
from blossom_data.train.model.attention import DocumentAttention
from blossom_data.train.model.lora import PREFIX, save_adapters, whole_layer
from blossom_data.train.model.loss import head_loss, token_losses
from blossom_data.train.model.preference import Preference


class LossModel(nn.Module):
    """`network` under a loss; `adapters` is the peft model around it where LoRA is trained."""

    def __init__(self, network: Any, attention: DocumentAttention, *, adapters: Any = None) -> None:
        super().__init__()
        self.network = network
        self.attention = attention
        # A list keeps peft's wrapper, which holds `network` itself, out of the parameter names.
        self._adapters = [adapters]
        head = whole_layer(network.get_output_embeddings())
        if type(head) is not nn.Linear:
            raise ConfigError(
                f"the model's output layer is a {type(head).__name__}, which is not supported",
                hint="take a base model whose output layer is linear",
            )
        head.forward = functools.partial(_head, head)
        self.smoothing = 0.0
        """Label smoothing while it trains; what is measured is plain cross-entropy."""
        self.noise = 0.0
        """NEFTune's alpha: noise on the embeddings while it trains."""
        network.get_input_embeddings().register_forward_hook(self._with_noise)
        self._has_positions = "position_ids" in inspect.signature(network.base_model.forward).parameters

    @property
    def head(self) -> Any:
        """The output layer."""
        return whole_layer(self.network.get_output_embeddings())

    @property
    def ends(self) -> list[Any]:
        """Embedding and output layer."""
        return [whole_layer(self.network.get_input_embeddings()), self.head]

    @property
    def vocab_size(self) -> int:
        """Rows of the embedding."""
        return int(whole_layer(self.network.get_input_embeddings()).num_embeddings)

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
            smoothing = self.smoothing if self.training else 0.0
            return self.head(hidden[places], targets, smoothing=smoothing)[None]  # type: ignore[no-any-return]
        return preference.judge(self.head(hidden[places], targets, is_summed=False))

    def _with_noise(self, _module: Any, _ids: Any, embedded: Tensor) -> Tensor:
        """Even noise of alpha / sqrt(document's tokens x width) at most. Source: Jain et al., NEFTune, 2023."""
        if not (self.noise and self.training and torch.is_grad_enabled()):
            return embedded
        assert self.attention.layout is not None
        lengths = self.attention.layout.lengths.to(embedded.dtype)
        most = self.noise / (lengths * embedded.shape[-1]).sqrt()
        return embedded + torch.empty_like(embedded).uniform_(-1, 1) * most[..., None]

    def stored_names(self) -> dict[str, nn.Parameter]:
        """The parameters that a checkpoint holds, by the name that they have in its file."""
        if not self.is_lora:
            return dict(self.network.named_parameters())
        # A matrix that is embedding and output layer at once has two names in the file.
        named = self.network.named_parameters(remove_duplicate=False)
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


def _head(
    head: nn.Linear,
    hidden: Tensor,
    targets: Tensor | None = None,
    *,
    is_summed: bool = True,
    smoothing: float = 0.0,
) -> Tensor:
    """The output layer's forward: logits, or where there are targets their summed loss or each of their losses."""
    if targets is None:
        return nn.functional.linear(hidden, head.weight, head.bias)
    if is_summed:
        return head_loss(head, hidden, targets, smoothing=smoothing)
    return token_losses(head, hidden, targets)

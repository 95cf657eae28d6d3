"""Rows of embedding and output layer: which look untrained, and how a token that is new gets one.

untrained_rows(network, {"<|im_end|>": 151645})
["the embedding row of <|im_end|> has the norm 0.0021, the median row 0.71: it looks untrained"]
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import torch

from blossom_data.errors import ConfigError
from blossom_data.train.model.folders import Building
from blossom_data.train.model.lora import whole_layer
from blossom_data.train.model.model import load_network
from blossom_data.train.template.tokens import load_tokenizer

_LOW = 0.25
"""A row whose norm is below this share of the median looks untrained."""


def untrained_rows(network: Any, tokens: Mapping[str, int]) -> list[str]:
    """A sentence for each row of `tokens` that looks untrained."""
    told = []
    for name, weight in _ends(network).items():
        found = _low(weight, tokens)
        for token, norm in found.items():
            middle = float(_norms(weight).median())
            told.append(
                f"the {name} row of {token} has the norm {norm:.3g}, the median row {middle:.3g}: it looks untrained"
            )
    return told


def with_tokens(base: Path, out: Path, tokens: Iterable[str]) -> dict[str, Any]:
    """Writes the model in `base` to `out` with `tokens` as special tokens, each with a row that is trained or the mean.

    Raises:
        ConfigError: no model or tokenizer, or nothing to do.
    """
    from tokenizers import AddedToken

    tokenizer, network = load_tokenizer(base), load_network(base, "auto")
    known = set(tokenizer.get_vocab().values())
    vocabulary = tokenizer.get_vocab()
    new = [token for token in dict.fromkeys(tokens) if token not in vocabulary]
    tokenizer.add_tokens([AddedToken(token, special=True, normalized=False) for token in new], special_tokens=True)
    ids = {token: int(tokenizer.convert_tokens_to_ids(token)) for token in dict.fromkeys(tokens)}
    size = max(tokenizer.get_vocab().values()) + 1
    if size > network.get_input_embeddings().num_embeddings:
        network.resize_token_embeddings(size, mean_resizing=False)
    low: dict[str, float] = {}
    for weight in _ends(network).values():
        low |= _low(weight, {token: row for token, row in ids.items() if row in known}, among=sorted(known))
    trained = sorted(known - {ids[token] for token in low})
    means = {name: weight[trained].float().mean(0).to(weight.dtype) for name, weight in _ends(network).items()}
    low = {
        token: norm
        for token, norm in low.items()
        if not all(torch.allclose(weight[ids[token]], means[name]) for name, weight in _ends(network).items())
    }
    if not new and not low:
        raise ConfigError("the model knows all of these tokens, and their rows are begun", hint="use it as it is")
    with torch.no_grad():
        for name, weight in _ends(network).items():
            weight[[ids[token] for token in (*new, *low)]] = means[name]
    with Building(out) as building:
        network.save_pretrained(building.folder)
        tokenizer.save_pretrained(str(building.folder))
        building.finish({"kind": "model", "base_model": base.name, "tokens": ids})
    return {"out": str(out), "added": new, "begun_anew": list(low), "vocab_size": size}


def _ends(network: Any) -> dict[str, torch.Tensor]:
    """The matrices with a row for each token: one where the output layer is the embedding, none where spread."""
    embedding = whole_layer(network.get_input_embeddings()).weight
    output = whole_layer(network.get_output_embeddings()).weight
    ends = {"embedding": embedding} | ({} if output is embedding else {"output": output})
    return {name: weight for name, weight in ends.items() if weight.ndim == 2 and len(weight)}


def _norms(weight: torch.Tensor) -> torch.Tensor:
    return weight.detach().float().norm(dim=1)


def _low(weight: torch.Tensor, tokens: Mapping[str, int], among: list[int] | None = None) -> dict[str, float]:
    """The tokens whose rows look untrained, with their norms; compared with all rows, or those `among`."""
    norms = _norms(weight)
    middle = float((norms if among is None else norms[among]).median())
    return {
        token: float(norms[row]) for token, row in tokens.items() if row < len(norms) and norms[row] < _LOW * middle
    }

"""The weights of a model folder in the terms of a GGUF file: names, order of rows, and number format.

    model.layers.0.self_attn.q_proj.weight   ->   blk.0.attn_q.weight, its rows in pairs where the family turns pairs

One tensor is in memory at a time. Families: Llama and Mistral, Qwen2 and Qwen3.

Source: the GGUF specification; Llama's rotation turns pairs of neighbours in llama.cpp, halves in transformers.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from blossom_data.errors import ConfigError

FORMATS = ("f32", "f16", "bf16", "q8_0", "q4_0", "q4_1")
FAMILIES = {"llama": "llama", "mistral": "llama", "qwen2": "qwen2", "qwen3": "qwen3"}
"""What llama.cpp calls the architecture of a model_type."""
_BLOCK = 32
"""Numbers of a row that share a scale in the quantised formats."""
_ENDS = ("token_embd.", "output.")
_HINT = "give llama.cpp's own converter: --converter llama.cpp/convert_hf_to_gguf.py"


@dataclass(frozen=True, slots=True)
class Tensor:
    """One weight as it will be written; `read` gives its data."""

    name: str
    shape: tuple[int, ...]
    format: str
    source: tuple[Path, str]
    heads: int = 0
    """Heads whose rows are put into pairs; 0: rows stay as they are."""

    def read(self) -> NDArray[Any]:
        """The data, float32, in the order that GGUF wants."""
        from safetensors import safe_open

        path, name = self.source
        with safe_open(path, framework="pt") as file:
            data: NDArray[Any] = file.get_tensor(name).float().numpy()
        if self.heads:
            halves = data.reshape(self.heads, 2, data.shape[0] // self.heads // 2, *data.shape[1:])
            data = halves.swapaxes(1, 2).reshape(data.shape)
        return np.ascontiguousarray(data)


def list_tensors(folder: Path, config: Mapping[str, Any], form: str) -> Iterator[Tensor]:
    """The weights of the model in `folder`, in the order of its files.

    Raises:
        ConfigError: a weight that GGUF has no name for in this family.
    """
    import gguf
    from safetensors import safe_open

    family = FAMILIES[config["model_type"]]
    kind = next(each for each, name in gguf.MODEL_ARCH_NAMES.items() if name == family)
    names = gguf.get_tensor_name_map(kind, config["num_hidden_layers"])
    for path in sorted(folder.glob("*.safetensors")):
        with safe_open(path, framework="pt") as file:
            for name in sorted(file.keys()):
                shape = tuple(file.get_slice(name).get_shape())
                if config.get("tie_word_embeddings") and name == "lm_head.weight":
                    continue
                written = names.get_name(name, try_suffixes=(".weight", ".bias"))
                if written is None:
                    raise ConfigError(f"GGUF has no name for the weight {name} of {family}", hint=_HINT)
                heads = _paired_heads(name, config) if family == "llama" else 0
                yield Tensor(written, shape, _format(written, shape, form), (path, name), heads)


def encoded(tensor: Tensor) -> NDArray[Any]:
    """The data of a tensor in its number format."""
    from gguf import GGMLQuantizationType, quants

    data = tensor.read()
    made: NDArray[Any] = quants.quantize(data, GGMLQuantizationType[tensor.format.upper()])
    return made


def _paired_heads(name: str, config: Mapping[str, Any]) -> int:
    if ".q_proj." in name:
        return int(config["num_attention_heads"])
    return int(config.get("num_key_value_heads") or config["num_attention_heads"]) if ".k_proj." in name else 0


def _format(name: str, shape: tuple[int, ...], form: str) -> str:
    """Vectors keep all their digits; rows that do not fill whole blocks of a quantised format keep half of them.

    What turns tokens into vectors and back keeps 8 bits where the rest has 4, as in llama.cpp's own tool.
    """
    if len(shape) < 2:
        return "f32"
    if form.startswith("q") and shape[-1] % _BLOCK:
        return "f16"
    return "q8_0" if form.startswith("q4") and name.startswith(_ENDS) else form


def rope_factors(config: Mapping[str, Any]) -> NDArray[Any] | None:
    """The divisors of Llama 3.1's rotation frequencies, float32 [head_dim / 2]; None where it has none.

    Source: `_compute_llama3_parameters` of transformers' modeling_rope_utils.
    """
    rope = rope_of(config)
    if rope.get("rope_type") != "llama3":
        return None
    low, high, factor = rope["low_freq_factor"], rope["high_freq_factor"], rope["factor"]
    original = rope["original_max_position_embeddings"]
    factors = []
    for number in range(0, head_dim(config), 2):
        length = 2 * math.pi * rope["rope_theta"] ** (number / head_dim(config))
        if length < original / high:
            factors.append(1.0)
        elif length > original / low:
            factors.append(float(factor))
        else:
            smooth = (original / length - low) / (high - low)
            factors.append(1 / ((1 - smooth) / factor + smooth))
    return np.array(factors, dtype=np.float32)


def rope_of(config: Mapping[str, Any]) -> dict[str, Any]:
    """How positions are turned, under the names of transformers 5, whichever release wrote the file."""
    rope = dict(config.get("rope_parameters") or config.get("rope_scaling") or {})
    rope.setdefault("rope_theta", config.get("rope_theta", 10_000.0))
    rope["rope_type"] = rope.get("rope_type") or rope.pop("type", None) or "default"
    return rope


def head_dim(config: Mapping[str, Any]) -> int:
    """Width of one attention head."""
    return int(config.get("head_dim") or config["hidden_size"] // config["num_attention_heads"])

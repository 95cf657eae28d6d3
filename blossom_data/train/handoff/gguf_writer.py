"""A GGUF file of a model folder, written here: no converter of llama.cpp is wanted.

    own_gguf(Path("models/blossom"), form="")      models/blossom.gguf, in the number format of the weights

For the families Llama, Mistral, Qwen2 and Qwen3 with tokenizers whose rules llama.cpp shares; what is not known to come
out the same is refused, with the way to llama.cpp's own converter. The extra `gguf` writes the container.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from blossom_data.errors import ConfigError, extra_hint
from blossom_data.train.handoff.gguf_tensors import (
    FAMILIES,
    FORMATS,
    Tensor,
    encoded,
    head_dim,
    list_tensors,
    rope_factors,
    rope_of,
)
from blossom_data.train.handoff.gguf_tokenizer import read_vocabulary

_FORMATS_OF = {"float32": "f32", "float16": "f16", "bfloat16": "bf16"}
_HINT = "give llama.cpp's own converter: --converter llama.cpp/convert_hf_to_gguf.py"
_ROPES = ("default", "linear", "llama3", "yarn")


def is_writable(folder: Path) -> bool:
    """Whether the model in `folder` is of a family that is written here, and the extra `gguf` is there."""
    import importlib.util

    return _config(folder).get("model_type") in FAMILIES and importlib.util.find_spec("gguf") is not None


def own_gguf(model: Path, made: Path, *, form: str = "") -> None:
    """Writes the model folder `model` to the file `made`.

    Args:
        form: one of FORMATS; "" for that of the weights.

    Raises:
        ConfigError: the extra is missing, or the model cannot be written so that it says the same.
    """
    try:
        import gguf
    except ImportError as why:
        raise ConfigError("writing GGUF needs the package gguf", hint=extra_hint("gguf")) from why
    config = _config(model)
    family = FAMILIES.get(config.get("model_type", ""))
    if family is None:
        raise ConfigError(f"a model of the family {config.get('model_type')} is not written here", hint=_HINT)
    form = form or _FORMATS_OF.get(str(config.get("dtype") or config.get("torch_dtype")), "f16")
    if form not in FORMATS:
        raise ConfigError(f"{form!r} is no number format", hint=f"one of {', '.join(FORMATS)}")
    tensors = list(list_tensors(model, config, form))
    writer = gguf.GGUFWriter(made, family)
    _write_shape(writer, config, model.name, form)
    _write_tokenizer(writer, model, config)
    factors = rope_factors(config)
    if factors is not None:
        writer.add_tensor_info("rope_freqs.weight", factors.shape, factors.dtype, factors.nbytes)
    for tensor in tensors:
        _announce(writer, tensor)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_ti_data_to_file()
    if factors is not None:
        writer.write_tensor_data(factors)
    for tensor in tensors:
        writer.write_tensor_data(encoded(tensor))
    writer.close()


def _announce(writer: Any, tensor: Tensor) -> None:
    from gguf import GGMLQuantizationType, quants

    kind = GGMLQuantizationType[tensor.format.upper()]
    if tensor.format == "f32":
        writer.add_tensor_info(tensor.name, tensor.shape, np.dtype(np.float32), int(np.prod(tensor.shape)) * 4)
    elif tensor.format == "f16":
        writer.add_tensor_info(tensor.name, tensor.shape, np.dtype(np.float16), int(np.prod(tensor.shape)) * 2)
    else:
        shape = quants.quant_shape_to_byte_shape(tensor.shape, kind)
        writer.add_tensor_info(tensor.name, shape, np.dtype(np.uint8), int(np.prod(shape)), raw_dtype=kind)


def _write_shape(writer: Any, config: Mapping[str, Any], name: str, form: str) -> None:
    """The model's own numbers."""
    import gguf

    heads, rope = config["num_attention_heads"], rope_of(config)
    writer.add_name(name)
    writer.add_context_length(_context(config))
    writer.add_embedding_length(config["hidden_size"])
    writer.add_block_count(config["num_hidden_layers"])
    writer.add_feed_forward_length(config["intermediate_size"])
    writer.add_head_count(heads)
    writer.add_head_count_kv(config.get("num_key_value_heads") or heads)
    writer.add_layer_norm_rms_eps(config["rms_norm_eps"])
    writer.add_rope_freq_base(float(rope["rope_theta"]))
    writer.add_rope_dimension_count(head_dim(config))
    writer.add_key_length(head_dim(config))
    writer.add_value_length(head_dim(config))
    writer.add_vocab_size(config["vocab_size"])
    writer.add_file_type(gguf.LlamaFileType[f"MOSTLY_{form.upper()}" if form != "f32" else "ALL_F32"])
    if rope["rope_type"] not in _ROPES:
        raise ConfigError(f"positions are scaled by {rope['rope_type']}, which is not written here", hint=_HINT)
    if rope["rope_type"] in ("linear", "yarn"):
        writer.add_rope_scaling_type(gguf.RopeScalingType(rope["rope_type"]))
        writer.add_rope_scaling_factor(float(rope["factor"]))
    if rope["rope_type"] == "yarn":
        writer.add_rope_scaling_orig_ctx_len(int(rope["original_max_position_embeddings"]))


def _context(config: Mapping[str, Any]) -> int:
    """Positions that come out as in the training: a sliding window is not known to llama.cpp in these families."""
    most = int(config["max_position_embeddings"])
    window = config.get("sliding_window") if config.get("use_sliding_window", True) else None
    return min(most, int(window)) if window else most


def _write_tokenizer(writer: Any, model: Path, config: Mapping[str, Any]) -> None:
    from blossom_data.train.template.tokens import load_tokenizer

    words = read_vocabulary(model, int(config["vocab_size"]))
    writer.add_tokenizer_model(words.model)
    writer.add_tokenizer_pre(words.pre)
    writer.add_token_list(words.tokens)
    writer.add_token_types(words.types)
    if words.scores:
        writer.add_token_scores(words.scores)
        writer.add_add_space_prefix(words.adds_space)
    if words.merges:
        writer.add_token_merges(words.merges)
    tokenizer = load_tokenizer(model)
    for number, add in (
        (tokenizer.bos_token_id, writer.add_bos_token_id),
        (tokenizer.eos_token_id, writer.add_eos_token_id),
        (tokenizer.unk_token_id, writer.add_unk_token_id),
        (tokenizer.pad_token_id, writer.add_pad_token_id),
    ):
        if number is not None:
            add(number)
    stops = json.loads((model / "generation_config.json").read_bytes()).get("eos_token_id")
    trained = stops[0] if isinstance(stops, list) and stops else stops
    if trained is not None and trained != tokenizer.eos_token_id:
        writer.add_eot_token_id(trained)
    first = tokenizer("a")["input_ids"][:1]
    writer.add_add_bos_token(tokenizer.bos_token_id is not None and first == [tokenizer.bos_token_id])
    if tokenizer.chat_template:
        writer.add_chat_template(tokenizer.chat_template)


def _config(folder: Path) -> dict[str, Any]:
    try:
        config: dict[str, Any] = json.loads((folder / "config.json").read_bytes())
    except (OSError, ValueError) as why:
        raise ConfigError(f"{folder} is no model folder: no config.json", hint="train export RUN -o DIR") from why
    return config

"""Writes a Qwen2 model with the tiny vocabulary as a Q8_0 GGUF file, with the `gguf` package alone."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy
from gguf import GGMLQuantizationType, GGUFWriter, LlamaFileType, TokenType
from gguf.quants import quantize
from samples import END, PAD, SPECIAL, TEMPLATE, Vocabulary

if TYPE_CHECKING:
    from transformers import Qwen2ForCausalLM

_NAMES = {
    "model.embed_tokens": "token_embd",
    "model.norm": "output_norm",
    "self_attn.q_proj": "attn_q",
    "self_attn.k_proj": "attn_k",
    "self_attn.v_proj": "attn_v",
    "self_attn.o_proj": "attn_output",
    "mlp.gate_proj": "ffn_gate",
    "mlp.up_proj": "ffn_up",
    "mlp.down_proj": "ffn_down",
    "input_layernorm": "attn_norm",
    "post_attention_layernorm": "ffn_norm",
}


def write_gguf(path: Path, model: Qwen2ForCausalLM, vocabulary: Vocabulary) -> None:
    """Writes weights, vocabulary and chat template; matrices as Q8_0, the rest as float32."""
    config = model.config
    writer = GGUFWriter(path, "qwen2")
    writer.add_name("blossom-tiny")
    writer.add_license("Apache-2.0")
    writer.add_context_length(config.max_position_embeddings)
    writer.add_embedding_length(config.hidden_size)
    writer.add_block_count(config.num_hidden_layers)
    writer.add_feed_forward_length(config.intermediate_size)
    writer.add_head_count(config.num_attention_heads)
    writer.add_head_count_kv(config.num_key_value_heads)
    writer.add_layer_norm_rms_eps(config.rms_norm_eps)
    writer.add_rope_freq_base(config.rope_parameters["rope_theta"])
    writer.add_file_type(LlamaFileType.MOSTLY_Q8_0)
    _add_vocabulary(writer, vocabulary)
    for name, tensor in model.state_dict().items():
        if name == "lm_head.weight":
            continue
        values = tensor.float().numpy()
        if values.ndim == 2:
            writer.add_tensor(
                _name(name), quantize(values, GGMLQuantizationType.Q8_0), raw_dtype=GGMLQuantizationType.Q8_0
            )
        else:
            writer.add_tensor(_name(name), values.astype(numpy.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def _add_vocabulary(writer: GGUFWriter, vocabulary: Vocabulary) -> None:
    signs = byte_signs()
    tokens = [*SPECIAL, *signs, *vocabulary.words]
    kinds = [TokenType.CONTROL] * len(SPECIAL) + [TokenType.NORMAL] * 256
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("qwen2")
    writer.add_token_list(tokens)
    writer.add_token_types(kinds + [TokenType.USER_DEFINED] * len(vocabulary.words))
    # The format wants at least one merge; this one can never apply, for no text holds these two bytes in a row.
    writer.add_token_merges([f"{signs[0xFF]} {signs[0xFF]}"])
    writer.add_eos_token_id(END)
    writer.add_pad_token_id(PAD)
    writer.add_add_bos_token(False)
    writer.add_chat_template(TEMPLATE)


def byte_signs() -> list[str]:
    """The visible sign that stands for each byte in a byte-level vocabulary, by byte."""
    shown = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    hidden = [byte for byte in range(256) if byte not in shown]
    signs = {byte: chr(byte) for byte in shown} | {byte: chr(256 + place) for place, byte in enumerate(hidden)}
    return [signs[byte] for byte in range(256)]


def _name(name: str) -> str:
    """`model.layers.0.mlp.up_proj.weight` -> `blk.0.ffn_up.weight`."""
    stem, kind = name.rsplit(".", 1)
    parts = stem.split(".")
    if "layers" in parts:
        return f"blk.{parts[2]}.{_NAMES['.'.join(parts[3:])]}.{kind}"
    return f"{_NAMES[stem]}.{kind}"

"""Tiny models, chats and recipes, made offline; as a script: one run of several recipes in one group of processes."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import (
    AutoModelForCausalLM,
    BloomConfig,
    LlamaConfig,
    MistralConfig,
    PreTrainedTokenizerFast,
    Qwen2Config,
)

from blossom_data.train.data.pack import pack_dataset
from blossom_data.train.model.loss_model import LossModel
from blossom_data.train.model.model import load_model, settle
from blossom_data.train.model.probes import Probe
from blossom_data.train.recipe.recipe import Recipe

SEQ_LEN = 96
WORDS = "red blue green small large old new cat dog bird tree house runs sleeps sings near far"


def chats(count: int, seed: str, turns: int = 1) -> list[dict[str, Any]]:
    """Conversations of a few words."""
    draw = random.Random(seed)
    rows = []
    for number in range(count):
        messages = [{"role": "system", "content": f"Number {number}."}]
        for _ in range(draw.randint(1, turns)):
            asked = " ".join(draw.choices(WORDS.split(), k=draw.randint(2, 6)))
            messages += [{"role": "user", "content": asked}, {"role": "assistant", "content": asked.upper()}]
        rows.append({"messages": messages})
    return rows


def tokenizer() -> PreTrainedTokenizerFast:
    """Byte-level, with ChatML's tokens."""
    model = Tokenizer(models.BPE())
    model.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    model.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=380,
        special_tokens=["<|endoftext|>", "<|im_start|>", "<|im_end|>"],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    texts = [turn["content"] for row in chats(200, "words", 3) for turn in row["messages"]]
    model.train_from_iterator([*texts, "user\nassistant\nsystem\n"] * 2, trainer)
    return PreTrainedTokenizerFast(tokenizer_object=model, eos_token="<|endoftext|>", pad_token="<|endoftext|>")


def make_model(folder: Path, family: str = "qwen2") -> Path:
    """A model of two blocks with drawn weights, and the tokenizer, in `folder`."""
    words = tokenizer()
    ids = {"bos_token_id": None, "eos_token_id": words.eos_token_id, "pad_token_id": words.pad_token_id}
    shape = {
        "vocab_size": len(words),
        "hidden_size": 64,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "intermediate_size": 128,
        "max_position_embeddings": 256,
        **ids,
    }
    config: Any
    if family == "bloom":
        config = BloomConfig(vocab_size=len(words), hidden_size=64, n_layer=2, n_head=4, **ids)
    elif family == "llama":
        config = LlamaConfig(**shape, tie_word_embeddings=False)
    elif family == "mistral":
        config = MistralConfig(**shape, sliding_window=16)
    else:
        config = Qwen2Config(**shape, tie_word_embeddings=True)
    torch.manual_seed(1)
    AutoModelForCausalLM.from_config(config).save_pretrained(folder)
    words.save_pretrained(folder)
    return folder


def build_model(recipe: Recipe, *, device: torch.device, tell: Callable[[str], None]) -> tuple[LossModel, Probe]:
    """The base model of a recipe, loaded and settled as a run does it."""
    model = load_model(recipe, device=device)
    return model, settle(model, recipe, device=device, tell=tell)


def make_packed(folder: Path, model: Path, count: int, turns: int = 1, seq_len: int = SEQ_LEN) -> Path:
    """A packed set of `count` chats in `folder`."""
    records = folder.with_suffix(".jsonl")
    records.write_text("".join(json.dumps(row) + "\n" for row in chats(count, folder.name, turns)))
    pack_dataset([records], folder, tokenizer=model, template="chatml", seq_len=seq_len)
    return folder


def write_recipe(path: Path, stages: str, **top: Any) -> Path:
    """A recipe file for the model in `base` beside it."""
    settings = {
        "base_model": "base",
        "template": "chatml",
        "seq_len": SEQ_LEN,
        "dtype": "float32",
        "micro_batch": 2,
        "log_every": 1,
        "save_every": 4,
        **top,
    }
    lines = "".join(f"{key} = {json.dumps(value)}\n" for key, value in settings.items() if not isinstance(value, dict))
    tables = "".join(
        f"[{key}]\n" + "".join(f"{name} = {json.dumps(item)}\n" for name, item in value.items())
        for key, value in settings.items()
        if isinstance(value, dict)
    )
    path.write_text(lines + tables + stages)
    return path


TWO_STAGES = """
[[stage]]
name = "one"
learning_rate = 3e-3
data = [{path = "first"}]
[[stage]]
name = "two"
epochs = 2
learning_rate = 1e-3
schedule = "linear"
data = [{path = "second"}]
replay = {stage = "one", share = 0.2}
"""


def make_workplace(folder: Path, family: str = "qwen2", first: int = 60, second: int = 20) -> Path:
    """A folder with `base`, `first` and `second`."""
    folder.mkdir(parents=True, exist_ok=True)
    model = make_model(folder / "base", family)
    make_packed(folder / "first", model, first)
    make_packed(folder / "second", model, second, turns=3)
    return folder

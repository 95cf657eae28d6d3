"""Tiny tokenizers of each family, trained offline, and the bytes behind their tokens."""

from __future__ import annotations

import functools
import json

from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers
from transformers import PreTrainedTokenizerFast

TEXTS = [
    "What is 6 times 7? It is 42.",
    "user\nassistant\nsystem\ntool",
    "Human: a\n\nAssistant: b\n\n|Human|: |Bot|: ",
    "the assistant said yes and so the answer is four",
    "天空是什么颜色？蓝色的。天很蓝",
    "<|x|> <|y|>",
    "a\n\nb",
    "a\n\n\n\nb   \n\n\n",
    "def f(x):\n    return [x, [1, 2], {}]",
]
SPECIALS = {
    "chatml": ["<|endoftext|>", "<|im_start|>", "<|im_end|>"],
    "llama-3": ["<|begin_of_text|>", "<|end_of_text|>", "<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>"],
    "mistral": ["<s>", "</s>", "[INST]", "[/INST]", "[TOOL_RESULTS]", "[/TOOL_RESULTS]"],
    "baichuan": ["<s>", "</s>", "<reserved_106>", "<reserved_107>"],
    "bloom": ["<s>", "</s>", "<pad>"],
    "blossom": ["<s>", "</s>", "<pad>"],
}
SPECIALS["qwen"] = SPECIALS["yi"] = SPECIALS["own"] = SPECIALS["chatml"]
SPECIALS["qwen2.5"] = SPECIALS["qwen3"] = SPECIALS["qwen3-instruct"] = SPECIALS["chatml"]
SPECIALS["llama-3.1"] = SPECIALS["llama-3"]
_MISTRAL_V3 = [*SPECIALS["mistral"], "[AVAILABLE_TOOLS]", "[/AVAILABLE_TOOLS]", "[TOOL_CALLS]"]
_MISTRAL_V7 = [*_MISTRAL_V3, "[SYSTEM_PROMPT]", "[/SYSTEM_PROMPT]", "[TOOL_CONTENT]"]
_DEEPSEEK = ["<｜begin▁of▁sentence｜>", "<｜end▁of▁sentence｜>", "<｜User｜>", "<｜Assistant｜>", "<｜tool▁sep｜>"]
_DEEPSEEK += [
    f"<｜tool▁{what}▁{edge}｜>" for what in ("calls", "call", "outputs", "output") for edge in ("begin", "end")
]
SPECIALS |= {
    "mistral-v1": ["<s>", "</s>"],
    "mistral-v3": _MISTRAL_V3,
    "mistral-v3-tekken": _MISTRAL_V3,
    "mistral-v7": _MISTRAL_V7,
    "mistral-v7-tekken": _MISTRAL_V7,
    "gemma": ["<pad>", "<eos>", "<bos>", "<start_of_turn>", "<end_of_turn>"],
    "deepseek-r1-distill": _DEEPSEEK,
    "deepseek-v3": _DEEPSEEK,
    "glm-4": ["<|endoftext|>", "[gMASK]", "<sop>", "<|system|>", "<|user|>", "<|assistant|>", "<|observation|>"],
    "phi-3": ["<s>", "<|endoftext|>", "<|system|>", "<|user|>", "<|assistant|>", "<|end|>"],
    "phi-4": ["<|endoftext|>", "<|im_start|>", "<|im_sep|>", "<|im_end|>"],
    "gpt-oss": ["<|startoftext|>", "<|return|>", "<|start|>", "<|channel|>", "<|message|>", "<|end|>", "<|call|>"],
}
BOS = {
    **dict.fromkeys(("llama-3", "llama-3.1"), "<|begin_of_text|>"),
    **dict.fromkeys(("mistral", "baichuan", "bloom", "blossom", "phi-3"), "<s>"),
    **dict.fromkeys((name for name in SPECIALS if name.startswith("mistral-")), "<s>"),
    "gemma": "<bos>",
    **dict.fromkeys(("deepseek-r1-distill", "deepseek-v3"), "<｜begin▁of▁sentence｜>"),
    "gpt-oss": "<|startoftext|>",
}
EOS = {
    **dict.fromkeys(("llama-3", "llama-3.1"), "<|end_of_text|>"),
    **dict.fromkeys(("mistral", "baichuan", "bloom", "blossom"), "</s>"),
    **dict.fromkeys((name for name in SPECIALS if name.startswith("mistral-")), "</s>"),
    **dict.fromkeys(("glm-4", "phi-3", "phi-4"), "<|endoftext|>"),
    "gemma": "<eos>",
    **dict.fromkeys(("deepseek-r1-distill", "deepseek-v3"), "<｜end▁of▁sentence｜>"),
    "gpt-oss": "<|return|>",
}
OWN_TEMPLATE = (
    "{% if messages[0]['role'] != 'system' %}<|im_start|>system\nYou are a tiny model.<|im_end|>\n{% endif %}"
    "{% for m in messages %}{{ '<|im_start|>' + m['role'] + '\n' + m['content'] + '<|im_end|>\n' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)


@functools.cache
def byte_level(family: str) -> PreTrainedTokenizerFast:
    """Like GPT-2's and Qwen's: bytes, and tokens that hold runs of newlines."""
    model = Tokenizer(models.BPE())
    model.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(r" ?[^\s]+|\s+", behavior="isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    model.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=700,
        special_tokens=SPECIALS[family],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    model.train_from_iterator(TEXTS * 20, trainer)
    return finish(model, family)


@functools.cache
def metaspace(family: str) -> PreTrainedTokenizerFast:
    """Like Llama-2's: blanks as ▁, one put in front of every text, bytes where the vocabulary has no character."""
    model = Tokenizer(models.BPE(unk_token="<unk>", fuse_unk=True, byte_fallback=True))
    model.normalizer = normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
    model.decoder = decoders.Sequence(
        [decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0)]
    )
    trainer = trainers.BpeTrainer(
        vocab_size=900,
        special_tokens=["<unk>", *SPECIALS[family], *(f"<0x{byte:02X}>" for byte in range(256))],
        limit_alphabet=60,
        show_progress=False,
    )
    model.train_from_iterator(TEXTS * 20, trainer)
    # The trainer takes the bytes for special tokens; in the models' own files they are ordinary ones.
    described = json.loads(model.to_str())
    described["added_tokens"] = [token for token in described["added_tokens"] if not token["content"].startswith("<0x")]
    model = Tokenizer.from_str(json.dumps(described))
    return finish(model, family, unk_token="<unk>", adds_bos=family == "blossom")


def finish(
    model: Tokenizer, family: str, *, unk_token: str | None = None, adds_bos: bool = False
) -> PreTrainedTokenizerFast:
    """The trained model as transformers has it."""
    bos, eos = BOS.get(family), EOS.get(family, "<|im_end|>")
    if adds_bos and bos:
        model.post_processor = processors.TemplateProcessing(
            single=f"{bos} $A", special_tokens=[(bos, model.token_to_id(bos))]
        )
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=model, bos_token=bos, eos_token=eos, unk_token=unk_token, pad_token=SPECIALS[family][0]
    )
    if family == "own":
        tokenizer.chat_template = OWN_TEMPLATE
    return tokenizer


@functools.cache
def _byte_alphabet() -> dict[str, int]:
    """The characters that byte-level tokenizers write bytes as."""
    shown = [*range(33, 127), *range(161, 173), *range(174, 256)]
    hidden = [byte for byte in range(256) if byte not in shown]
    return {chr(byte): byte for byte in shown} | {chr(256 + place): byte for place, byte in enumerate(hidden)}


def token_bytes(tokenizer: PreTrainedTokenizerFast, token: int) -> bytes:
    """The bytes that `token` stands for, found without decoding."""
    text = tokenizer.convert_ids_to_tokens(token)
    if text in tokenizer.all_special_tokens or text in SPECIALS_ALL:
        return text.encode()
    if tokenizer.unk_token is None:
        return bytes(_byte_alphabet()[character] for character in text)
    if text.startswith("<0x") and len(text) == 6:
        return bytes([int(text[3:5], 16)])
    return text.replace("▁", " ").encode()


SPECIALS_ALL = {text for texts in SPECIALS.values() for text in texts}

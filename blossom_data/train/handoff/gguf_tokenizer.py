"""A tokenizer in the terms of a GGUF file: tokens with their types, merges or scores, and by which rules text is split.

    tokenizer.json of Qwen2.5     model gpt2, pre qwen2, 151,936 tokens (some unused), 151,387 merges
    tokenizer.json of Llama-2     model llama, scores in the order of its merges

Only splitting rules that llama.cpp is known to share are taken: with others it would cut text into other tokens than
the training did, and nobody would see it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from blossom_data.errors import ConfigError

NORMAL, UNKNOWN, CONTROL, USER_DEFINED, UNUSED, BYTE = 1, 2, 3, 4, 5, 6
"""Types of tokens, as GGUF numbers them."""
_WORDS = r"[^\r\n\p{L}\p{N}]?\p{L}+|"
_SIGNS = r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
_CONTRACTIONS = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|"
_RULES = {
    rf"{_CONTRACTIONS}{_WORDS}\p{{N}}{_SIGNS}": "qwen2",
    rf"{_CONTRACTIONS}{_WORDS}\p{{N}}{{1,3}}{_SIGNS}": "llama-bpe",
}
"""What llama.cpp calls the splitting of text by these expressions."""
_HINT = "give llama.cpp's own converter: --converter llama.cpp/convert_hf_to_gguf.py"


@dataclass(frozen=True, slots=True, kw_only=True)
class Vocabulary:
    """What a GGUF file holds of a tokenizer."""

    model: str
    """gpt2 (bytes and merges) or llama (pieces with scores)."""
    pre: str
    tokens: list[str]
    types: list[int]
    merges: list[str]
    scores: list[float]
    adds_space: bool


def read_vocabulary(folder: Path, size: int) -> Vocabulary:
    """The tokenizer in `folder`, filled up to the `size` of the model's embedding.

    Raises:
        ConfigError: it is of a kind, or splits text by rules, that are not known to be llama.cpp's.
    """
    try:
        told = json.loads((folder / "tokenizer.json").read_bytes())
    except (OSError, ValueError) as why:
        raise ConfigError(f"{folder} has no tokenizer.json that can be read", hint=_HINT) from why
    model = told["model"]
    if model.get("type") != "BPE":
        raise ConfigError(f"a tokenizer of the kind {model.get('type')} cannot be written as GGUF here", hint=_HINT)
    by_id = {number: (token, NORMAL) for token, number in model["vocab"].items()}
    for added in told.get("added_tokens", ()):
        by_id[added["id"]] = (added["content"], CONTROL if added["special"] else USER_DEFINED)
    if by_id and max(by_id) >= size:
        raise ConfigError(f"the tokenizer has more tokens than the model's {size:,}", hint="export the model again")
    listed = [by_id.get(number, (f"[PAD{number}]", UNUSED)) for number in range(size)]
    pairs = [pair if isinstance(pair, str) else " ".join(pair) for pair in model["merges"]]
    if model.get("byte_fallback"):
        return _of_pieces(told, listed, pairs)
    return Vocabulary(
        model="gpt2",
        pre=_rules_of(told),
        tokens=[token for token, _ in listed],
        types=[kind for _, kind in listed],
        merges=pairs,
        scores=[],
        adds_space=False,
    )


def _rules_of(told: Mapping[str, Any]) -> str:
    """What llama.cpp calls the rules by which this tokenizer splits text."""
    steps = told.get("pre_tokenizer") or {}
    steps = steps.get("pretokenizers", [steps])
    kinds = [step.get("type") for step in steps]
    if told.get("normalizer") not in (None, {"type": "NFC"}):
        raise ConfigError("the tokenizer changes text before it splits it, which GGUF cannot say", hint=_HINT)
    if kinds == ["ByteLevel"] and steps[0].get("use_regex", True) and not steps[0].get("add_prefix_space"):
        return "gpt-2"
    if kinds == ["Split", "ByteLevel"] and (name := _RULES.get(steps[0]["pattern"].get("Regex", ""))):
        return name
    raise ConfigError("llama.cpp is not known to split text as this tokenizer does", hint=_HINT)


def _of_pieces(told: Mapping[str, Any], listed: list[tuple[str, int]], pairs: list[str]) -> Vocabulary:
    """A tokenizer of pieces: what is merged first has the better score."""
    rank = {pair.replace(" ", ""): number for number, pair in reversed(list(enumerate(pairs, 1)))}
    unknown = told["model"].get("unk_token")
    types = [
        UNKNOWN if token == unknown else BYTE if kind != CONTROL and _is_byte(token) else kind for token, kind in listed
    ]
    steps = json.dumps([told.get("normalizer"), told.get("pre_tokenizer")])
    return Vocabulary(
        model="llama",
        pre="default",
        tokens=[token for token, _ in listed],
        types=types,
        merges=[],
        scores=[float(-rank.get(token, 0)) for token, _ in listed],
        adds_space='"Prepend"' in steps
        or '"prepend_scheme": "first"' in steps
        or '"prepend_scheme": "always"' in steps,
    )


def _is_byte(token: str) -> bool:
    return len(token) == 6 and token.startswith("<0x") and token.endswith(">")

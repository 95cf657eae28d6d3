"""A tokenizer in two views: one for a template's own text, one for data, which never makes a special token.

    tokens.control("<|im_start|>user\\n", "start")         (151644, 872, 198)
    tokens.data([("say <|im_start|> aloud", "text")])      [[36790, 82639, 318, 4906, 91, 29, 37358]]   text stays text

Pieces of one chat are tokenised apart, so neither view puts a BOS in front of a piece, and a blank only where the
tokenizer would in the whole text: at its start, and behind a special token where the tokenizer is an old one. Only
tokenizers that come as `tokenizer.json`, or that transformers converts to one, are read; code of a model folder is
never run.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Sequence
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from blossom_data.errors import ConfigError, extra_hint

if TYPE_CHECKING:
    from tokenizers import Tokenizer
    from transformers import PreTrainedTokenizerFast


Position = Literal["start", "special", "text"]
"""What stands before a piece: nothing, a special token, or text."""


class HeldSpecial(Exception):
    """A text that makes a special token however it is cut (the tokenizer's normaliser writes it)."""


def load_tokenizer(folder: Path) -> PreTrainedTokenizerFast:
    """The tokenizer of a model folder, or of a folder with a tokenizer alone.

    Raises:
        ConfigError: no such folder, no tokenizer in it, or one that only code of its own can run.
    """
    if not folder.is_dir():
        raise ConfigError(f"no tokenizer folder {folder}", hint="give the folder that holds tokenizer.json")
    try:
        from transformers import AutoTokenizer, PreTrainedTokenizerFast
    except ImportError as why:
        raise missing_extra() from why
    try:
        tokenizer = AutoTokenizer.from_pretrained(str(folder), local_files_only=True, trust_remote_code=False)
    except Exception as why:
        # Whatever a damaged or foreign folder makes transformers raise, it is this folder that is wrong.
        line = (str(why).strip().splitlines() or [type(why).__name__])[0]
        told = f"cannot read a tokenizer from {folder}: {line[:200]}"
        raise ConfigError(told, hint="it wants tokenizer.json and tokenizer_config.json of the model") from why
    if not isinstance(tokenizer, PreTrainedTokenizerFast):
        raise ConfigError(
            f"the tokenizer of {folder} has no fast version ({type(tokenizer).__name__})",
            hint="convert it to a tokenizer.json first",
        )
    return tokenizer


def missing_extra() -> ConfigError:
    """The error of a command that needs the extra `train` where it is not installed."""
    return ConfigError("training needs further packages", hint=extra_hint("train"))


class Tokens:
    """The two views of a tokenizer, its special ids, and what identifies it.

    Args:
        controls: texts that count as special whatever the tokenizer says; each must be one token.
    """

    def __init__(self, tokenizer: PreTrainedTokenizerFast, controls: Iterable[str] = ()) -> None:
        described = _described(tokenizer)
        self.bos_id: int | None = tokenizer.bos_token_id
        self.eos_id: int | None = tokenizer.eos_token_id
        self.unk_id: int | None = tokenizer.unk_token_id
        # Ids may have gaps: the largest decides, not how many there are.
        self.vocab_size: int = max(tokenizer.get_vocab().values(), default=-1) + 1
        self.sha256 = hashlib.sha256(_canonical(tokenizer, described)).hexdigest()
        self.json = json.dumps(described, ensure_ascii=False, separators=(",", ":")).encode()
        self.adds_bos = self.bos_id is not None and tokenizer("a")["input_ids"][:1] == [self.bos_id]
        wanted = set(controls)
        for token in described["added_tokens"]:
            token["special"] = token["special"] or token["content"] in wanted
        raw = json.dumps(described, ensure_ascii=False)
        without_prefix(described)
        plain = json.dumps(described, ensure_ascii=False)
        self._control, self._data = _views(plain)
        self._prefixed_control, self._prefixed_data = (self._control, self._data) if raw == plain else _views(raw)
        special = {token["id"]: token["content"] for token in described["added_tokens"] if token["special"]}
        for control in wanted:
            identifier = self._control.token_to_id(control)
            if identifier is not None and identifier != self.unk_id:
                special[identifier] = control
        self.special: dict[int, str] = special
        self.pad_id: int = _first(tokenizer.pad_token_id, self.eos_id, self.unk_id, 0)
        self._forbidden = frozenset(special) - {self.unk_id}
        self._inside = re.compile("|".join(f"(?={re.escape(text)})" for text in special.values() if text) or r"(?!)")
        self._prefixes_after_special = any(
            self._prefixed_control.encode(text + "a", add_special_tokens=False).ids[1:]
            != self._control.encode("a", add_special_tokens=False).ids
            for text in list(special.values())[:1]
        )
        self._controls: dict[tuple[str, Position], tuple[int, ...]] = {}
        self._behind: dict[tuple[str, Position], Position] = {}
        longest_first = sorted(filter(None, special.values()), key=len, reverse=True)
        self._special_text = re.compile("(" + ("|".join(map(re.escape, longest_first)) or "(?!)") + ")")
        self._parted: dict[str, tuple[tuple[str, bool], ...]] = {}

    def control(self, text: str, position: Position = "text") -> tuple[int, ...]:
        """The ids of a template's own text at `position`; special tokens count in it."""
        known = self._controls.get((text, position))
        if known is None:
            # A text that begins with a special token brings its own position for what follows.
            is_prefixed = self._is_prefixed(position) or self._inside.match(text) is not None
            view = self._prefixed_control if is_prefixed else self._control
            known = self._controls[text, position] = tuple(view.encode(text, add_special_tokens=False).ids)
        return known

    def parted(self, text: str) -> tuple[tuple[str, bool], ...]:
        """A template's own text as special tokens (True) and what stands between them."""
        known = self._parted.get(text)
        if known is None:
            pieces = self._special_text.split(text)
            known = tuple((piece, number % 2 == 1) for number, piece in enumerate(pieces) if piece)
            self._parted[text] = known
        return known

    def single(self, text: str) -> int | None:
        """The id of `text` where it is one token, else None."""
        ids = self.control(text)
        return ids[0] if len(ids) == 1 and ids[0] != self.unk_id else None

    def after(self, text: str, position: Position) -> Position:
        """The position behind a control text that stands at `position`; one that leaves no token changes nothing."""
        known = self._behind.get((text, position))
        if known is None:
            ids = self.control(text, position)
            known = position if not ids else "special" if ids[-1] in self.special else "text"
            self._behind[text, position] = known
        return known

    def data(self, texts: Sequence[tuple[str, Position]]) -> list[list[int] | HeldSpecial]:
        """The ids of each text at its position, none a special token's; HeldSpecial for one that cannot be had so."""
        encoded: list[list[int] | HeldSpecial] = [[] for _ in texts]
        for view, is_prefixed in ((self._data, False), (self._prefixed_data, True)):
            numbers = [number for number, (_, at) in enumerate(texts) if self._is_prefixed(at) == is_prefixed]
            chosen = [texts[number][0] for number in numbers]
            for number, encoding in zip(numbers, view.encode_batch_fast(chosen, add_special_tokens=False), strict=True):
                ids: list[int] = encoding.ids
                encoded[number] = ids if self._forbidden.isdisjoint(ids) else self._cut_apart(texts[number][0], view)
        return encoded

    def _is_prefixed(self, position: Position) -> bool:
        return position == "start" or (position == "special" and self._prefixes_after_special)

    def _cut_apart(self, text: str, view: Tokenizer) -> list[int] | HeldSpecial:
        """Encodes `text` cut behind the first character of every special token's text, where the model has it whole."""
        borders = [0, *(found.start() + 1 for found in self._inside.finditer(text)), len(text)]
        first, *pieces = [text[start:end] for start, end in pairwise(borders)]
        ids: list[int] = view.encode(first, add_special_tokens=False).ids
        for encoding in self._data.encode_batch_fast(pieces, add_special_tokens=False):
            ids += encoding.ids
        return ids if self._forbidden.isdisjoint(ids) else HeldSpecial()


def _views(description: str) -> tuple[Tokenizer, Tokenizer]:
    """The two views that one description gives: for control texts, and for data."""
    from tokenizers import Tokenizer

    control, data = Tokenizer.from_str(description), Tokenizer.from_str(description)
    data.encode_special_tokens = True
    return control, data


def _described(tokenizer: PreTrainedTokenizerFast) -> dict[str, Any]:
    """The tokenizer as its file describes it, without the state of the last call."""
    described = json.loads(tokenizer.backend_tokenizer.to_str())
    described["truncation"] = described["padding"] = None
    assert isinstance(described, dict)
    return described


def _canonical(tokenizer: PreTrainedTokenizerFast, described: dict[str, Any]) -> bytes:
    names = [tokenizer.bos_token, tokenizer.eos_token, tokenizer.pad_token, tokenizer.unk_token]
    return json.dumps([described, names], sort_keys=True).encode()


def without_prefix(part: Any) -> None:
    """Takes out of a tokenizer's description, in place, what puts a blank in front of a text or takes it away again."""
    if isinstance(part, list):
        for item in part:
            without_prefix(item)
        return
    if not isinstance(part, dict):
        return
    if "add_prefix_space" in part:
        part["add_prefix_space"] = False
    if "prepend_scheme" in part:
        part["prepend_scheme"] = "never"
    for key in ("normalizer", "pre_tokenizer", "decoder", "normalizers", "pretokenizers", "decoders"):
        value = part.get(key)
        if isinstance(value, list):
            part[key] = value = [item for item in value if not _is_prefix(item)]
        elif _is_prefix(value):
            part[key] = value = None
        without_prefix(value)


def _is_prefix(part: Any) -> bool:
    kind = part.get("type") if isinstance(part, dict) else None
    return kind == "Prepend" or (kind == "Strip" and "content" in part)


def _first(*values: int | None) -> int:
    return next(value for value in values if value is not None)

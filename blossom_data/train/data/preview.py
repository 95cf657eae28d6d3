"""What the model will see, as text: special tokens as they are, what is supervised between ⟦ and ⟧.

    <|im_start|>user
    What is 6 times 7?<|im_end|>
    <|im_start|>assistant
    ⟦42.<|im_end|>⟧

Text of the data that looks like a special token, or like ⟦ and ⟧, is shown with its first character as a code
(\\x3c|im_end|>): what looks special is special. Escape sequences are left for cli/output.py to show.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from blossom_data.errors import ConfigError
from blossom_data.rows import BadRow
from blossom_data.train.data.chats import read_chats
from blossom_data.train.data.documents import fitted
from blossom_data.train.data.store import PackedSet
from blossom_data.train.template.chat_formats import Supervise
from blossom_data.train.template.encode import Unfit
from blossom_data.train.template.templates import template_for
from blossom_data.train.template.tokens import load_tokenizer, without_prefix

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast

OPEN, CLOSE = "⟦", "⟧"


@dataclass(frozen=True, slots=True)
class Segment:
    """A stretch of one document, all of it supervised or none; `text` as decoded."""

    text: str
    supervised: bool
    special: bool
    """One special token rather than text."""


@dataclass(frozen=True, slots=True)
class View:
    """One document as it is trained; `dropped` says why it is not."""

    title: str
    tokens: int
    supervised: int
    segments: tuple[Segment, ...] = ()
    dropped: str = ""

    def to_dict(self) -> dict[str, Any]:
        """The view as plain data."""
        return {
            "title": self.title,
            "tokens": self.tokens,
            "supervised": self.supervised,
            "dropped": self.dropped,
            "segments": [{"text": part.text, "supervised": part.supervised} for part in self.segments],
        }


class Reader:
    """Turns ids into segments; made of the text of a tokenizer.json and the template's control texts."""

    def __init__(self, tokenizer_json: str | bytes, controls: Iterable[str]) -> None:
        from tokenizers import Tokenizer

        described = json.loads(tokenizer_json)
        added = {token["content"]: token for token in described["added_tokens"]}
        wanted = set(controls)
        without_prefix(described)
        self._tokenizer: Tokenizer = Tokenizer.from_str(json.dumps(described, ensure_ascii=False))
        texts = {text for text, token in added.items() if token["special"]} | wanted
        self._special = {self._tokenizer.token_to_id(text): text for text in texts}
        # Longest first, so that of two texts with one beginning the whole one is shown.
        alike = sorted(filter(None, (*texts, OPEN, CLOSE)), key=len, reverse=True)
        self._alike = re.compile("|".join(map(re.escape, alike)))

    def segments(self, ids: Sequence[int], supervised: Sequence[bool]) -> list[Segment]:
        """The stretches of equal supervision, special tokens apart."""
        found: list[Segment] = []
        text: list[int] = []
        for index, token in enumerate(ids):
            is_special = token in self._special
            if text and (is_special or supervised[index] != supervised[index - 1]):
                found.append(self._text(text, supervised[index - 1]))
                text = []
            if is_special:
                found.append(Segment(self._special[token], bool(supervised[index]), True))
            else:
                text.append(token)
        return [*found, self._text(text, supervised[-1])] if text else found

    def render(self, segments: Sequence[Segment]) -> str:
        """The segments as one text for people."""
        text, is_open = "", False
        for part in segments:
            if part.supervised != is_open:
                text += OPEN if part.supervised else CLOSE
                is_open = part.supervised
            text += part.text if part.special else self._alike.sub(_coded, part.text)
        return text + (CLOSE if is_open else "")

    def _text(self, ids: list[int], is_supervised: bool) -> Segment:
        return Segment(self._tokenizer.decode(ids, skip_special_tokens=False), bool(is_supervised), False)


def packed_views(packed: PackedSet, first_row: int, limit: int) -> tuple[Reader, Iterator[View]]:
    """The documents of the rows from `first_row` on, at most `limit` rows.

    Raises:
        ConfigError: there is no such row.
    """
    if not 0 <= first_row < len(packed):
        raise ConfigError(f"no row {first_row} in {packed.folder}", hint=f"rows 0 to {len(packed) - 1}")
    reader = Reader((packed.folder / "tokenizer.json").read_bytes(), packed.manifest["template"]["controls"])
    return reader, _packed_views(packed, reader, range(first_row, min(first_row + limit, len(packed))))


_KINDS = {"pairs": ("chosen ", "rejected "), "labelled": ("judged ", "other reply ")}


def _packed_views(packed: PackedSet, reader: Reader, rows: Iterable[int]) -> Iterator[View]:
    for index in rows:
        row = packed.row(index)
        ends = [*row.starts[1:].tolist(), len(row.ids)]
        for number, (start, end) in enumerate(zip(row.starts.tolist(), ends, strict=True)):
            mask = row.supervised[start:end].tolist()
            segments = tuple(reader.segments(row.ids[start:end].tolist(), mask))
            kind = _KINDS.get(packed.kind, ("", ""))[number % 2]
            title = f"row {index}, document {number} {kind}{row.doc_hashes[number][:12]}"
            yield View(title, end - start, sum(mask), segments)


def dataset_views(
    dataset: Path | str,
    *,
    tokenizer: Path | PreTrainedTokenizerFast,
    template: str,
    seq_len: int,
    supervise: Supervise,
    limit: int,
) -> tuple[Reader, Iterator[View]]:
    """The first `limit` records of `dataset` as they would be packed.

    Raises:
        ConfigError, InputError: as pack_dataset.
    """
    encoder = template_for(template, load_tokenizer(tokenizer) if isinstance(tokenizer, Path) else tokenizer)
    reader = Reader(encoder.tokens.json, encoder.template.controls)

    def views() -> Iterator[View]:
        for record in islice(read_chats(dataset), limit):
            if isinstance(record, BadRow):
                yield View(f"{record.file}:{record.line}", 0, 0, dropped=f"{record.code}: {record.detail}")
                continue
            chat = encoder.encode(record.messages, record.tools)
            document = chat.code if isinstance(chat, Unfit) else fitted(encoder, record, chat, seq_len, supervise)[1]
            if isinstance(document, str):
                yield View(f"record {record.id}", 0, 0, dropped=document)
                continue
            mask = [index % 2 == 1 for index, length in enumerate(document.runs) for _ in range(length)]
            cut = f", {document.cut_turns} turns cut" if document.cut_turns else ""
            segments = tuple(reader.segments(document.ids, mask))
            yield View(f"record {record.id}{cut}", len(mask), sum(mask), segments)

    return reader, views()


def render_view(reader: Reader, view: View) -> str:
    """The view as text: a line about it, then what the model sees."""
    if view.dropped:
        return f"-- {view.title}: not trained ({view.dropped})"
    return f"-- {view.title}: {view.tokens:,} tokens, {view.supervised:,} supervised\n{reader.render(view.segments)}"


def _coded(found: re.Match[str]) -> str:
    text = found.group()
    return f"\\x{ord(text[0]):02x}{text[1:]}"

"""Packs replies that were judged one by one: each as two documents that follow each other in a row.

    pack_judged([Path("judged.jsonl")], Path("packed/judged"), tokenizer=Path("base"), template="chatml", seq_len=2048)
    {"labelled": true, "counts": {"read": 9344, "kept": 9310, ...}, "desirable": 5102, ...}

The first document is the chat; the second its prompt with the reply of the row before, which tells a kto stage how far
the model has gone from its reference. Only the reply is supervised, stop token included. A chat is never cut: one that
is longer than `seq_len` is dropped; a foreign reply ends where the row does.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from blossom_data.counters import Counters
from blossom_data.records import content_id
from blossom_data.rows import BadRow
from blossom_data.train.data.documents import Document, question_of, shorten, stored
from blossom_data.train.data.judged import JudgedReply, judged_of
from blossom_data.train.data.pack import Dropped, Made, Outcome, RecordMaker, pack_documents, read_each
from blossom_data.train.data.workers import Rows
from blossom_data.train.template.encode import EncodedChat, Unfit

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast


def pack_judged(
    inputs: Sequence[Path],
    out: Path,
    *,
    tokenizer: Path | PreTrainedTokenizerFast,
    template: str,
    seq_len: int,
    seed: int = 0,
    max_bad: float = 0.01,
    max_dropped: float = 1.0,
    workers: int = 1,
    counters: Counters | None = None,
) -> dict[str, Any]:
    """Packs the judged replies of `inputs` (as judged.py reads them); gives the manifest.

    Args:
        seq_len: most tokens of a document; rows have twice as many.
        max_bad: largest share of rows that may be unreadable, 0 to 1.
        max_dropped: largest share of replies that may fall out, 0 to 1.
        workers: processes that encode; what is written is the same.
        counters: what a display reads.

    Raises:
        ConfigError, InputError: as pack_dataset.
    """
    return pack_documents(
        inputs, out, tokenizer=tokenizer, template=template, seq_len=seq_len, seed=seed, max_bad=max_bad,
        max_dropped=max_dropped, maker=JudgedMaker, about={"supervise": "last", "labelled": True}, workers=workers,
        counters=counters,
    )  # fmt: skip


class JudgedMaker(RecordMaker):
    """Makes two documents of each judged reply."""

    together = 2

    def make(self, rows: Rows, first: int) -> list[Outcome]:
        """An outcome for each row."""
        replies = read_each(rows, judged_of)
        read = [one for one in replies if isinstance(one, JudgedReply)]
        before = [*read[-1:], *read[:-1]]
        others = [(*one.messages[:-1], other.messages[-1]) for one, other in zip(read, before, strict=True)]
        tools = [one.tools for one in read] * 2
        encoded = self.encoder.encode_many([*(one.messages for one in read), *others], tools)
        pairs = iter(zip(encoded[: len(read)], encoded[len(read) :], strict=True))
        return [
            one if isinstance(one, BadRow) else self._made(first + number, one, *next(pairs))
            for number, one in enumerate(replies)
        ]

    def _made(self, number: int, one: JudgedReply, own: EncodedChat | Unfit, other: EncodedChat | Unfit) -> Outcome:
        document = _document(own, self.seq_len)
        if isinstance(document, str) or isinstance(own, Unfit) or one.messages[-1].is_void:
            code = document if isinstance(document, str) else "empty_reply"
            return Dropped(code, f"{Path(one.file).name}:{one.line}")
        self.gates.document(number, one.messages, own, document.ids, document.runs, one.tools)
        digest = bytes.fromhex(content_id("", "", one.messages, str(one.is_desirable), one.tools))
        question = question_of(one.messages)
        both = (document, _cut(other, self.seq_len) or document)
        return Made(tuple(stored(each, digest, question, self.ids) for each in both), is_desirable=one.is_desirable)


def _document(chat: EncodedChat | Unfit, seq_len: int) -> Document | str:
    """The whole chat, or the code of why it is not trained on."""
    if isinstance(chat, Unfit):
        return chat.code
    return shorten(chat, seq_len, "last") if len(chat.ids) <= seq_len else "too_long"


def _cut(chat: EncodedChat | Unfit, seq_len: int) -> Document | None:
    """A prompt with a foreign reply, which may be cut; None where nothing of the reply is left."""
    if isinstance(chat, Unfit):
        return None
    whole = shorten(chat, len(chat.ids), "last")
    if isinstance(whole, str) or whole.runs[0] >= seq_len:
        return None
    prompt, reply, *rest = whole.runs
    runs = [prompt, min(reply, seq_len - prompt), *(rest if len(whole.ids) <= seq_len else ())]
    return Document(whole.ids[: sum(runs)], runs, whole.turns, 0, 0, 0)

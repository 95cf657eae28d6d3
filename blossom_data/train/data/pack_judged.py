"""Packs replies that were judged one by one: each as two documents that follow each other in a row.

    pack_judged([Path("judged.jsonl")], Path("packed/judged"), tokenizer=Path("base"), template="chatml", seq_len=2048)
    {"labelled": true, "counts": {"read": 9344, "kept": 9310, ...}, "desirable": 5102, ...}

The first document is the chat; the second its prompt with the reply of the row before, which tells a kto stage how far
the model has gone from its reference. Only the reply is supervised, stop token included. A chat is never cut: one that
is longer than `seq_len` is dropped; a foreign reply ends where the row does.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path

from blossom_data.records import content_id
from blossom_data.rows import BadRow
from blossom_data.train.data.documents import Document, question_of, shorten, stored
from blossom_data.train.data.judged import JudgedReply, judged_of
from blossom_data.train.data.pack import Dropped, Made, Outcome, RecordMaker, pack_documents, read_each
from blossom_data.train.data.workers import Rows
from blossom_data.train.template.encode import EncodedChat, Unfit


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


pack_judged = partial(pack_documents, maker=JudgedMaker, about={"supervise": "last", "labelled": True})
"""pack_documents for judged replies (as judged.py reads them): documents of at most `seq_len`, rows of twice that."""


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

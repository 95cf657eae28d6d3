"""Packs preference pairs: the chosen and the rejected chat of each as two documents that follow each other in a row.

    pack_pairs([Path("prefs.jsonl")], Path("packed/prefs"), tokenizer=Path("base"), template="chatml", seq_len=2048)
    {"pairs": 9310, "counts": {"read": 9344, "kept": 9310, "dropped": {"identical": 3, "too_long": 31}, ...}, ...}

Only the reply is supervised, stop token included; what stands before it has the same ids in both documents. Each of the
two has at most `seq_len` tokens, and a row holds twice that, so that any pair fits. A pair is never cut: one that is
too long, or of which nothing can be learnt, is dropped, counted, and the first of each reason are named.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path

from blossom_data.errors import ConfigError
from blossom_data.records import content_id
from blossom_data.rows import BadRow
from blossom_data.train.data.documents import Document, question_of, shorten, stored
from blossom_data.train.data.pack import Dropped, Made, Outcome, RecordMaker, pack_documents, read_each
from blossom_data.train.data.pairs import Pair, pair_of
from blossom_data.train.data.workers import Rows
from blossom_data.train.template.encode import EncodedChat, Unfit


class PairMaker(RecordMaker):
    """Makes two documents of each pair; they carry its hash, by which it is drawn as a whole."""

    together = 2

    def make(self, rows: Rows, first: int) -> list[Outcome]:
        """An outcome for each row."""
        pairs = read_each(rows, pair_of)
        read = [pair for pair in pairs if isinstance(pair, Pair)]
        encoded = iter(
            self.encoder.encode_many(
                [chat for pair in read for chat in pair.chats()], [pair.tools for pair in read for _ in range(2)]
            )
        )
        return [
            one if isinstance(one, BadRow) else self._made(first + number, one, (next(encoded), next(encoded)))
            for number, one in enumerate(pairs)
        ]

    def _made(self, number: int, pair: Pair, encoded: Sequence[EncodedChat | Unfit]) -> Outcome:
        documents = _documents(pair, encoded, self.seq_len)
        if isinstance(documents, str):
            return Dropped(documents, f"{Path(pair.file).name}:{pair.line}")
        chosen, rejected = documents
        prompt = chosen.runs[0]
        if rejected.runs[0] != prompt or rejected.ids[:prompt] != chosen.ids[:prompt]:
            raise ConfigError(
                f"the template writes the prompt of {pair.file}:{pair.line} in two ways", hint="name another template"
            )
        chats = pair.chats()
        digest = bytes.fromhex(content_id("", "", (*chats[0], chats[1][-1]), "", pair.tools))
        for document, messages, chat in zip(documents, chats, encoded, strict=True):
            assert isinstance(chat, EncodedChat)
            self.gates.document(number, messages, chat, document.ids, document.runs, pair.tools)
        question = question_of(pair.prompt)
        return Made(tuple(stored(one, digest, question, self.ids) for one in documents))


pack_pairs = partial(pack_documents, maker=PairMaker, about={"supervise": "last", "pairs": True})
"""pack_documents for preference pairs (as pairs.py reads them): documents of at most `seq_len`, rows of twice that."""


def _documents(pair: Pair, chats: Sequence[EncodedChat | Unfit], seq_len: int) -> tuple[Document, Document] | str:
    """Both documents of a pair, or the code of why it is not trained on."""
    if pair.chosen.is_void or pair.rejected.is_void:
        return "empty_reply"
    documents = []
    for chat in chats:
        if isinstance(chat, Unfit):
            return chat.code
        if len(chat.ids) > seq_len:
            return "too_long"
        document = shorten(chat, seq_len, "last")
        if isinstance(document, str):
            return document
        documents.append(document)
    chosen, rejected = documents
    return "identical" if chosen.ids == rejected.ids else (chosen, rejected)

"""Packs plain text, for continued pretraining: every token is learnt, and a long text goes on in further documents.

    pack_text([Path("corpus.jsonl")], Path("packed/corpus"), tokenizer=Path("base"), template="chatml", seq_len=2048)
    {"text": true, "documents": 41210, "counts": {"read": 9344, "kept": 9344, ...}, ...}

Rows are {"text": "..."}. A text begins as the tokenizer begins one and ends with its EOS; special tokens in it are
plain text. A part begins with the last token of the part before, so that each token but the first is learnt once.
"""

from __future__ import annotations

import hashlib
from functools import partial

from blossom_data.errors import ConfigError
from blossom_data.rows import BadRow, Row
from blossom_data.rows.row import Unreadable
from blossom_data.train.data.documents import Document, stored
from blossom_data.train.data.pack import Dropped, Made, Outcome, RecordMaker, pack_documents, read_each
from blossom_data.train.data.workers import Rows
from blossom_data.train.template.encode import Encoder
from blossom_data.train.template.gates import Gates
from blossom_data.train.template.tokens import HeldSpecial


def text_of(row: Row) -> str:
    """The text of one row.

    Raises:
        Unreadable: missing_field, wrong_type.
    """
    text = row.value.get("text")
    if isinstance(text, str):
        return text
    raise Unreadable("missing_field" if text is None else "wrong_type", "text is absent or no text")


class TextMaker(RecordMaker):
    """Makes documents of each text: one, or several where it is longer than a row."""

    def __init__(self, encoder: Encoder, gates: Gates, seq_len: int) -> None:
        super().__init__(encoder, gates, seq_len)
        tokens = encoder.tokens
        if tokens.eos_id is None:
            raise ConfigError("the tokenizer names no EOS token, with which a text ends", hint="set eos_token in it")
        self._end = tokens.eos_id
        self._begin = list(tokens.control(encoder.bos, "start")) if encoder.bos else []
        self._place = tokens.after(encoder.bos, "start") if self._begin else "start"

    def make(self, rows: Rows, first: int) -> list[Outcome]:
        """An outcome for each row."""
        texts = read_each(rows, text_of)
        encoded = iter(self.encoder.tokens.data([(one, self._place) for one in texts if isinstance(one, str)]))
        return [one if isinstance(one, BadRow) else self._made(one, next(encoded)) for one in texts]

    def _made(self, text: str, ids: list[int] | HeldSpecial) -> Outcome:
        if isinstance(ids, HeldSpecial) or not ids:
            return Dropped("special_token" if ids else "empty")
        digest = hashlib.blake2b(text.encode(), digest_size=16).digest()
        whole = [*self._begin, *ids, self._end]
        parts = (whole[at : at + self.seq_len] for at in range(0, len(whole) - 1, self.seq_len - 1))
        question = int.from_bytes(digest[:8], "big")
        return Made(
            tuple(stored(Document(part, [0, len(part)], 0, 0, 0, 0), digest, question, self.ids) for part in parts)
        )


pack_text = partial(pack_documents, maker=TextMaker, about={"supervise": "all", "text": True})
"""pack_documents for plain texts; `template` is that of the stages beside it, whose rows these may share."""

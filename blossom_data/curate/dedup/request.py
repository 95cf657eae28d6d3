"""What a record asks for, as it is compared: the tokens of the person's turns, and what must be equal beside them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from blossom_data.curate.tokens import TURN, Token, Tokenizer
from blossom_data.records import Record


@dataclass(frozen=True, slots=True)
class Request:
    """One record's own side: `turns` are the tokens of its user turns."""

    turns: tuple[tuple[Token, ...], ...]
    system: str
    lang: str
    gold: str

    @property
    def tokens(self) -> list[Token]:
        return [token for turn in self.turns for token in turn]


def request_of(record: Record, tokenizer: Tokenizer) -> Request:
    """The request that `record` makes."""
    return Request(
        turns=tuple(tuple(tokenizer.tokens(turn.content)) for turn in record.messages if turn.role == "user"),
        system=_spelled(record, "system", tokenizer),
        lang=record.lang,
        gold=" ".join(token.text for token in tokenizer.tokens(record.gold)),
    )


def codes_of(record: Record, tokenizer: Tokenizer) -> list[int]:
    """The codes of all tokens of the person's turns, a mark between two turns."""
    codes: list[int] = []
    mark = tokenizer[TURN].code
    for turn in record.messages:
        if turn.role == "user":
            codes += tokenizer.codes(turn.content)
            codes.append(mark)
    return codes


def _spelled(record: Record, role: str, tokenizer: Tokenizer) -> str:
    texts: Iterable[str] = (turn.content for turn in record.messages if turn.role == role)
    return " ".join(token.text for text in texts for token in tokenizer.tokens(text))

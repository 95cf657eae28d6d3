"""What a record asks for, as it is compared: the tokens of the person's turns, and what must be equal beside them."""

from __future__ import annotations

from array import array
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

from blossom_data.curate.tokens import COURTESY, TURN, Token, Tokenizer
from blossom_data.records import Record

_LEAST_TOLD = 2
"""A request of fewer words than that, courtesy left aside, is told by all of its words."""


@dataclass(frozen=True)
class Request:
    """One record's own side: `turns` are the tokens of its user turns.

    It has no slots, for what is made of it once is kept with it: a row is compared with several.
    """

    turns: tuple[tuple[Token, ...], ...]
    system: str
    lang: str
    gold: str

    @property
    def tokens(self) -> list[Token]:
        return [token for turn in self.turns for token in turn]

    @property
    def size(self) -> int:
        """Tokens of all turns."""
        return sum(map(len, self.turns))

    @cached_property
    def texts(self) -> list[list[str]]:
        """The spelling of the tokens of each turn."""
        return [[token.text for token in turn] for turn in self.turns]

    @cached_property
    def shingles(self) -> set[object]:
        """Content words and the bigrams of these, by their codes."""
        told = [token.code for turn in self.turns for token in turn if token.kind != COURTESY]
        if len(told) < _LEAST_TOLD:
            told = [token.code for token in self.tokens]
        return {*told, *pairwise(told)}


def request_of(record: Record, tokenizer: Tokenizer) -> Request:
    """The request that `record` makes."""
    return Request(
        turns=tuple(tuple(tokenizer.tokens(turn.content)) for turn in record.messages if turn.role == "user"),
        system=_spelled(record, "system", tokenizer),
        lang=record.lang,
        gold=" ".join(token.text for token in tokenizer.tokens(record.gold)),
    )


def codes_of(record: Record, tokenizer: Tokenizer) -> array[int]:
    """The codes of all tokens of the person's turns, a mark between two turns; 8 bytes each."""
    codes = array("Q")
    mark = tokenizer[TURN].code
    for turn in record.messages:
        if turn.role == "user":
            codes.extend(tokenizer.codes(turn.content))
            codes.append(mark)
    return codes


def _spelled(record: Record, role: str, tokenizer: Tokenizer) -> str:
    texts: Iterable[str] = (turn.content for turn in record.messages if turn.role == role)
    return " ".join(token.text for text in texts for token in tokenizer.tokens(text))

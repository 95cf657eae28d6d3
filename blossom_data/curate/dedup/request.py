"""What a record asks for, as it is compared: the tokens of the person's turns, and what must be equal beside them.

    request.turns[0].codes          array of uint64: what two turns are compared by
    request.turns[0].tokens(3, 5)   the few tokens that differ, as words

Codes are read for each row that is compared, the record itself for the few of which words or labels are wanted.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from itertools import pairwise

from blossom_data.curate.tokens import COURTESY, KIND_BITS, TURN, Token, Tokenizer
from blossom_data.records import Record

_LEAST_TOLD = 2
"""A request of fewer words than that, courtesy left aside, is told by all of its words."""
_KIND = (1 << KIND_BITS) - 1
_MARK = array("Q", Tokenizer().packed([TURN]))[0]


@dataclass(slots=True)
class Request:
    """One record's own side: `codes` are those of `codes_of`, `lang` a number for each language.

    Nothing that is made of it points back to it, so that it is gone as soon as it is dropped.
    """

    codes: array[int]
    lang: int
    tokenizer: Tokenizer
    record: Callable[[], Record]
    has_labels: bool
    """Whether the record has a gold label or a system prompt."""
    _turns: list[Turn] = field(default_factory=list)
    _shingles: set[object] = field(default_factory=set)

    @property
    def count(self) -> int:
        """Turns."""
        return self.codes.count(_MARK)

    @property
    def turns(self) -> list[Turn]:
        """Made once: a row is compared with several."""
        if not self._turns:
            start = 0
            for number in range(self.count):
                end = self.codes.index(_MARK, start)
                self._turns.append(Turn(self.codes[start:end], number, self.tokenizer, self.record))
                start = end + 1
        return self._turns

    @property
    def shingles(self) -> set[object]:
        """Content words and the bigrams of these, by their codes; made once."""
        if not self._shingles:
            told = [code for code in self.codes if code & _KIND != COURTESY]
            if len(told) < _LEAST_TOLD:
                told = [code for code in self.codes if code != _MARK]
            self._shingles = {*told, *pairwise(told)}
        return self._shingles

    @property
    def labels(self) -> tuple[str, str]:
        """Gold label and system prompt as they are compared; "" for none."""
        if not self.has_labels:
            return "", ""
        record = self.record()
        prompts = (turn.content for turn in record.messages if turn.role == "system")
        return _spelled([record.gold], self.tokenizer), _spelled(prompts, self.tokenizer)


@dataclass(frozen=True, slots=True)
class Turn:
    """One turn of a person: its tokens by their codes; the tokens themselves are looked up where they are wanted."""

    codes: array[int]
    number: int
    tokenizer: Tokenizer
    record: Callable[[], Record]

    def tokens(self, start: int, end: int) -> list[Token]:
        """The tokens from `start` to `end`."""
        try:
            return self.tokenizer.with_codes(self.codes[start:end])
        except KeyError:
            asked = [turn.content for turn in self.record().messages if turn.role == "user"]
            return self.tokenizer.tokens(asked[self.number])[start:end]

    def token(self, place: int) -> Token:
        return self.tokens(place, place + 1)[0]


def codes_of(record: Record, tokenizer: Tokenizer) -> bytes:
    """The codes of all tokens of the person's turns, a mark behind each turn; 8 bytes each."""
    mark = tokenizer.packed([TURN])
    return b"".join(
        [part for turn in record.messages if turn.role == "user" for part in (tokenizer.codes(turn.content), mark)]
    )


def _spelled(texts: Iterable[str], tokenizer: Tokenizer) -> str:
    return " ".join(token.text for text in texts for token in tokenizer.tokens(text) if text)

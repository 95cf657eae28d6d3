"""The one round of `from-text`: every chunk of the documents, each question of it grounded."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from blossom_data.asks import Stage
from blossom_data.engine import Outcome, Work
from blossom_data.languages.detect import language_of
from blossom_data.records import Message, Record, content_id
from blossom_data.rows import BadRow
from blossom_data.stages.synthesize.from_text import JUDGED_AS, KIND, AskText, Ground
from blossom_data.stages.synthesize.origin import CHUNK
from blossom_data.stages.translate.segments import estimate_tokens, message_tokens
from blossom_data.synthesize.diversity import Figures
from blossom_data.synthesize.documents import Chunk
from blossom_data.synthesize.rounds import Expected

_PAIR_TOKENS, _VERDICT_TOKENS = 120, 120


def chunk_record(chunk: Chunk, lang: str) -> Record:
    """A chunk as the stage takes it: its text, its headings as the gold label, its id as a tag."""
    turns = (Message("user", chunk.text),)
    return Record(
        id=content_id(KIND, chunk.id, turns, chunk.headings),
        source=KIND,
        source_id=chunk.document,
        lang=lang or language_of(chunk.text),
        messages=turns,
        gold=chunk.headings,
        tags=(f"{CHUNK}{chunk.id}",),
    )


class Texts:
    """The round (rounds.py) over `chunks`."""

    def __init__(self, chunks: Iterable[Chunk | BadRow], asks: AskText, ground: Ground, *, lang: str = "") -> None:
        self._chunks, self._asks, self._ground, self._lang = chunks, asks, ground, lang
        self._is_begun = False
        self._documents: Counter[str] = Counter()
        self._heard = self._barren = 0
        self.figures = Figures()

    def begin(self) -> Iterator[Work] | None:
        """All chunks, once."""
        if self._is_begun:
            return None
        self._is_begun = True
        stages: list[Stage] = [self._asks, self._ground]
        return (
            (each, ()) if isinstance(each, BadRow) else (chunk_record(each, self._lang), stages)
            for each in self._chunks
        )

    def hear(self, work: Work, outcome: Outcome) -> tuple[Outcome, Sequence[Work]]:
        """Counts what the documents gave."""
        if work[1]:
            self.figures.take(1, "", outcome)
            self._heard += 1
            self._barren += not outcome.kept
        self._documents.update(record.source_id for record in outcome.kept)
        return outcome, ()

    def describe(self) -> dict[str, Any]:
        """Figures, and the records that each document gave."""
        chunks = {"read": self._heard, "without a record": self._barren}
        return {**self.figures.describe(), "coverage": {"chunks": chunks, "documents": dict(self._documents)}}

    def expected(self) -> list[Expected]:
        """One call a chunk, one for each question."""
        texts = [estimate_tokens(each.text) for each in self._chunks if isinstance(each, Chunk)]
        pairs = len(texts) * self._asks.number
        shown = message_tokens(self._asks.prompts[""].prefix)
        judged = message_tokens(self._ground.judge.prefix)
        return [
            Expected(
                stage=KIND,
                calls=len(texts),
                tokens_in=len(texts) * shown + sum(texts),
                tokens_out=pairs * _PAIR_TOKENS,
            ),
            Expected(
                stage=JUDGED_AS,
                calls=pairs,
                tokens_in=pairs * (judged + _PAIR_TOKENS) + sum(texts) * self._asks.number,
                tokens_out=pairs * _VERDICT_TOKENS,
                model=self._ground.judge_model,
            ),
        ]

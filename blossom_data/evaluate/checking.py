"""Stage `check`: whether an answer ends in the gold value; exact, without a judge or any call.

    gold "18", answer "... so she makes $18 a day."    ->   tags verdict:correct score:1:1

It is verify-math's own check: what that would keep is right here, and an answer that was cut off is wrong.
"""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass, replace
from typing import Any

from blossom_data.answers import Verdict, check_answer
from blossom_data.asks import Note, Question
from blossom_data.evaluate.answering import CUT, answers_of
from blossom_data.records import Lineage, Record

SCORE, VERDICT = "score:", "verdict:"
"""Tags: `score:TURN:NUMBER` of each verdict, and what the check said."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """Record with gold and answer -> the same record, tagged with 1 or 0."""

    name: str = "check"
    version: int = 1

    def run(self, record: Record) -> Generator[Question, Any, Record]:
        """Compares the last answer with the gold label."""
        question = next(turn.content for turn in reversed(record.messages) if turn.role == "user")
        finish = "length" if any(tag.startswith(CUT) for tag in record.tags) else "stop"
        verdict = check_answer(answers_of(record, 1)[0], record.gold, question, finish).verdict
        yield Note(f"check: {verdict}")
        tags = (*record.tags, f"{VERDICT}{verdict}", f"{SCORE}1:{int(verdict is Verdict.CORRECT)}")
        return replace(record, tags=tags, lineage=(*record.lineage, Lineage(self.name, self.version)))

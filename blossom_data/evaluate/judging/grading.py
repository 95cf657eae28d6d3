"""Stage `grade`: a judge scores the answers, one verdict for each turn that is judged.

    ... assistant "The Volga and the Danube."     ->   the same record, tagged score:1:9

A verdict that cannot be read after one more try is score -1, and told: it is no opinion about the answer. Answers that
speak to their judge are tagged `flag:KIND`.
"""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass, replace
from typing import Any

from blossom_data.asks import Ask, Note, Question
from blossom_data.evaluate.answering import answers_of, author_of
from blossom_data.evaluate.checking import SCORE
from blossom_data.evaluate.judging.injection import find_flags
from blossom_data.evaluate.judging.judge_prompts import Asking
from blossom_data.evaluate.judging.verdicts import GRADE_HINT, GRADE_OBJECT_HINT, GRADE_SCHEMA, Grading, ask_verdict
from blossom_data.records import Lineage, Record
from blossom_data.stages.model_family import of_one_family

FLAG, UNREADABLE = "flag:", "unreadable:"
"""Tags of answers that speak to their judge, and of turns whose verdict could not be read, with what was wrong."""
NO_SCORE = -1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Grade:
    """Record with answers -> the same record with a score for each judged turn as a tag."""

    asking: Asking
    least: float
    most: float
    max_tokens: int | None = None
    name: str = "grade"
    version: int = 1

    def calls_for(self, record: Record) -> int:
        """Verdicts that a record takes, where the judge is understood at once."""
        return self.asking.turns

    def run(self, record: Record) -> Generator[Question, Any, Record]:
        """Asks for the verdicts, turn by turn."""
        answers, tags, keys, judge = answers_of(record, self.asking.turns), list(record.tags), list[str](), ""
        hint = GRADE_OBJECT_HINT if self.asking.is_typed else GRADE_HINT
        for turn, prompt in enumerate(self.asking.prompts, 1):
            ask = Ask(
                stage=self.name,
                version=self.version,
                messages=self.asking.messages(record, turn),
                temperature=0.0,
                max_tokens=self.max_tokens,
                response_schema=GRADE_SCHEMA if self.asking.is_typed else None,
                prompt_hash=prompt.hash,
            )
            score, reply, problem = yield from ask_verdict(ask, Grading(self.least, self.most, answers).read, hint=hint)
            tags.append(f"{SCORE}{turn}:{NO_SCORE if score is None else score:g}")
            if score is None:
                tags.append(f"{UNREADABLE}{turn}:{problem}")
                yield Note(f"verdict {problem}")
            keys.append(reply.key)
            judge = reply.model
        yield from warnings(record, answers, judge, tags)
        step = Lineage(self.name, self.version, self.asking.prompts[-1].hash, judge, ",".join(keys))
        return replace(record, tags=tuple(tags), lineage=(*record.lineage, step))


def warnings(record: Record, answers: tuple[str, ...], judge: str, tags: list[str]) -> list[Note]:
    """What is to be counted about an answer and its judge; flags are added to `tags`."""
    question = "\n".join(turn.content for turn in record.messages if turn.role != "assistant")
    flags = dict.fromkeys(flag for answer in answers for flag in find_flags(answer, question))
    tags += [f"{FLAG}{flag}" for flag in flags]
    notes = [Note(f"answer speaks to its judge ({flag})") for flag in flags]
    if family := of_one_family(judge, author_of(record)):
        notes.append(Note(f"judge and author of one family ({family})"))
    return notes

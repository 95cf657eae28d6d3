"""Stage `judge`: a second model scores the last answer from 1 to 10, by a rubric; low ones are not kept.

    ... assistant "The Volga and the Danube."   ->   the same record, tagged `judge:10`
    {"reason": "Both rivers are right ...", "score": 10}

With `best_of`, the conversation is annotated so many times first and the answers with the best score are kept: of
equal ones the first. An annotation that was bought before (same prompt, model and ledger) is the first of them, and is
not bought again. The answer goes to the judge as data in a JSON document, and its verdict must be exactly one object:
what an answer says to its judge changes nothing about how the verdict is read.
"""

from __future__ import annotations

import json
from collections.abc import Generator
from dataclasses import dataclass, replace
from typing import Any

from blossom_data.asks import Ask, Note, Question, Reply
from blossom_data.llm.decode import BadReply
from blossom_data.llm.reply_models import ReplyNumber, ReplyText, read_reply, reply_model, reply_schema
from blossom_data.prompts import Prompt
from blossom_data.records import Lineage, Record, Reject
from blossom_data.stages.annotate.stage import Annotate
from blossom_data.stages.model_family import of_one_family
from blossom_data.stages.typed_reply import ask_until_read

REJECT_CODES = ("no_answer", "low_score", "unreadable", "content_filter", "no_annotation")
ASKED_AS = "judge-answer"
"""The stage of its Asks: `judge` is the one that compares translations."""
LEAST, MOST = 1, 10
_TAG = "judge:"


@reply_model
class Grade:
    """A verdict: the reason comes first, so that the number follows from it."""

    reason: ReplyText
    score: ReplyNumber


GRADE_SCHEMA = reply_schema(Grade)


@dataclass(frozen=True, slots=True, kw_only=True)
class Judge:
    """Record with an answer -> the same record with its score as a tag, or a Reject."""

    prompt: Prompt
    """The rubric; `${document}` in its `user` is the conversation, as JSON."""
    keep: int = LEAST
    """The smallest score that is kept."""
    tries: int = 3
    """Verdicts that are asked for until one can be read."""
    temperature: float | None = 0.0
    best_of: int = 1
    """So many annotations of each record are scored; 1: what is there."""
    annotate: Annotate | None = None
    """Writes the annotations of `best_of`."""
    annotator: str = ""
    """The model that writes them; "": the endpoint's."""
    name: str = "judge"
    version: int = 1

    def run(self, record: Record) -> Generator[Question, Any, Record]:
        """Scores the last answer, or the last ones of `best_of` annotations.

        Raises:
            Reject: with one of REJECT_CODES.
        """
        best, grade, reply = record, None, Reply(text="")
        candidates = [record] if self.best_of == 1 else (yield from self._annotations(record))
        for candidate in candidates:
            scored = yield from self._grade(candidate)
            if grade is None or scored[0].score > grade.score:
                best, (grade, reply) = candidate, scored
        if grade is None:
            raise Reject("no_annotation", f"none of {self.best_of} annotations came out right")
        yield Note(f"score {grade.score}")
        if family := of_one_family(reply.model, _author(best)):
            yield Note(f"judge and author of one family ({family})")
        if grade.score < self.keep:
            told = f"score {grade.score} of {MOST}, wants {self.keep}: {grade.reason}"
            raise Reject("low_score", told, reply=_answer(best))
        tags = (*(tag for tag in best.tags if not tag.startswith(_TAG)), f"{_TAG}{grade.score}")
        step = Lineage(self.name, self.version, self.prompt.hash, reply.model, reply.key)
        return replace(best, tags=tags, lineage=(*best.lineage, step))

    def _annotations(self, record: Record) -> Generator[Question, Any, list[Record]]:
        """The annotations that came out right."""
        made = []
        assert self.annotate is not None
        for number in range(self.best_of):
            steps = replace(self.annotate, first_attempt=number * self.annotate.tries).run(record)
            reply: Reply | None = None
            try:
                while True:
                    ask = next(steps) if reply is None else steps.send(reply)
                    reply = yield replace(ask, model=self.annotator)
            except StopIteration as end:
                made.append(end.value)
            except Reject:
                continue
        return made

    def _grade(self, record: Record) -> Generator[Question, Any, tuple[Grade, Reply]]:
        """The first verdict on the last answer of `record` that can be read."""
        if not _answer(record).strip():
            raise Reject("no_answer", "the conversation does not end with an answer")
        ask = Ask(
            stage=ASKED_AS,
            version=self.version,
            messages=self.prompt.fill(document=_document(record)),
            temperature=self.temperature,
            response_schema=GRADE_SCHEMA,
            prompt_hash=self.prompt.hash,
        )
        return (
            yield from ask_until_read(
                ask, _read, tries=self.tries, wanted="verdict", again_temperature=self.temperature
            )
        )


def _read(text: str) -> Grade:
    grade = read_reply(Grade, text).value
    if not LEAST <= grade.score <= MOST:
        raise BadReply("range", f"score {grade.score}")
    return grade


def _document(record: Record) -> str:
    document: dict[str, Any] = {
        "task": "grade",
        "conversation": [{"role": turn.role, "content": turn.content} for turn in record.messages[:-1]],
        "answer": _answer(record),
    }
    if record.gold:
        document["reference"] = record.gold
    return json.dumps(document, ensure_ascii=False)


def _answer(record: Record) -> str:
    last = record.messages[-1] if record.messages else None
    return last.content if last is not None and last.role == "assistant" else ""


def _author(record: Record) -> str:
    """The model that wrote the answer, as the lineage says."""
    written = (step.model for step in reversed(record.lineage) if step.stage in ("annotate", "verify-math"))
    return next((model for model in written if model), "")

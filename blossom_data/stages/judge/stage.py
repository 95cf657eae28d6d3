"""Stage `judge`: a second model scores the last answer from 1 to 10, by a rubric; low ones are not kept.

    ... assistant "The Volga and the Danube."   ->   the same record, tagged `judge:10`
    {"reason": "Both rivers are right ...", "score": 10}

With `best_of`, the conversation is annotated so many times first and the answers with the best score are kept: of
equal ones the first. An annotation that was bought before (same prompt, model and ledger) is the first of them, and is
not bought again. In place of scores, answers may be compared by twos (pairwise.py), and with `makes_pairs` the best
and the worst become a preference pair (preference.py). The answer goes to the judge as data in a JSON document, and
its verdict must be exactly one object: what an answer says to its judge changes nothing about how the verdict is read.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from blossom_data.asks import Ask, Foreseen, Note, Question, Reply
from blossom_data.llm.decode import BadReply
from blossom_data.llm.reply_models import ReplyNumber, ReplyText, read_reply, reply_model, reply_schema
from blossom_data.prompts import Prompt
from blossom_data.records import Lineage, Message, Record, Reject
from blossom_data.stages.annotate.stage import Annotate
from blossom_data.stages.judge.pairwise import ASKED_AS as ASKED_AS_PAIR
from blossom_data.stages.judge.pairwise import Standing, rank_pairwise
from blossom_data.stages.judge.preference import preferring
from blossom_data.stages.judge.shown import compared, graded, last_reply
from blossom_data.stages.model_family import of_one_family
from blossom_data.stages.translate.segments import estimate_tokens
from blossom_data.stages.typed_reply import ask_until_read

REJECT_CODES = ("no_answer", "low_score", "unreadable", "content_filter", "no_annotation", "tie")
ASKED_AS = "judge-answer"
"""The stage of its Asks: `judge` is the one that compares translations."""
LEAST, MOST = 1, 10
_TAG, _LOSER_TAG = "judge:", "rejected:"


@reply_model
class TypedGrade:
    """A verdict: the reason comes first, so that the number follows from it."""

    reason: ReplyText
    score: ReplyNumber


GRADE_SCHEMA = reply_schema(TypedGrade)


@dataclass(frozen=True, slots=True)
class _Judged:
    """A candidate with its score (1 to 10, or points among the others), the reason and the verdict behind it."""

    record: Record
    answer: Message
    score: int
    reply: Reply
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Judge:
    """Record with an answer -> the same record with its score as a tag, or a preference pair, or a Reject."""

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
    is_pairwise: bool = False
    """Compares the annotations by twos, in both orders, in place of scoring each."""
    makes_pairs: bool = False
    """Gives the best and the worst annotation as a preference pair."""
    name: str = "judge"
    version: int = 1

    @property
    def asked_as(self) -> str:
        """The stage of the Asks for a verdict."""
        return ASKED_AS_PAIR if self.is_pairwise else ASKED_AS

    def run(self, record: Record) -> Generator[Question, Any, Record]:
        """Scores the last answer, or the last ones of `best_of` annotations.

        Raises:
            Reject: with one of REJECT_CODES.
        """
        candidates = [record] if self.best_of == 1 else (yield from self._annotations(record))
        judged = yield from self._judge(candidates)
        # Of equal ones the first is the best, and the last the worst.
        best, worst = max(judged, key=lambda each: each.score), min(reversed(judged), key=lambda each: each.score)
        if not self.is_pairwise:
            yield Note(f"score {best.score}")
        if family := of_one_family(best.reply.model, _author(best.record)):
            yield Note(f"judge and author of one family ({family})")
        if best.score < self.keep and not self.is_pairwise:
            told = f"score {best.score} of {MOST}, wants {self.keep}: {best.reason}"
            raise Reject("low_score", told, reply=best.answer.content)
        step = Lineage(self.name, self.version, self.prompt.hash, best.reply.model, best.reply.key)
        kept = replace(best.record, lineage=(*best.record.lineage, step))
        if not self.is_pairwise:
            kept = _tagged(kept, _TAG, best.score)
        if not self.makes_pairs:
            return kept
        if best.score == worst.score:
            raise Reject("tie", f"none of {len(judged)} annotations is better than another")
        pair = kept if self.is_pairwise else _tagged(kept, _LOSER_TAG, worst.score)
        return preferring(pair, worst.answer)

    def calls_for(self, record: Record) -> int:
        """The verdicts that a record takes, where every first try is right."""
        return self.best_of * (self.best_of - 1 if self.is_pairwise else 1)

    def likely_tokens(self, record: Record, answer_tokens: float) -> tuple[float, float]:
        """Tokens of the Ask for a verdict on answers of such a length that are not yet there, and of its document."""
        answer = Message("assistant", "")
        asked = record if last_reply(record) else replace(record, messages=(*record.messages, answer))
        document = compared(asked, answer, answer) if self.is_pairwise else graded(asked, answer)
        sent = [estimate_tokens(turn.content) for turn in self.prompt.fill(document=document)]
        answers = answer_tokens * (2 if self.is_pairwise else 1)
        return sum(sent) + answers, sent[-1] + answers

    def foresee(self, record: Record) -> list[Foreseen]:
        """The annotations that a record takes, for a plan, where every first try is right."""
        if self.annotate is None:
            return []
        try:
            ask = next(self.annotate.run(record))
        except Reject:
            return []
        turns = _turns(record)
        calls = self.best_of + turns - 1 if self.makes_pairs else self.best_of * turns
        sent = [estimate_tokens(turn.content) for turn in ask.messages]
        tokens_in, tokens_last = calls * sum(sent), calls * sent[-1]
        return [
            Foreseen(stage=ask.stage, calls=calls, tokens_in=tokens_in, tokens_last=tokens_last, model=self.annotator)
        ]

    def _annotations(self, record: Record) -> Generator[Question, Any, list[Record]]:
        """The annotations that came out right; those of a pair differ in their last answer alone."""
        made: list[Record] = []
        why: Reject | None = None
        assert self.annotate is not None
        for number in range(self.best_of):
            is_last_alone = self.makes_pairs and bool(made) and _turns(record) > 1
            first_attempt = number * self.annotate.tries
            writer = replace(self.annotate, first_attempt=first_attempt, is_last_alone=is_last_alone)
            steps = writer.run(made[0] if is_last_alone else record)
            reply: Reply | None = None
            try:
                while True:
                    ask = next(steps) if reply is None else steps.send(reply)
                    reply = yield replace(ask, model=self.annotator)
            except StopIteration as end:
                made.append(end.value)
            except Reject as rejected:
                why = why or rejected
        if not made and why is not None:
            told = f"none of {self.best_of} annotations came out right; the first: {why}"
            raise Reject("no_annotation", told, reply=why.reply)
        return made

    def _judge(self, candidates: Sequence[Record]) -> Generator[Question, Any, list[_Judged]]:
        """All candidates with their scores."""
        judged: list[_Judged] = []
        answered = [(each, answer) for each in candidates if (answer := last_reply(each)) is not None]
        if not answered:
            raise Reject("no_answer", "the conversation does not end with an answer")
        if self.is_pairwise:
            standings: list[Standing] = yield from rank_pairwise(
                answered[0][0],
                [answer for _, answer in answered],
                self.prompt,
                version=self.version,
                tries=self.tries,
                temperature=self.temperature,
            )
            return [
                _Judged(*each, standing.points, standing.reply)
                for each, standing in zip(answered, standings, strict=True)
            ]
        for each, answer in answered:
            grade, reply = yield from self._grade(each, answer)
            judged.append(_Judged(each, answer, grade.score, reply, grade.reason))
        return judged

    def _grade(self, record: Record, answer: Message) -> Generator[Question, Any, tuple[TypedGrade, Reply]]:
        """The first verdict on `answer` that can be read."""
        ask = Ask(
            stage=ASKED_AS,
            version=self.version,
            messages=self.prompt.fill(document=graded(record, answer)),
            temperature=self.temperature,
            response_schema=GRADE_SCHEMA,
            prompt_hash=self.prompt.hash,
        )
        return (
            yield from ask_until_read(
                ask, _read, tries=self.tries, wanted="verdict", again_temperature=self.temperature
            )
        )


def _read(text: str) -> TypedGrade:
    grade = read_reply(TypedGrade, text).value
    if not LEAST <= grade.score <= MOST:
        raise BadReply("range", f"score {grade.score}")
    return grade


def _tagged(record: Record, tag: str, score: int) -> Record:
    return replace(record, tags=(*(other for other in record.tags if not other.startswith(tag)), f"{tag}{score}"))


def _turns(record: Record) -> int:
    return sum(turn.role == "user" for turn in record.messages)


def _author(record: Record) -> str:
    """The model that wrote the answer, as the lineage says."""
    written = (step.model for step in reversed(record.lineage) if step.stage in ("annotate", "verify-math"))
    return next((model for model in written if model), "")

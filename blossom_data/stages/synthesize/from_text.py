"""Stages `from-text` and `ground`: questions about a chunk of a document, and whether the chunk supports their answers.

    chunk   ->   up to N records: system (the chunk), user (a question), assistant (its answer)
    record  ->   the same, once its answer is grounded; without the chunk unless `keep_text`

An answer is believed when three things hold: the quotation that the writer gave stands in the chunk to the letter, the
numbers of the answer stand there too, and a judge finds every claim of it supported, each by a quotation that stands
in the chunk to the letter again. One that is not is written once more, with what was wrong. Chunks go to
the model as data in a JSON document.
"""

from __future__ import annotations

import json
from collections.abc import Generator, Mapping
from dataclasses import dataclass, replace

from blossom_data.asks import Ask, Reply
from blossom_data.languages.detect import language_of
from blossom_data.languages.tags import base_of, label_of, name_of
from blossom_data.llm.decode import BadReply
from blossom_data.llm.reply_models import ReplyFlag, ReplyText, read_reply, reply_model, reply_schema
from blossom_data.prompts import Prompt
from blossom_data.records import Lineage, Message, Record, Reject
from blossom_data.stages.synthesize.asking import ask_with
from blossom_data.stages.synthesize.grounding import Claim, find_unsupported, missing_quote
from blossom_data.stages.synthesize.origin import made
from blossom_data.stages.typed_reply import ask_until_read

KIND, GROUND, JUDGED_AS = "from-text", "ground", "judge-ground"
REJECT_CODES = (
    "unreadable",
    "content_filter",
    "no_question",
    "quote_not_found",
    "number_not_found",
    "unsupported",
    "needs_text",
    "wrong_language",
)
_MOST_PAIRS = 32


@reply_model
class QuestionAndAnswer:
    """A question, its answer, and the words of the text that the answer rests on."""

    question: ReplyText
    answer: ReplyText
    quote: ReplyText


@reply_model
class Questions:
    """What can be asked about a text."""

    pairs: tuple[QuestionAndAnswer, ...]


@reply_model
class JudgedClaim:
    """One thing that an answer says, the words of the text that say it too, and whether they do."""

    claim: ReplyText
    quote: ReplyText
    is_supported: ReplyFlag


@reply_model
class Support:
    """What a judge finds of a question and its answer."""

    claims: tuple[JudgedClaim, ...]
    needs_text: ReplyFlag


@reply_model
class Repaired:
    """An answer that was written again."""

    answer: ReplyText
    quote: ReplyText


QUESTIONS_SCHEMA, SUPPORT_SCHEMA, REPAIRED_SCHEMA = map(reply_schema, (Questions, Support, Repaired))


@dataclass(frozen=True, slots=True, kw_only=True)
class AskText:
    """Chunk -> a record for each question about it."""

    prompts: Mapping[str, Prompt]
    """By language, "" for all others; `${document}` is the chunk, as JSON."""
    number: int = 3
    """Questions that are asked for."""
    temperature: float | None = 0.7
    tries: int = 2
    name: str = KIND
    version: int = 1

    def run(self, record: Record) -> Generator[Ask, Reply, tuple[Record, ...]]:
        """Asks for questions about the text of `record`.

        Raises:
            Reject: no_question, unreadable or content_filter.
        """
        text = record.messages[0].content
        document = {
            "task": "questions",
            "language": label_of(record.lang),
            "number": self.number,
            "headings": record.gold,
            "text": text,
        }
        ask = ask_with(self, record.lang, document, QUESTIONS_SCHEMA)
        told, reply = yield from ask_until_read(
            ask, _read_questions, tries=self.tries, wanted="list of questions", again_temperature=self.temperature
        )
        if not told.pairs:
            raise Reject("no_question", "the text gives nothing to ask about", reply=reply.text)
        step = Lineage(self.name, self.version, ask.prompt_hash, reply.model, reply.key)
        return tuple(
            replace(
                made(
                    KIND,
                    record.lang,
                    (
                        Message("system", text),
                        Message("user", pair.question.strip()),
                        Message("assistant", pair.answer.strip()),
                    ),
                    seeds=(),
                    parent=record.source_id,
                    tags=record.tags,
                    lineage=(step,),
                ),
                # Between the two stages only: the words that the answer rests on.
                gold=pair.quote,
            )
            for pair in told.pairs[: self.number]
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Ground:
    """Record of AskText -> the same, its answer grounded, or a Reject."""

    judge: Prompt
    """`${document}` is text, question and answer, as JSON."""
    repair: Prompt
    """`${document}` is the same, with what was wrong."""
    keep_text: bool = False
    """Leaves the chunk before the question, as a system turn."""
    judge_model: str = ""
    """The model that judges; "": the endpoint's."""
    tries: int = 2
    """Answers that are looked at; the second is written with what was wrong with the first."""
    name: str = GROUND
    version: int = 1

    def run(self, record: Record) -> Generator[Ask, Reply, Record]:
        """Believes the answer or not; see the module docstring.

        Raises:
            Reject: with one of REJECT_CODES.
        """
        passage, question, answer = (turn.content for turn in record.messages)
        quote, steps, history = record.gold, list(record.lineage), list[str]()
        for attempt in range(self.tries):
            fault, reply = yield from self._fault(record.lang, passage, question, answer, quote)
            if reply is not None:
                steps.append(Lineage(self.name, self.version, self.judge.hash, reply.model, reply.key))
            if fault is None:
                return self._grounded(record, answer, steps)
            code, problem = fault
            history.append(f"try {attempt}: {code}: {problem}")
            if code in ("needs_text", "wrong_language") or attempt + 1 == self.tries:
                break
            repaired, writing = yield from self._repair(record.lang, passage, question, answer, problem)
            answer, quote = repaired.answer.strip(), repaired.quote
            steps.append(Lineage(KIND, self.version, self.repair.hash, writing.model, writing.key))
        raise Reject(code, problem, reply=answer, history=tuple(history))

    def _fault(
        self, lang: str, passage: str, question: str, answer: str, quote: str
    ) -> Generator[Ask, Reply, tuple[tuple[str, str] | None, Reply | None]]:
        """What is wrong with an answer, None for nothing, and what the judge said if it was asked."""
        if base_of(found := language_of(question, lang)) != base_of(lang):
            return ("wrong_language", f"the question is in {name_of(found)}"), None
        if missing := missing_quote(quote, passage):
            return ("quote_not_found", missing), None
        if fault := find_unsupported(answer, passage, question):
            return fault, None
        document = {"task": "check_support", "text": passage, "question": question, "answer": answer}
        ask = Ask(
            stage=JUDGED_AS,
            version=self.version,
            messages=self.judge.fill(document=json.dumps(document, ensure_ascii=False)),
            temperature=0.0,
            response_schema=SUPPORT_SCHEMA,
            prompt_hash=self.judge.hash,
            model=self.judge_model,
        )
        told, reply = yield from ask_until_read(ask, _read_support, tries=2, wanted="verdict", again_temperature=0.5)
        if told.needs_text:
            return ("needs_text", "it speaks of a text that its reader does not have"), reply
        claims = [Claim(each.claim, each.quote, each.is_supported) for each in told.claims]
        return find_unsupported(answer, passage, question, claims), reply

    def _repair(
        self, lang: str, passage: str, question: str, answer: str, problem: str
    ) -> Generator[Ask, Reply, tuple[Repaired, Reply]]:
        document = {
            "task": "repair",
            "language": label_of(lang),
            "text": passage,
            "question": question,
            "answer": answer,
            "wrong_with_the_last_try": problem,
        }
        ask = Ask(
            stage=KIND,
            version=self.version,
            messages=self.repair.fill(document=json.dumps(document, ensure_ascii=False)),
            temperature=0.3,
            response_schema=REPAIRED_SCHEMA,
            prompt_hash=self.repair.hash,
        )
        return (
            yield from ask_until_read(
                ask,
                lambda text: read_reply(Repaired, text).value,
                tries=2,
                wanted="answer",
                again_temperature=0.5,
            )
        )

    def _grounded(self, record: Record, answer: str, steps: list[Lineage]) -> Record:
        turns = (*record.messages[:2], Message("assistant", answer))
        turns = turns if self.keep_text else turns[1:]
        whole = made(KIND, record.lang, turns, seeds=(), parent=record.source_id)
        return replace(record, id=whole.id, messages=turns, gold="", lineage=tuple(steps))


def _read_questions(text: str) -> Questions:
    told = read_reply(Questions, text).value
    if len(told.pairs) > _MOST_PAIRS:
        raise BadReply("range", f"{len(told.pairs)} questions")
    if any(not pair.question.strip() or not pair.answer.strip() for pair in told.pairs):
        raise BadReply("empty", "a question or an answer is empty")
    return told


def _read_support(text: str) -> Support:
    told = read_reply(Support, text).value
    if not told.claims:
        raise BadReply("empty", "no claim of the answer is looked at")
    return told

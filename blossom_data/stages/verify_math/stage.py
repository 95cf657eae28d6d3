"""Stage `verify-math`: keep a record only when its final answer equals its gold label.

The stored answer is checked without any call. With `resample`, one that is not correct is asked for again, with a
prompt that wants one marked last line and never shows the gold. Records without a gold label pass untouched, and one
whose label cannot be read is never asked about. When three or more samples agree with each other and not with the
gold, the gold is the suspect, not the model; when every new sample came back empty, cut off or refused, that is what
the reject says. Each record ends in one note, from which the report is made:

    verify|integer|wrong|correct|boxed|2|gsm8k     shape, stored answer, outcome, route, new samples, data set
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Generator
from dataclasses import dataclass, field, replace
from fractions import Fraction
from functools import partial
from typing import Any

from blossom_data.answers import CheckedAnswer, NotCompared, Verdict, check_answer, parse_gold
from blossom_data.asks import Ask, Note, Question, Reply
from blossom_data.prompts import Prompt
from blossom_data.records import Lineage, Record, Reject
from blossom_data.stages.annotate.clean import Cleaned, asked_in, clean_reply
from blossom_data.stages.annotate.faults import FAULT_CODES, find_fault

REJECT_CODES = (
    "wrong",
    "approx",
    "ambiguous",
    "no_answer",
    "truncated",
    "bad_gold",
    "unmarked",
    "suspect_gold",
    "symbolic_timeout",
    "symbolic_memory",
    *FAULT_CODES,
)
"""Verdicts, what is told about labels and formulas, and what made every new sample unfit."""
AGREEING_SAMPLES = 3
UNREADABLE = "unreadable"
"""The shape of a gold label that cannot be compared."""

Check = Callable[[str, str, str], CheckedAnswer]
"""Takes answer, gold label and question."""


_NOTHING = CheckedAnswer(Verdict.NO_ANSWER)


@dataclass(slots=True)
class _Course:
    """What is known about one record so far."""

    shape: str
    stored: str = ""
    """The verdict on the stored answer."""
    verdict: str = ""
    """The verdict on the last answer that was checked."""
    result: CheckedAnswer = _NOTHING
    text: str = ""
    """That answer."""
    tries: int = 0
    """New samples so far."""
    seen: Counter[Fraction] = field(default_factory=Counter)
    """Values that were answered, wrong ones only: a rounding of the gold label says nothing against it."""
    faults: Counter[str] = field(default_factory=Counter)
    """Why new samples were unfit to be checked."""
    history: list[str] = field(default_factory=list)

    def check(self, check: Check, text: str, record: Record, question: str) -> None:
        """Checks one answer and books it."""
        try:
            self.result = check(text, record.gold, question)
            self.verdict = str(self.result.verdict)
        except NotCompared as why:
            self.result = CheckedAnswer(Verdict.NO_ANSWER, answer=str(why))
            self.verdict = why.code
        name = f"sample {self.tries - 1}" if self.stored else "stored answer"
        self.text, self.stored = text, self.stored or self.verdict
        self.history.append(f"{name}: {self.verdict}: {self.result.answer[:80]}")
        if self.verdict == Verdict.WRONG and self.result.value is not None:
            self.seen[self.result.value] += 1

    def note(self, outcome: str, source: str) -> Note:
        route = self.result.route
        return Note(f"verify|{self.shape}|{self.stored}|{outcome}|{route}|{self.tries}|{source}")


@dataclass(frozen=True, slots=True, kw_only=True)
class VerifyMath:
    """Record with gold and answer -> the same record, its last answer replaced by a correct sample where needed."""

    prompt: Prompt
    """Asks for another sample; `${question}` in its `user` is the last user turn."""
    resample: int = 0
    """Most new samples per record; 0 makes no call."""
    temperature: float | None = 0.7
    max_tokens: int | None = None
    symbolic: bool = False
    """Compare labels that are formulas through Math-Verify; the others are compared exactly all the same."""
    marked_only: bool = False
    """Accept an answer only behind a marker such as `Answer:` or a box."""
    keep_reasoning: bool = False
    """Keeps what the model thought as `reasoning_content` of a new answer."""
    name: str = "verify-math"
    version: int = 1

    def run(self, record: Record) -> Generator[Question, Any, Record]:
        """Checks the last answer, and samples again where it is not correct.

        Raises:
            Reject: with one of REJECT_CODES.
            ConfigError: `symbolic` without Math-Verify.
        """
        if not record.gold:
            yield Note(f"verify|||no_gold||0|{record.source}")
            return record
        shape, check = self._comparison(record.gold)
        question, course = _last(record, "user"), _Course(shape)
        course.check(check, _last(record, "assistant"), record, question)
        if course.verdict == "bad_gold":
            yield Note(f"verify|{UNREADABLE}||bad_gold||0|{record.source}")
            raise Reject("bad_gold", f"the gold label {record.gold[:80]!r} is not a number that can be compared")
        found = yield from self._sample(record, question, course, check)
        outcome, detail = _outcome(course, record.gold)
        yield course.note(outcome, record.source)
        if outcome != "correct":
            raise Reject(outcome, detail, reply=course.text, history=tuple(course.history))
        if found is not None:
            return self._with_answer(record, *found)
        return replace(record, lineage=(*record.lineage, Lineage(self.name, self.version)))

    def _comparison(self, gold_text: str) -> tuple[str, Check]:
        """The shape of a gold label, and what compares answers with it: exact, unless only symbols will do."""
        gold = parse_gold(gold_text)
        if gold is None and self.symbolic:
            from blossom_data.answers.symbolic import check_symbolic

            return "symbolic", partial(check_symbolic, is_marked_only=self.marked_only)
        return (gold.shape if gold else UNREADABLE), partial(check_answer, is_marked_only=self.marked_only)

    def _sample(
        self, record: Record, question: str, course: _Course, check: Check
    ) -> Generator[Question, Any, tuple[Reply, Cleaned] | None]:
        """Asks for new samples until one is correct; gives it, or None."""
        because = course.verdict
        while course.verdict != "correct" and course.tries < self.resample and question:
            reply: Reply = yield self._ask(question, course.tries, because)
            course.tries += 1
            cleaned = clean_reply(reply, asked_in(record, question))
            if fault := find_fault(reply, cleaned, question, record):
                because = fault[0]
                course.faults[because] += 1
                course.history.append(f"sample {course.tries - 1}: {fault[0]}: {fault[1]}")
                if because == "content_filter":
                    break
                continue
            course.check(check, cleaned.text, record, question)
            because = course.verdict
            if course.verdict == "correct":
                return reply, cleaned
        return None

    def _ask(self, question: str, attempt: int, because: str) -> Ask:
        return Ask(
            stage=self.name,
            version=self.version,
            messages=self.prompt.fill(question=question),
            attempt=attempt,
            temperature=self.temperature,
            max_tokens=self.max_tokens,
            prompt_hash=self.prompt.hash,
            because=because,
        )

    def _with_answer(self, record: Record, reply: Reply, cleaned: Cleaned) -> Record:
        """`record` with its last assistant turn replaced (or added)."""
        turns = list(record.messages)
        if turns and turns[-1].role == "assistant":
            turns.pop()
        turns.append(cleaned.turn(keep_reasoning=self.keep_reasoning))
        step = Lineage(self.name, self.version, self.prompt.hash, reply.model, reply.key)
        return replace(record, messages=tuple(turns), lineage=(*record.lineage, step))


def _outcome(course: _Course, gold: str) -> tuple[str, str]:
    """What becomes of the record, and what to say about it."""
    if course.verdict == "correct":
        return "correct", ""
    value, times = course.seen.most_common(1)[0] if course.seen else ("", 0)
    if times >= AGREEING_SAMPLES:
        return "suspect_gold", f"{times} samples agree on {value}, the gold is {gold[:80]}"
    if course.tries and course.faults.total() == course.tries:
        told = ", ".join(f"{code} {number}" for code, number in course.faults.most_common())
        return course.faults.most_common(1)[0][0], f"no new sample could be checked: {told}; stored: {course.stored}"
    return course.verdict, f"final answer {course.result.answer[:80]!r}, gold {gold[:80]!r}"


def _last(record: Record, role: str) -> str:
    return next((turn.content for turn in reversed(record.messages) if turn.role == role), "")

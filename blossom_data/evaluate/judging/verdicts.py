"""A judge's verdict, read strictly: as a typed object, or in the published forms; what is in doubt is no verdict.

    {"reason": "...", "score": 8}       Rating: [[8]]    [[A]]    得分: 0.8    {'事实正确性': 9, ..., '综合得分': 7}

An answer may hold such a mark itself, and a judge may quote it. So a mark counts where it is the only one and does not
stand in the answer; else the one counts that has the reply's last line to itself. FastChat takes the first one.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass, replace
from typing import Annotated, TypeVar

from pydantic import Strict

from blossom_data.asks import Ask, Reply
from blossom_data.llm.decode import BadReply
from blossom_data.llm.reply.message_parts import finish_kind
from blossom_data.llm.reply.thinking import split_thinking
from blossom_data.llm.reply_models import ReplyText, read_reply, reply_model, reply_schema
from blossom_data.records import Message

Made = TypeVar("Made")

CHOICES = ("A", "B", "C")
"""What a comparison ends in: the first, the second, or neither is better."""
_NUMBER = r"(\d{1,3}(?:\.\d{1,4})?)"
_GRADES = (
    re.compile(rf"\[\[\s*{_NUMBER}\s*\]\]"),
    re.compile(rf"['\"“]?综合得分['\"”]?\s*[:：]\s*{_NUMBER}"),
    re.compile(rf"得分\s*[:：]\s*{_NUMBER}"),
)
"""The published forms of MT-Bench, AlignBench and BELLE; the first that a reply holds is that of its verdict."""
_CHOICES = (re.compile(r"\[\[\s*([ABC])\s*\]\]"),)
_ALONE = re.compile(
    r"[\s*_`\"'“”{}().。]*(?:(?:my |the )?(?:final |overall )?[\w ]{0,20}[:：])?[\s*_`\"'“”{}().。]*", re.I
)
"""What may stand around a mark that has its line to itself: `**Rating: ` or `Final verdict: "`."""
_QUOTED = 2_000
"""Characters of an unreadable verdict that its judge is shown again."""


@reply_model
class TypedGrade:
    """A verdict: the reason comes first, so that the number follows from it."""

    reason: ReplyText
    score: Annotated[float, Strict()]


@reply_model
class TypedChoice:
    """Which of two answers is better: A, B, or C for neither."""

    reason: ReplyText
    better: ReplyText


GRADE_SCHEMA, CHOICE_SCHEMA = reply_schema(TypedGrade), reply_schema(TypedChoice)
GRADE_HINT = "End with one line that holds nothing but the verdict, such as: Rating: [[5]]"
CHOICE_HINT = "End with one line that holds nothing but the verdict: [[A]], [[B]] or [[C]]"
GRADE_OBJECT_HINT = 'Reply with one JSON object and nothing else: {"reason": "...", "score": N}'
CHOICE_OBJECT_HINT = 'Reply with one JSON object and nothing else: {"reason": "...", "better": "A", "B" or "C"}'


@dataclass(frozen=True, slots=True)
class Grading:
    """How scores are read: their range, and the texts that were judged."""

    least: float
    most: float
    judged: Sequence[str]

    def read(self, text: str) -> float:
        """The score of a reply.

        Raises:
            BadReply: there is none, more than one, or one out of range.
        """
        try:
            score = read_reply(TypedGrade, text).value.score
        except BadReply as why:
            score = float(_mark(text, _GRADES, self.judged, why))
        if not self.least <= score <= self.most:
            raise BadReply("range", f"score {score:g}, wants {self.least:g} to {self.most:g}")
        return score


@dataclass(frozen=True, slots=True)
class Choosing:
    """How the better one of two answers is read."""

    judged: Sequence[str]

    def read(self, text: str) -> str:
        """One of CHOICES; raises BadReply as `Grading.read`."""
        try:
            better = read_reply(TypedChoice, text).value.better.strip().upper()
        except BadReply as why:
            better = _mark(text, _CHOICES, self.judged, why)
        if better not in CHOICES:
            raise BadReply("range", f"{better[:20]!r} is none of {', '.join(CHOICES)}")
        return better


def _mark(text: str, forms: Sequence[re.Pattern[str]], judged: Sequence[str], untyped: BadReply) -> str:
    """What the one mark of a reply says that is its verdict; see the module docstring."""
    said = split_thinking(text, "").text.strip()
    form = next((form for form in forms if form.search(said)), None)
    if form is None:
        raise BadReply("no_verdict", f"no verdict in it ({untyped})")
    marks = {found[1] for found in form.finditer(said)}
    quotable = {found[1] for answer in judged for found in form.finditer(answer)}
    if len(marks) == 1 and not marks & quotable:
        return marks.pop()
    last = said.splitlines()[-1]
    found = list(form.finditer(last))
    if len(found) == 1 and _ALONE.fullmatch(last[: found[0].start()] + last[found[0].end() :]):
        return found[0][1]
    raise BadReply("several_verdicts", f"it holds {', '.join(sorted(marks))}, and none has the last line to itself")


def ask_verdict(
    ask: Ask, read: Callable[[str], Made], *, hint: str
) -> Generator[Ask, Reply, tuple[Made | None, Reply, str]]:
    """The verdict, the reply that holds it, and "" or what was wrong with both tries.

    A reply that cannot be read is shown to its judge once, with what is wrong with it; nothing is guessed.
    """
    told, because = ask.messages, ""
    for attempt in range(2):
        reply = yield replace(ask, messages=told, attempt=attempt, because=because)
        if finish_kind(reply.finish_reason) == "content_filter":
            return None, reply, "content_filter"
        try:
            return read(reply.text), reply, ""
        except BadReply as why:
            because = why.code
            shown = Message("assistant", reply.text[:_QUOTED] or "(nothing)")
            told = (*ask.messages, shown, Message("user", f"That verdict cannot be read: {why.detail}. {hint}"))
    return None, reply, because

"""Which of two answers is the better one, asked in both orders: a judge that goes by the place alone decides nothing.

    A before B: "first", B before A: "second"    ->  A is better
    A before B: "first", B before A: "first"     ->  neither: the positions disagree, and that is counted

Source: Zheng et al. 2023 (MT-Bench), section 3.4: a win counts where it holds in both orders, else it is a tie.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

from blossom_data.asks import Ask, Note, Question, Reply
from blossom_data.llm.decode import BadReply
from blossom_data.llm.reply_models import ReplyText, read_reply, reply_model, reply_schema
from blossom_data.prompts import Prompt
from blossom_data.records import Message, Record
from blossom_data.stages.judge.shown import compared
from blossom_data.stages.typed_reply import ask_until_read

ASKED_AS = "judge-pair"
"""The stage of its Asks."""
_WORDS = ("first", "second", "tie")


@reply_model
class Preference:
    """A verdict: the reason comes first, so that the choice follows from it."""

    reason: ReplyText
    better: ReplyText


PREFERENCE_SCHEMA = reply_schema(Preference)


@dataclass(frozen=True, slots=True)
class Standing:
    """How an answer stands among the others; `points`: 2 for each one that it beats, 1 for each tie."""

    points: int
    reply: Reply
    """The last verdict that it had a part in."""


def rank_pairwise(
    record: Record, answers: Sequence[Message], prompt: Prompt, *, version: int, tries: int, temperature: float | None
) -> Generator[Question, Any, list[Standing]]:
    """How each of `answers` to `record` stands, every two of them compared in both orders.

    Raises:
        Reject: as ask_until_read.
    """
    points, replies = [0] * len(answers), [Reply(text="")] * len(answers)
    for one, other in combinations(range(len(answers)), 2):
        if answers[one] == answers[other]:
            points[one], points[other] = points[one] + 1, points[other] + 1
            continue
        said = []
        for first, second in ((one, other), (other, one)):
            ask = Ask(
                stage=ASKED_AS,
                version=version,
                messages=prompt.fill(document=compared(record, answers[first], answers[second])),
                temperature=temperature,
                response_schema=PREFERENCE_SCHEMA,
                prompt_hash=prompt.hash,
            )
            verdict, reply = yield from ask_until_read(
                ask, _read, tries=tries, wanted="verdict", again_temperature=temperature
            )
            said.append({"first": first, "second": second}.get(verdict.better))
            replies[one] = replies[other] = reply
        better = said[0] if said[0] == said[1] else None
        yield Note(_told(said))
        for place in (one, other):
            points[place] += 1 if better is None else 2 * (place == better)
    return [Standing(*each) for each in zip(points, replies, strict=True)]


def _told(said: Sequence[int | None]) -> str:
    """What became of one comparison, as it is counted."""
    if said[0] != said[1]:
        return "pairwise: positions disagree"
    return "pairwise: tie" if said[0] is None else "pairwise: decided"


def _read(text: str) -> Preference:
    verdict = read_reply(Preference, text).value
    if verdict.better not in _WORDS:
        raise BadReply("range", f"better is {verdict.better[:40]!r}, none of {', '.join(_WORDS)}")
    return verdict

"""Stage `answer`: the model under test answers every turn that no answer follows; whatever it says is kept.

    user A, user B   ->   user A, assistant 1, user B, assistant 2

Unlike `annotate` it asks for nothing again: a refusal, an empty or a cut answer is what the model does, and is scored
as such. What the model thought is no part of its answer.
"""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass, replace
from typing import Any

from blossom_data.asks import Ask, Note, Question, Reply
from blossom_data.llm.reply.message_parts import finish_kind
from blossom_data.records import Lineage, Message, Record
from blossom_data.stages.annotate.clean import asked_in, clean_reply

_NAME = "answer"
CUT = "cut:"
"""The tag of an answer that did not end by itself, with the number of its turn behind it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """Record with questions -> the same record with the model's answers."""

    temperature: float | None = 0.0
    max_tokens: int | None = None
    name: str = _NAME
    version: int = 1

    def run(self, record: Record) -> Generator[Question, Any, Record]:
        """Asks for one answer to each turn of the user that has none."""
        turns, tags, keys, model = list[Message](), list(record.tags), list[str](), ""
        for place, turn in enumerate(record.messages):
            turns.append(turn)
            following = record.messages[place + 1].role if place + 1 < len(record.messages) else ""
            if turn.role != "user" or following == "assistant":
                continue
            reply: Reply = yield Ask(
                stage=self.name,
                version=self.version,
                messages=tuple(turns),
                temperature=self.temperature,
                max_tokens=self.max_tokens,
            )
            text, cut = _said(reply, asked_in(record, turn.content))
            if cut:
                tags.append(f"{CUT}{len(keys) + 1}")
                yield Note(f"answer {cut}")
            turns.append(Message("assistant", text))
            keys.append(reply.key)
            model = reply.model
        step = Lineage(self.name, self.version, "", model, ",".join(keys))
        return replace(record, messages=tuple(turns), tags=tuple(tags), lineage=(*record.lineage, step))

    def calls_for(self, record: Record) -> int:
        """The calls that a record takes, where every first try is right: one for each turn of the user."""
        return max(1, sum(turn.role == "user" for turn in record.messages))


def answers_of(record: Record, number: int) -> tuple[str, ...]:
    """The last `number` answers of a record."""
    said = [turn.content for turn in record.messages if turn.role == "assistant"]
    return tuple(said[-number:])


def author_of(record: Record) -> str:
    """The model that answered."""
    return next((step.model for step in reversed(record.lineage) if step.stage == _NAME), "")


def _said(reply: Reply, question: str) -> tuple[str, str]:
    """The answer of a reply, and how it fell short of an end: "" where it did not."""
    cleaned = clean_reply(reply, question)
    text = "" if cleaned.is_open else cleaned.text.strip()
    finish = finish_kind(reply.finish_reason or "stop")
    if finish == "content_filter":
        return text, "filtered by the endpoint"
    if finish == "length":
        return text, "cut off"
    if cleaned.is_open:
        return text, "cut off while thinking"
    return text or reply.refusal.strip(), "" if text or reply.refusal else "empty"

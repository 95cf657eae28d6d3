"""A reply as it is read: its answer without what the model thought and what its template left, and the thinking.

    clean_reply(Reply(text="<think>Easy.</think>\\n\\nParis.<|im_end|>"), "What is the capital of France?")
        ->  Cleaned(text="Paris.", reasoning="Easy.")

The ledger keeps what was sent, so that what is taken off may change without anything being bought again.
"""

from __future__ import annotations

from dataclasses import dataclass

from blossom_data.asks import Reply
from blossom_data.llm.reply.garbled import find_garbled
from blossom_data.llm.reply.template_tokens import find_token, without_tokens
from blossom_data.llm.reply.thinking import split_thinking
from blossom_data.records import Message, Record


@dataclass(frozen=True, slots=True)
class Cleaned:
    """What a reply says."""

    text: str
    """The answer; where nothing was taken off, as it was sent."""
    reasoning: str = ""
    is_open: bool = False
    """The thinking never ends: there is no answer."""
    damage: tuple[str, str] | None = None
    """Code and detail of what no answer holds: a template token with more behind it, signs that are no text."""

    def turn(self, *, keep_reasoning: bool) -> Message:
        """The answer as a turn of a record."""
        return Message("assistant", self.text.strip(), self.reasoning if keep_reasoning else "")


def clean_reply(reply: Reply, question: str) -> Cleaned:
    """What `reply` says; tags, tokens and signs that stand in `question` are part of the answer."""
    split = split_thinking(without_tokens(reply.text, question), question)
    text = without_tokens(split.text, question)
    reasoning = "\n\n".join(filter(None, (reply.reasoning.strip(), split.thinking)))
    # What is no text cannot be stored; it is no fault of the answer.
    reasoning = "" if find_garbled(reasoning) else reasoning
    return Cleaned(text, reasoning, split.is_open, _damage(text, question))


def asked_in(record: Record, question: str) -> str:
    """What a reply may quote: the question, and what the record's system turns demand of every answer."""
    return "\n".join([*(turn.content for turn in record.messages if turn.role == "system"), question])


def _damage(text: str, question: str) -> tuple[str, str] | None:
    if token := find_token(text, question):
        return "template_token", f"{token[:40]!r} with more behind it"
    if sign := find_garbled(text, question):
        return "garbled", sign
    return None

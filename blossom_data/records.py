"""The record: one conversation or instruction, frozen, and the outcome `Reject`.

On disk a record is one JSON object on a line, always with the same keys, in this order, and never null
(a column that is null in one shard and a string in the next breaks Arrow readers); a message alone may hold one more,
`reasoning_content`, where its thinking is kept:

    {"id": "9f2c...", "source": "gsm8k", "source_id": "", "lang": "en",
     "messages": [{"role": "user", "content": "Natalia sold clips to 48 of her friends ..."}],
     "gold": "72", "tags": ["layout:gsm8k"],
     "lineage": [{"stage": "pull", "version": 1, "prompt": "", "model": "", "reply": ""}]}

It does no I/O and no validation: rows/ validates what comes from outside, once.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Any

import orjson

ROLES = ("system", "user", "assistant", "tool")


@dataclass(frozen=True, slots=True)
class Message:
    """One turn: `role` is one of ROLES, `content` its text."""

    role: str
    content: str
    reasoning_content: str = ""
    """What a model thought before it said `content`; "" where nothing is kept of it."""

    def to_dict(self) -> dict[str, str]:
        """The turn as plain data; `reasoning_content` stands in it only where there is any."""
        if self.reasoning_content:
            return {"role": self.role, "content": self.content, "reasoning_content": self.reasoning_content}
        return {"role": self.role, "content": self.content}


@dataclass(frozen=True, slots=True)
class Lineage:
    """What one stage did to the record: which prompt (hash), model and ledger keys (comma-joined) decided it."""

    stage: str
    version: int
    prompt: str = ""
    model: str = ""
    reply: str = ""


@dataclass(frozen=True, slots=True)
class Record:
    """One conversation with its language (BCP-47), gold label and lineage; `gold` and `source_id` are "" for none."""

    id: str
    source: str
    lang: str
    messages: tuple[Message, ...]
    source_id: str = ""
    gold: str = ""
    tags: tuple[str, ...] = ()
    lineage: tuple[Lineage, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """The record as plain data, keys in the order of the file format."""
        return {
            "id": self.id,
            "source": self.source,
            "source_id": self.source_id,
            "lang": self.lang,
            "messages": [turn.to_dict() for turn in self.messages],
            "gold": self.gold,
            "tags": list(self.tags),
            "lineage": [
                {
                    "stage": step.stage,
                    "version": step.version,
                    "prompt": step.prompt,
                    "model": step.model,
                    "reply": step.reply,
                }
                for step in self.lineage
            ],
        }

    def to_line(self) -> bytes:
        """The record as one JSON line, newline included."""
        return orjson.dumps(self.to_dict(), option=orjson.OPT_APPEND_NEWLINE)


def content_id(source: str, source_id: str, messages: tuple[Message, ...], gold: str) -> str:
    """The id of a record: 32 hex digits that depend on its content alone, on any machine and in any run."""
    turns = [
        [turn.role, turn.content, turn.reasoning_content] if turn.reasoning_content else [turn.role, turn.content]
        for turn in messages
    ]
    identity = orjson.dumps([source, source_id, turns, gold])
    return hashlib.blake2b(identity, digest_size=16).hexdigest()


class Reject(Exception):
    """The outcome of a record that a stage does not let through; counted, stored and shown, never an error.

    `code` comes from the closed list of the stage, `detail` says what was seen, `reply` is the text that caused it,
    `history` holds one line per attempt.
    """

    def __init__(self, code: str, detail: str = "", *, reply: str = "", history: tuple[str, ...] = ()) -> None:
        super().__init__(f"{code}: {detail}" if detail else code)
        self.code, self.detail, self.reply, self.history = code, detail, reply, history

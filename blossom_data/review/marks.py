"""One mark: what a person said about one record, and by what the record is known again.

read_mark(b'{"id": "a1", "messages": "1b0a...", "mark": "drop", "note": "wrong", "at": "..."}')   ->   Mark(...)
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any

import orjson

from blossom_data.records import Message

MARKS = ("keep", "drop", "fix", "none")
"""`none` takes an earlier mark back."""
MOST_NOTE_CHARS = 10_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """What was said about the record `id`; it holds as long as the record's messages have the hash `messages`."""

    id: str
    messages: str
    mark: str
    note: str = ""
    texts: tuple[str, ...] = ()
    """Of a fix: the content of every turn, in order, as it is to be."""
    at: str = ""
    """When it was said: UTC, as in 2026-01-31T03:00:00Z."""

    def to_line(self) -> bytes:
        """The mark as one JSON line, newline included."""
        row: dict[str, Any] = {"id": self.id, "messages": self.messages, "mark": self.mark, "note": self.note}
        if self.mark == "fix":
            row["texts"] = list(self.texts)
        return orjson.dumps({**row, "at": self.at}, option=orjson.OPT_APPEND_NEWLINE)


def read_mark(line: bytes) -> Mark:
    """The mark on a line.

    Raises:
        ValueError: it is none.
    """
    row = orjson.loads(line)
    if not isinstance(row, dict):
        raise ValueError("it is no JSON object")
    texts = row.get("texts", [])
    fields = {name: row.get(name, "") for name in ("id", "messages", "mark", "note", "at")}
    if wrong := next((name for name, value in fields.items() if not isinstance(value, str)), None):
        raise ValueError(f"{wrong} is not a text")
    if fields["mark"] not in MARKS:
        raise ValueError(f"mark is {fields['mark'][:40]!r}, not one of {', '.join(MARKS)}")
    if not isinstance(texts, list) or not all(isinstance(text, str) for text in texts):
        raise ValueError("texts is not a list of texts")
    if not fields["id"] or not fields["messages"]:
        raise ValueError("it names no record: id and messages are wanted")
    return Mark(**fields, texts=tuple(texts))


def messages_hash(messages: Sequence[Message], tools: str = "") -> str:
    """The hash, 32 hex digits, by which the messages of a record are known again."""
    turns = [turn.identity() for turn in messages]
    return blake2b(orjson.dumps([turns, tools]), digest_size=16).hexdigest()

"""The record: one conversation or instruction, frozen, and the outcome `Reject`.

On disk a record is one JSON object on a line, always with the same keys, in this order, and never null
(a column that is null in one shard and a string in the next breaks Arrow readers). Only where a record has them does a
message hold `reasoning_content`, `tool_calls`, `tool_call_id` or `"train": false`, and the record `tools`, which is
JSON text, for definitions of tools have no columns in common:

    {"id": "9f2c...", "source": "gsm8k", "source_id": "", "lang": "en",
     "messages": [{"role": "user", "content": "Natalia sold clips to 48 of her friends ..."}],
     "gold": "72", "tags": ["layout:gsm8k"],
     "lineage": [{"stage": "pull", "version": 1, "prompt": "", "model": "", "reply": ""}]}

It does no I/O and no validation: rows/ validates what comes from outside, once.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from typing import Any

import orjson

ROLES = ("system", "user", "assistant", "tool")


@dataclass(frozen=True, slots=True)
class ToolCall:
    """A call of a tool; `arguments` is the text of a JSON object, `id` is "" where none is known."""

    name: str
    arguments: str
    id: str = ""

    def to_dict(self) -> dict[str, Any]:
        """The call as OpenAI's protocol has it; its id only where there is one."""
        call = {"type": "function", "function": {"name": self.name, "arguments": self.arguments}}
        return {"id": self.id, **call} if self.id else call


@dataclass(frozen=True, slots=True)
class Message:
    """One turn: `role` is one of ROLES, `content` its text."""

    role: str
    content: str
    reasoning_content: str = ""
    """What a model thought before it said `content`; "" where nothing is kept of it."""
    tool_calls: tuple[ToolCall, ...] = ()
    """What a model calls behind its `content`, which may be empty then."""
    tool_call_id: str = ""
    """Of a tool's turn: the call that it answers."""
    train: bool = True
    """Of a model's turn: whether it is learnt; else it is context for the turns after it."""

    def to_dict(self) -> dict[str, Any]:
        """The turn as plain data; what it does not have beside role and content is left out."""
        if self.train and not (self.reasoning_content or self.tool_calls or self.tool_call_id):
            return {"role": self.role, "content": self.content}
        return {"role": self.role, "content": self.content, **self._further()}

    def _further(self) -> dict[str, Any]:
        found: dict[str, Any] = {}
        if self.reasoning_content:
            found["reasoning_content"] = self.reasoning_content
        if self.tool_calls:
            found["tool_calls"] = [call.to_dict() for call in self.tool_calls]
        if self.tool_call_id:
            found["tool_call_id"] = self.tool_call_id
        if not self.train:
            found["train"] = False
        return found

    def identity(self) -> list[Any]:
        """What the id of a record depends on."""
        turn: list[Any] = [self.role, self.content]
        if self.reasoning_content:
            turn.append(self.reasoning_content)
        if self.tool_calls or self.tool_call_id or not self.train:
            turn.append(self._further())
        return turn

    @property
    def is_void(self) -> bool:
        """Whether it neither says nor calls anything."""
        return not self.tool_calls and not self.content.strip()


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
    tools: str = ""
    """The tools that the model may call: the text of a JSON list, "" for none."""

    @property
    def asked(self) -> str:
        """What the person said, the turns joined by line ends."""
        return "\n".join(turn.content for turn in self.messages if turn.role == "user")

    @property
    def has_tools(self) -> bool:
        """Whether tools are defined, called or heard in it."""
        return bool(self.tools) or any(turn.tool_calls or turn.role == "tool" for turn in self.messages)

    @property
    def is_wide(self) -> bool:
        """Whether it holds more than texts and thinking: tools, calls, or a reply that is not learnt."""
        return bool(self.tools) or any(turn.tool_calls or turn.tool_call_id or not turn.train for turn in self.messages)

    def without_tools(self) -> Record:
        """The record without definitions of tools, calls, and what tools gave; a reply that only called goes whole."""
        turns = [replace(turn, tool_calls=(), tool_call_id="") for turn in self.messages if turn.role != "tool"]
        called = {place for place, turn in enumerate(self.messages) if turn.tool_calls and not turn.content.strip()}
        kept = [place for place, turn in enumerate(self.messages) if turn.role != "tool"]
        messages = tuple(turn for place, turn in zip(kept, turns, strict=True) if place not in called)
        return replace(self, messages=messages, tools="")

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
            **({"tools": self.tools} if self.tools else {}),
        }

    def to_line(self) -> bytes:
        """The record as one JSON line, newline included."""
        return orjson.dumps(self.to_dict(), option=orjson.OPT_APPEND_NEWLINE)


def content_id(source: str, source_id: str, messages: tuple[Message, ...], gold: str, tools: str = "") -> str:
    """The id of a record: 32 hex digits that depend on its content alone, on any machine and in any run."""
    turns = [turn.identity() for turn in messages]
    identity = orjson.dumps([source, source_id, turns, gold, tools] if tools else [source, source_id, turns, gold])
    return hashlib.blake2b(identity, digest_size=16).hexdigest()


class Reject(Exception):
    """The outcome of a record that a stage does not let through; counted, stored and shown, never an error.

    `code` comes from the closed list of the stage, `detail` says what was seen, `reply` is the text that caused it,
    `history` holds one line per attempt.
    """

    def __init__(self, code: str, detail: str = "", *, reply: str = "", history: tuple[str, ...] = ()) -> None:
        super().__init__(f"{code}: {detail}" if detail else code)
        self.code, self.detail, self.reply, self.history = code, detail, reply, history

"""How JSON is asked for at one (base URL, model): found by one canary call, remembered, noted once.

    auto: json_object honoured                       -> json_object
          json_object refused, json_schema honoured  -> json_schema
          accepted and ignored, or both refused      -> off (the prompt alone asks for JSON)

json_object comes first because it leaves the model free to break the shape, which shows an obeyed injection, and
because strict schemas make some engines write white space without end. It decodes no reply: decoding is strict in
every mode.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Protocol

import orjson

from blossom_data.asks import Ask, Reply
from blossom_data.counters import Counters
from blossom_data.errors import RecordRefused
from blossom_data.llm.reply.thinking import split_thinking
from blossom_data.records import Message

CANARY = "canary"
_CANARY_SCHEMA = {
    "type": "object",
    "properties": {"blossom_canary": {"type": "integer"}},
    "required": ["blossom_canary"],
    "additionalProperties": False,
}
_CANARY_TOKENS = 1_024
"""Room to think before the one word."""
_MARKS = ("response_format", "response format", "json_schema", "json_object", "structured output", "guided_json")


def response_format(mode: str, schema: Mapping[str, Any]) -> dict[str, Any]:
    """The request's `response_format` for json_object or json_schema."""
    if mode == "json_object":
        return {"type": "json_object"}
    return {"type": "json_schema", "json_schema": {"name": "reply", "strict": True, "schema": schema}}


def names_format(refusal: RecordRefused) -> bool:
    """Whether a refusal is about the way in which JSON was asked for."""
    text = f"{refusal} {refusal.body}".lower()
    return refusal.status in (400, 422) and any(mark in text for mark in _MARKS)


def is_honoured(mode: str, text: str) -> bool:
    """Whether the canary's reply, which without constraint would be a word, was forced into the format."""
    text = split_thinking(text, is_object=True).text
    if mode == "json_object":
        return text.lstrip().startswith("{")
    try:
        found = orjson.loads(text)
    except orjson.JSONDecodeError:
        return False
    return isinstance(found, dict) and list(found) == ["blossom_canary"]


class Memory(Protocol):
    """What keeps a found mode from one run to the next (the ledger does)."""

    def recall(self, name: str) -> str | None: ...

    def remember(self, name: str, value: str) -> None: ...


class Negotiation:
    """What is known about one (base URL, model)."""

    def __init__(self, label: str, counters: Counters, *, name: str = "", memory: Memory | None = None) -> None:
        """`label` names the endpoint and model in the note, `name` in `memory`."""
        self.mode = ""
        """json_schema, json_object or off; "" until it was found."""
        self._label, self._counters, self._name, self._memory = label, counters, name, memory
        self._lock = asyncio.Lock()

    async def find(self, send: Callable[[Ask, str], Awaitable[Reply]], model: str) -> str:
        """The mode to use; the first caller finds it with a canary, the others wait for it.

        Raises:
            EndpointError: the endpoint answers nothing at all.
        """
        if self.mode:
            return self.mode
        async with self._lock:
            if not self.mode and self._memory is not None and (known := self._memory.recall(self._name)):
                self._settle(known, "found by an earlier run")
            if not self.mode:
                self._settle(*await _probe(send, model))
        return self.mode

    def downgrade(self, refused_mode: str) -> None:
        """A real request was refused for its format: from now on the prompt alone asks for JSON."""
        if self.mode == refused_mode:
            self._settle("off", f"{refused_mode} refused later on")

    def _settle(self, mode: str, why: str, is_proven: bool = True) -> None:
        self.mode = mode
        if self._memory is not None and is_proven:
            self._memory.remember(self._name, mode)
        how = "by the prompt alone" if mode == "off" else f"with {mode}"
        self._counters.notes[f"{self._label}: JSON is asked for {how} ({why})"] += 1


async def _probe(send: Callable[[Ask, str], Awaitable[Reply]], model: str) -> tuple[str, str, bool]:
    """Mode, reason, and whether it is proven; one call where json_object is accepted, two where it is refused."""
    seen = []
    for mode in ("json_object", "json_schema"):
        canary = Ask(
            stage=CANARY,
            version=1,
            messages=(Message("user", "Say hello in one word of plain text. This is not about JSON."),),
            max_tokens=_CANARY_TOKENS,
            temperature=0.0,
            response_schema=_CANARY_SCHEMA,
            model=model,
        )
        try:
            reply = await send(canary, mode)
        except RecordRefused as refusal:
            if not names_format(refusal):
                return mode, "not checked: the canary was refused for another reason", True
            seen.append(f"{mode} refused")
            continue
        if reply.finish_reason == "length" and not is_honoured(mode, reply.text):
            return mode, "not checked: the canary was cut by length", False
        if is_honoured(mode, reply.text):
            return mode, ", ".join([*seen, f"{mode} honoured"]), True
        seen.append(f"{mode} accepted and ignored")
        break
    return "off", ", ".join(seen), True

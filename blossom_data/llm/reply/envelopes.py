r"""A completion taken out of what gateways put around it.

    {"code": 0, "msg": "ok", "data": {"choices": [...]}}      ->  {"choices": [...]}
    [{"choices": [...]}]    "{\"choices\": [...]}"            ->  the same
    data: {"choices": [{"delta": {"content": "Par"}}]}        ->  {"choices": [{"message": {"content": "Paris."}, ...}]}
    data: {"choices": [{"delta": {"content": "is."}, ...}]}

A stream that nobody asked for is put together where it is whole: it was paid for. Nothing else is repaired.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import orjson

_WRAPPERS = ("data", "result", "response", "output", "body", "completion")
_JOINED = ("content", "reasoning_content", "reasoning", "thinking", "refusal")
"""The texts of a delta that go on from event to event."""
_STREAM_BEGINS = (b"data:", b"event:", b"id:", b"retry:", b":")


def unwrapped(found: object) -> object:
    """The object that holds the choices; `found` as it is where nothing is around it."""
    if isinstance(found, str) and found.lstrip().startswith("{"):
        found = json.loads(found)
    if isinstance(found, list) and len(found) == 1:
        found = found[0]
    if not isinstance(found, dict) or "choices" in found:
        return found
    for name in _WRAPPERS:
        if isinstance(inner := found.get(name), dict) and inner.get("choices"):
            return {**inner, "usage": inner.get("usage") or found.get("usage")}
    return found


def is_stream(body: bytes) -> bool:
    """Whether a body begins as server-sent events do."""
    return body[:1024].lstrip().startswith(_STREAM_BEGINS)


def joined(body: bytes) -> dict[str, Any]:
    """The completion that a body of server-sent events makes.

    Raises:
        ValueError: an event cannot be read, or the stream breaks off.
    """
    whole: dict[str, Any] = {}
    texts: dict[str, str] = {}
    message: dict[str, Any] = {}
    finish, is_ended = None, False
    for event in _events(body):
        if event is None:
            is_ended = True
            continue
        if event.get("error"):
            return event
        whole.update((name, event[name]) for name in event if name != "choices" and event[name] is not None)
        choices = event.get("choices")
        choice = choices[0] if isinstance(choices, list) and choices else None
        if not isinstance(choice, dict):
            continue
        if isinstance(choice.get("message"), dict):
            return event
        finish = choice.get("finish_reason") or finish
        delta = choice.get("delta")
        for name, value in delta.items() if isinstance(delta, dict) else ():
            if name in _JOINED and isinstance(value, str):
                texts[name] = texts.get(name, "") + value
            elif value is not None:
                message[name] = value
    if not (is_ended or finish):
        raise ValueError("a stream that breaks off")
    choice = {"message": {"content": None, **message, **texts}, "finish_reason": finish}
    return {**whole, "choices": [choice] if message or texts else []}


def _events(body: bytes) -> Iterator[dict[str, Any] | None]:
    """The events, and None for the last word of a stream."""
    for line in body.splitlines():
        if not line.startswith(b"data:"):
            continue
        data = line[len(b"data:") :].strip()
        if data == b"[DONE]":
            yield None
        elif data:
            event = orjson.loads(data)
            if not isinstance(event, dict):
                raise ValueError("an event that is no object")
            yield event

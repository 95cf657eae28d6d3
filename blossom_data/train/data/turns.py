"""Turns of a chat to train on, in the spellings of data sets, as messages: nothing that is to be learnt is lost.

{"from": "function_call", "value": "{\\"name\\": \\"weather\\", \\"arguments\\": {\\"city\\": \\"Paris\\"}}"}
{"role": "assistant", "content": null, "tool_calls": [...]}           a reply that calls a tool
{"from": "observation", "value": "21 degrees"}   {"role": "tool", ...}  what it gave, context
{"role": "assistant", "content": "Hm.", "weight": 0}                  a reply that is context
{"role": "assistant", "content": "21.", "reasoning": "So ..."}          a reply with its thinking
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from blossom_data.records import Message, ToolCall
from blossom_data.rows.row import Unreadable
from blossom_data.rows.turns import full_turn, read_call
from blossom_data.sources.chat import content_of, role_of
from blossom_data.sources.instruction import list_of

_CALLS = ("function_call", "tool_call")
"""Roles whose turns are calls that the model makes, written as JSON."""


def read_message(turn: Any, place: str) -> Message:
    """One turn, whoever spells it; `place` names it in an error.

    Raises:
        Unreadable: wrong_type, missing_field, unknown_role or unsupported_content.
    """
    role = role_of(turn, place)
    if len(turn) == 2 and role != "tool" and isinstance(text := turn.get("value", turn.get("content")), str):
        return Message(role, text)
    if _speaker(turn) in _CALLS:
        calls = _written_calls(content_of(turn, place), place)
        said = full_turn({**turn, "role": "assistant", "content": "", "tool_calls": calls}, place)
    elif role == "tool":
        said = full_turn({**turn, "role": role, "content": _result(turn, place)}, place)
    else:
        said = full_turn({**turn, "role": role}, place)
        if turn.get("value", turn.get("content")) is not None or "tool_calls" not in said:
            said["content"] = content_of(turn, place)
    return Message(**{**said, "tool_calls": tuple(ToolCall(**call) for call in said.get("tool_calls", ()))})


def read_history(row: Mapping[str, Any]) -> list[Message]:
    """The earlier turns of an Alpaca row: `"history": [["question", "reply"], ...]`.

    Raises:
        Unreadable: wrong_type.
    """
    if not row.get("history"):
        return []
    turns = []
    for number, pair in enumerate(list_of(row, "history"), 1):
        if not isinstance(pair, list) or len(pair) != 2 or not all(isinstance(text, str) for text in pair):
            raise Unreadable("wrong_type", f"item {number} of history is no question and reply")
        turns += [Message("user", pair[0]), Message("assistant", pair[1])]
    return turns


def _speaker(turn: Mapping[str, Any]) -> str:
    return str(turn.get("from", turn.get("role"))).strip().lower()


def _written_calls(text: str, place: str) -> list[dict[str, Any]]:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError) as why:
        problem = f"{place} is a call of a tool, and its text is no JSON of a name and arguments"
        raise Unreadable("wrong_type", problem) from why
    calls = [read_call(each, place) for each in (value if isinstance(value, list) else [value])]
    return [{"id": call["id"], "name": call["name"], "arguments": call["arguments"]} for call in calls]


def _result(turn: Mapping[str, Any], place: str) -> str:
    """What a tool gave: a text, or an object or list as its JSON."""
    content = turn.get("value", turn.get("content"))
    if isinstance(content, dict) or (isinstance(content, list) and not _is_parts(content)):
        return json.dumps(content, ensure_ascii=False)
    return content_of(dict(turn), place)


def _is_parts(content: list[Any]) -> bool:
    return all(isinstance(part, dict) and "type" in part for part in content)

"""Replies that were judged one by one: a chat of any layout of chats.py, and whether its last reply is desirable.

    {"prompt": "Name a colour.", "completion": "Blue.", "label": true}                     TRL
    {"messages": [{"role": "user", ...}, {"role": "assistant", ...}], "kto_tag": false}      LLaMA-Factory

What else a row says is left out.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from blossom_data.records import Message
from blossom_data.rows.row import Row, Unreadable
from blossom_data.train.data.chats import chat_of

_LABELS = ("label", "kto_tag", "desirable")


@dataclass(frozen=True, slots=True)
class JudgedReply:
    """A chat whose last turn is the reply that was judged, and the place where it was read."""

    file: str
    line: int
    messages: tuple[Message, ...]
    is_desirable: bool
    tools: str = ""


def judged_of(row: Row) -> JudgedReply:
    """The judged reply of one row.

    Raises:
        Unreadable: missing_field, wrong_type, wrong_layout, or what is wrong with the chat.
    """
    is_desirable = _label(row.value)
    # A row's own id may stand for several replies to one prompt.
    values = {key: value for key, value in row.value.items() if key != "id"}
    record = chat_of(Row(row.file, row.line, values), finds_language=False)
    if record.messages[-1].role != "assistant" or len(record.messages) < 2:
        raise Unreadable("wrong_layout", "the chat does not end with a reply to something")
    # Its label says what is learnt of it, not its turns.
    reply = replace(record.messages[-1], train=True)
    return JudgedReply(row.file, row.line, (*record.messages[:-1], reply), is_desirable, record.tools)


def _label(row: dict[str, Any]) -> bool:
    key = next((key for key in _LABELS if row.get(key) is not None), "")
    if not key:
        raise Unreadable("missing_field", f"nothing says whether the reply is desirable: {', '.join(_LABELS)}")
    value = row[key]
    if type(value) is bool or (type(value) is int and value in (0, 1)):
        return bool(value)
    raise Unreadable("wrong_type", f"{key} is neither true nor false: {value!r:.40}")

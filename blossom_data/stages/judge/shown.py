"""What a judge is shown of a conversation: data in one JSON document, calls of tools and all.

    {"task": "grade", "conversation": [{"role": "user", "content": "Weather in Paris?"}], "answer": "",
     "calls": [{"name": "weather", "arguments": "{\\"city\\": \\"Paris\\"}"}], "tools": "[...]", "reference": "..."}

What a conversation does not have is left out, so that the document of one without tools never changes.
"""

from __future__ import annotations

import json
from typing import Any

from blossom_data.records import Message, Record


def last_reply(record: Record) -> Message | None:
    """The turn that is judged; None where the conversation does not end with one that says or calls anything."""
    last = record.messages[-1] if record.messages else None
    return last if last is not None and last.role == "assistant" and not last.is_void else None


def graded(record: Record, reply: Message) -> str:
    """The document of one reply that is scored."""
    return _document("grade", record, {"answer": reply.content, **_calls("calls", reply)})


def compared(record: Record, first: Message, second: Message) -> str:
    """The document of two replies that are compared."""
    replies = {"first": first.content, "second": second.content}
    return _document("compare", record, replies | _calls("first_calls", first) | _calls("second_calls", second))


def _document(task: str, record: Record, replies: dict[str, Any]) -> str:
    conversation = [_turn(turn) for turn in record.messages[:-1]]
    document: dict[str, Any] = {"task": task, "conversation": conversation, **replies}
    if record.tools:
        document["tools"] = record.tools
    if record.gold:
        document["reference"] = record.gold
    return json.dumps(document, ensure_ascii=False)


def _turn(turn: Message) -> dict[str, Any]:
    return {"role": turn.role, "content": turn.content, **_calls("calls", turn)}


def _calls(key: str, turn: Message) -> dict[str, Any]:
    calls = [{"name": call.name, "arguments": call.arguments} for call in turn.tool_calls]
    return {key: calls} if calls else {}

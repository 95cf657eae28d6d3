"""Chats in the ShareGPT layout.

    {"id": "x_0", "conversations": [{"from": "system", "value": "..."}, {"from": "human", "value": "..."}, ...],
     "tools": "[{\\"name\\": ...}]", "chosen": {...}, "rejected": {...}}
    {"conversation": [{"role": "user", "content": "..."}, ...]}
    {"conversation": [{"human": "...", "assistant": "..."}, ...]}

chat.py says what of a chat is kept. `chosen` and `rejected` are outputs; `tools` is only seen in the tag of that name.
"""

from __future__ import annotations

from collections.abc import Iterable

from blossom_data.sources.chat import CHAT_FIELDS, read_chat
from blossom_data.sources.instruction import Instruction, Layout, RawRow, Source


def read_conversations(row: RawRow) -> Iterable[Instruction]:
    """What the person says in the conversation; in a table of both layouts the other column is null."""
    is_other = row.get("conversations") is None and row.get("conversation") is not None
    yield read_chat(row, "conversation" if is_other else "conversations")


SHAREGPT = Source(
    "sharegpt",
    "ShareGPT chats",
    (
        Layout("sharegpt", ("conversations",), read_conversations),
        Layout("conversation", ("conversation",), read_conversations),
    ),
    CHAT_FIELDS | {"conversations", "conversation"},
    list_field="conversations",
)

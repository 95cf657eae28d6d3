"""Chats in the ShareGPT layout.

    {"id": "x_0", "conversations": [{"from": "system", "value": "..."}, {"from": "human", "value": "..."}, ...],
     "tools": "[{\\"name\\": ...}]", "chosen": {...}, "rejected": {...}}

chat.py says what of a chat is kept. `chosen` and `rejected` are outputs; `tools` is only seen in the tag of that name.
"""

from __future__ import annotations

from collections.abc import Iterable

from blossom_data.sources.chat import read_chat
from blossom_data.sources.instruction import Instruction, Layout, RawRow, Source


def read_conversations(row: RawRow) -> Iterable[Instruction]:
    """What the person says in the conversation."""
    yield read_chat(row, "conversations")


SHAREGPT = Source("sharegpt", "ShareGPT chats", (Layout("sharegpt", ("conversations",), read_conversations),))

"""Chats in the OpenAI layout, and lists of questions without answers (MT-Bench).

    {"messages": [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "..."}]}
    {"messages": [{"role": "user", "content": [{"type": "text", "value": "hi"}], "loss_weight": 0.0}, ...]}
    {"question_id": 81, "category": "writing", "turns": ["Compose a travel blog post ...", "Rewrite it ..."]}

chat.py says what of a chat is kept; reasoning stands in the assistant's turns and is dropped with them.
"""

from __future__ import annotations

from collections.abc import Iterable

from blossom_data.rows.row import Unreadable
from blossom_data.sources.chat import read_chat
from blossom_data.sources.instruction import Instruction, Layout, RawRow, Source, id_of, list_of, tags_of


def read_messages(row: RawRow) -> Iterable[Instruction]:
    """What the person says in the chat."""
    yield read_chat(row, "messages")


def read_turns(row: RawRow) -> Iterable[Instruction]:
    """The questions, each of which is to be answered before the next."""
    turns = list_of(row, "turns")
    if not all(isinstance(turn, str) for turn in turns):
        raise Unreadable("wrong_type", "turns holds what is not a text")
    source_id = id_of(row, "question_id") or id_of(row)
    yield Instruction(turns=tuple(turns), source_id=source_id, tags=tags_of(row, category="category"))


MESSAGES = Source("messages", "chats in the OpenAI layout", (Layout("messages", ("messages",), read_messages),))
TURNS = Source("turns", "lists of questions (MT-Bench)", (Layout("turns", ("turns",), read_turns),))

"""Chats in the OpenAI layout, and questions without answers (MT-Bench, AlignBench).

    {"messages": [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "..."}]}
    {"messages": [{"role": "user", "content": [{"type": "text", "value": "hi"}], "loss_weight": 0.0}, ...]}
    {"question_id": 81, "category": "writing", "turns": ["Compose a travel blog post ...", "Rewrite it ..."]}
    {"question_id": 1, "category": "专业能力", "subcategory": "音乐", "question": "高音单簧管 ...", "reference": "..."}

chat.py says what of a chat is kept; reasoning stands in the assistant's turns and is dropped with them.
"""

from __future__ import annotations

from collections.abc import Iterable

from blossom_data.rows.row import Unreadable
from blossom_data.sources.chat import CHAT_FIELDS, read_chat
from blossom_data.sources.instruction import Instruction, Layout, RawRow, Source, id_of, list_of, tags_of, text_of


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


def read_question(row: RawRow) -> Iterable[Instruction]:
    """The one question of a row of AlignBench; its reference answer stays behind."""
    tags = tags_of(row, category="category", task="subcategory")
    yield Instruction(turns=(text_of(row, "question"),), source_id=id_of(row, "question_id"), tags=tags)


MESSAGES = Source(
    "messages",
    "chats in the OpenAI layout",
    (Layout("messages", ("messages",), read_messages),),
    CHAT_FIELDS | {"messages"},
    list_field="messages",
)
TURNS = Source(
    "turns",
    "lists of questions (MT-Bench, AlignBench)",
    (
        Layout("turns", ("turns",), read_turns),
        Layout("alignbench", ("question_id", "question", "reference"), read_question),
    ),
    frozenset({"turns", "question", "question_id", "id", "category", "subcategory"}),
)

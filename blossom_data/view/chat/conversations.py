"""A chat as plain data: read from a page, and as the record that it is saved as.

as_record([Message("user", "Hi"), Message("assistant", "Hello.")], "qwen-3f2a")      source chat, one step of lineage
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from blossom_data.languages.detect import chat_language
from blossom_data.records import Lineage, Message, Record, content_id
from blossom_data.train.handoff.sampling import Sampling

_ROLES = ("system", "user", "assistant")
_MOST_TURNS = 1_000
SOURCE = "chat"


def as_record(messages: Sequence[Message], model: str) -> Record:
    """The record of a chat with `model`."""
    turns = tuple(messages)
    lang = chat_language([turn.content for turn in turns if turn.role == "user"])
    return Record(
        id=content_id(SOURCE, "", turns, ""),
        source=SOURCE,
        lang=lang,
        messages=turns,
        tags=(),
        lineage=(Lineage("chat", 1, "", model),),
    )


def read_messages(value: Any) -> list[Message]:
    """The turns of a page's JSON.

    Raises:
        ValueError: they are none.
    """
    if not isinstance(value, list) or not 0 < len(value) <= _MOST_TURNS:
        raise ValueError("messages is a list of turns")
    turns = []
    for turn in value:
        role, content = (turn.get("role"), turn.get("content")) if isinstance(turn, dict) else (None, None)
        thought = turn.get("reasoning_content", "") if isinstance(turn, dict) else ""
        if role not in _ROLES or not isinstance(content, str) or not isinstance(thought, str):
            raise ValueError(f"a turn has a role ({', '.join(_ROLES)}) and content")
        turns.append(Message(role, content, thought))
    return turns


def read_sampling(value: Any) -> Sampling:
    """The settings of a page's JSON.

    Raises:
        ValueError: one is out of its range.
    """
    if not isinstance(value, dict):
        raise ValueError("sampling is an object")
    usual = Sampling()
    found = Sampling(
        temperature=float(value.get("temperature", usual.temperature)),
        top_p=float(value.get("top_p", usual.top_p)),
        max_tokens=int(value.get("max_tokens", usual.max_tokens)),
        seed=int(value.get("seed", usual.seed)),
    )
    if not (0 <= found.temperature <= 2 and 0 < found.top_p <= 1 and 1 <= found.max_tokens <= 131_072):
        raise ValueError("temperature is 0 to 2, top_p above 0 to 1, max_tokens 1 to 131,072")
    return found

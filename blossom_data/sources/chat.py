"""What people and operators say in a chat, whatever its spelling; the model's turns and its tools' stay behind.

    [{"from": "human", "value": "Hi"}, {"from": "gpt", "value": "..."}, {"from": "human", "value": "And now?"}]
    [{"role": "user", "content": [{"type": "text", "text": "Hi"}]}, {"role": "assistant", "content": "..."}]
    [{"human": "Hi", "assistant": "..."}, {"human": "And now?", "assistant": "..."}]

The answers will be written anew, one after each turn that is kept. Calls of tools and what these returned belong to the
answers, so they are dropped with them, and the chat is tagged `tools`: with no tool at hand some of its turns cannot be
answered well. A chat that a model opens is tagged `answer-first`: its first turn has lost what it refers to. What was
saved as HTML becomes Markdown, and is tagged `html`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from blossom_data.rows.row import Unreadable
from blossom_data.sources.html import is_saved_html, to_markdown
from blossom_data.sources.instruction import Instruction, RawRow, id_of, list_of, text_of

_ROLES = {
    "user": ("human", "user", "prompter"),
    "system": ("system", "developer"),
    "assistant": ("gpt", "assistant", "chatgpt", "bing", "bard", "model", "bot"),
    "tool": (
        "function_call",
        "observation",
        "tool",
        "function",
        "function_response",
        "tool_call",
        "tool_response",
        "ipython",
    ),
}
_ROLE_OF = {spelling: role for role, spellings in _ROLES.items() for spelling in spellings}
_NO_TOOLS = ("", "[]", "{}", "null")
CHAT_FIELDS = frozenset({"id", "idx", "system", "tools"})


def read_chat(row: RawRow, field: str) -> Instruction:
    """The instruction that the turns in `field` hold.

    Raises:
        Unreadable: unknown_role, unsupported_content, wrong_type, missing_field or empty.
    """
    turns = list(_spoken(list_of(row, field)))
    asked: list[str] = []
    system = [text_of(row, "system", "")]
    roles = [role_of(turn, f"turn {number}") for number, turn in enumerate(turns, 1)]
    for number, (role, turn) in enumerate(zip(roles, turns, strict=True), 1):
        if role == "user":
            asked.append(content_of(turn, f"turn {number}"))
        elif role == "system":
            system.append(content_of(turn, f"turn {number}"))
    tags = _tags(row, roles, turns)
    answers = [
        turn.get("value", turn.get("content")) for role, turn in zip(roles, turns, strict=True) if role == "assistant"
    ]
    if is_saved_html(asked, answers):
        asked, tags = [to_markdown(text) for text in asked], (*tags, "html")
    return Instruction(
        turns=tuple(asked),
        system="\n\n".join(text.strip() for text in system if text.strip()),
        source_id=id_of(row) or id_of(row, "idx"),
        tags=tags,
    )


def _spoken(turns: Iterable[Any]) -> Iterator[Any]:
    """The turns one by one; an object whose keys are the speakers holds several."""
    for turn in turns:
        if isinstance(turn, dict) and turn.keys() <= _ROLE_OF.keys():
            yield from ({"role": role, "content": text} for role, text in turn.items() if text is not None)
        else:
            yield turn


def _tags(row: RawRow, roles: list[str], turns: list[Any]) -> tuple[str, ...]:
    tags = []
    has_calls = "tool" in roles or any(turn.get("tool_calls") for turn in turns)
    tools = row.get("tools")
    if has_calls or (tools and not (isinstance(tools, str) and tools.strip() in _NO_TOOLS)):
        tags.append("tools")
    if next((role for role in roles if role != "system"), "") == "assistant":
        tags.append("answer-first")
    return tuple(tags)


def role_of(turn: object, place: str) -> str:
    """One of records.ROLES for the speaker of a turn, whatever its spelling; `place` names the turn in an error.

    Raises:
        Unreadable: wrong_type, missing_field or unknown_role.
    """
    if not isinstance(turn, dict):
        raise Unreadable("wrong_type", f"{place} is not an object: {type(turn).__name__}")
    role = turn.get("from", turn.get("role"))
    if role is None:
        raise Unreadable("missing_field", f"{place} has neither `from` nor `role`")
    if not isinstance(role, str):
        raise Unreadable("wrong_type", f"the role of {place} is not a text: {type(role).__name__}")
    role = role.strip().lower()
    if role not in _ROLE_OF:
        raise Unreadable("unknown_role", f"{place} has the role {role[:40]!r}")
    return _ROLE_OF[role]


def content_of(turn: dict[str, Any], place: str) -> str:
    """The text of a turn, or of the text parts that make up its content.

    Raises:
        Unreadable: wrong_type, missing_field or unsupported_content.
    """
    content = turn.get("value", turn.get("content"))
    if isinstance(content, str):
        return content
    if content is None:
        raise Unreadable("missing_field", f"{place} has neither `value` nor `content`")
    if not isinstance(content, list):
        raise Unreadable("wrong_type", f"the content of {place} is neither a text nor a list of parts")
    return "\n".join(_part(part, place) for part in content)


def _part(part: object, place: str) -> str:
    if not isinstance(part, dict):
        raise Unreadable("wrong_type", f"a part of {place} is not an object: {type(part).__name__}")
    kind = part.get("type")
    if kind not in ("text", "input_text"):
        raise Unreadable("unsupported_content", f"{place} holds a part of type {str(kind)[:40]!r}")
    text = part.get("value", part.get("text"))
    if not isinstance(text, str):
        raise Unreadable("wrong_type", f"a text part of {place} holds no text")
    return text

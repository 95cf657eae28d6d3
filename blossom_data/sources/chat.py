"""What people and operators say in a chat, whatever its spelling; the model's turns and its tools' stay behind.

    [{"from": "human", "value": "Hi"}, {"from": "gpt", "value": "..."}, {"from": "human", "value": "And now?"}]
    [{"role": "user", "content": [{"type": "text", "text": "Hi"}]}, {"role": "assistant", "content": "..."}]

The answers will be written anew, one after each turn that is kept. Calls of tools and what these returned belong to the
answers, so they are dropped with them, and the chat is tagged `tools`: with no tool at hand some of its turns cannot be
answered well. A chat that a model opens is tagged `answer-first`: its first turn has lost what it refers to.
"""

from __future__ import annotations

from typing import Any

from blossom_data.rows.row import Unreadable
from blossom_data.sources.instruction import Instruction, RawRow, id_of, list_of, text_of

_PERSON = {"human", "user", "prompter"}
_SYSTEM = {"system", "developer"}
_MODEL = {"gpt", "assistant", "chatgpt", "bing", "bard", "model", "bot"}
_TOOL = {
    "function_call",
    "observation",
    "tool",
    "function",
    "function_response",
    "tool_call",
    "tool_response",
    "ipython",
}
_NO_TOOLS = ("", "[]", "{}", "null")


def read_chat(row: RawRow, field: str) -> Instruction:
    """The instruction that the turns in `field` hold.

    Raises:
        Unreadable: unknown_role, unsupported_content, wrong_type, missing_field or empty.
    """
    turns = list_of(row, field)
    asked: list[str] = []
    system = [text_of(row, "system", "")]
    roles = [_role(turn, number) for number, turn in enumerate(turns, 1)]
    for number, (role, turn) in enumerate(zip(roles, turns, strict=True), 1):
        if role in _PERSON:
            asked.append(_text(turn, number))
        elif role in _SYSTEM:
            system.append(_text(turn, number))
    return Instruction(
        turns=tuple(asked),
        system="\n\n".join(text.strip() for text in system if text.strip()),
        source_id=id_of(row) or id_of(row, "idx"),
        tags=_tags(row, roles, turns),
    )


def _tags(row: RawRow, roles: list[str], turns: list[Any]) -> tuple[str, ...]:
    tags = []
    has_calls = any(role in _TOOL for role in roles) or any(turn.get("tool_calls") for turn in turns)
    tools = row.get("tools")
    if has_calls or (tools and not (isinstance(tools, str) and tools.strip() in _NO_TOOLS)):
        tags.append("tools")
    if next((role for role in roles if role not in _SYSTEM), "") in _MODEL:
        tags.append("answer-first")
    return tuple(tags)


def _role(turn: object, number: int) -> str:
    if not isinstance(turn, dict):
        raise Unreadable("wrong_type", f"turn {number} is not an object: {type(turn).__name__}")
    role = turn.get("from", turn.get("role"))
    if role is None:
        raise Unreadable("missing_field", f"turn {number} has neither `from` nor `role`")
    if not isinstance(role, str):
        raise Unreadable("wrong_type", f"the role of turn {number} is not a text: {type(role).__name__}")
    role = role.strip().lower()
    if role not in _PERSON | _SYSTEM | _MODEL | _TOOL:
        raise Unreadable("unknown_role", f"turn {number} has the role {role[:40]!r}")
    return role


def _text(turn: dict[str, Any], number: int) -> str:
    """The text of a turn, or of the text parts that make up its content."""
    content = turn.get("value", turn.get("content"))
    if isinstance(content, str):
        return content
    if content is None:
        raise Unreadable("missing_field", f"turn {number} has neither `value` nor `content`")
    if not isinstance(content, list):
        raise Unreadable("wrong_type", f"the content of turn {number} is neither a text nor a list of parts")
    return "\n".join(_part(part, number) for part in content)


def _part(part: object, number: int) -> str:
    if not isinstance(part, dict):
        raise Unreadable("wrong_type", f"a part of turn {number} is not an object: {type(part).__name__}")
    kind = part.get("type")
    if kind not in ("text", "input_text"):
        raise Unreadable("unsupported_content", f"turn {number} holds a part of type {str(kind)[:40]!r}")
    text = part.get("value", part.get("text"))
    if not isinstance(text, str):
        raise Unreadable("wrong_type", f"a text part of turn {number} holds no text")
    return text

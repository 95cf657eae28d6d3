"""The turns of a record, each beside the turn that it was made of, where that is at hand.

turns = conversation(record, original)
turns[0].role, turns[0].original, turns[0].content       "user", [Span("Explain `ls`.") ...], [Span("解释 `ls`。") ...]
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from itertools import zip_longest
from typing import Any

import orjson

from blossom_data.languages.tags import base_of
from blossom_data.records import Message, Record
from blossom_data.report.page.html import visible
from blossom_data.rows.row import Unreadable
from blossom_data.rows.valid import valid_record
from blossom_data.train.data.pairs import valid_pair
from blossom_data.view.index.facets import PAIR
from blossom_data.view.record.spans import Span, compared, protected_spans

_BESIDE = ("id", "source", "source_id", "lang", "gold", "tags", "lineage", "tools")
"""Of a pair: what it says beside its turns."""


@dataclass(slots=True)
class Turn:
    """One turn as it is shown; `original` is None where nothing stands beside it."""

    role: str
    content: list[Span] = field(default_factory=list)
    original: list[Span] | None = None
    thinking: str = ""
    original_thinking: str = ""
    calls: list[dict[str, str]] = field(default_factory=list)
    """name and arguments of each tool that is called."""
    answers: str = ""
    """Of a tool's turn: the call that it answers."""
    original_calls: list[dict[str, str]] = field(default_factory=list)
    is_learnt: bool = True
    is_changed: bool = False
    text: str = ""
    """The content as it is, for an editor."""


def record_of(row: dict[str, Any]) -> Record | None:
    """The record of a row, of a reject that which it holds, of a pair that with the chosen reply; None for none."""
    if pair := pair_of(row):
        return pair[0]
    held = row.get("record") if "messages" not in row else row
    if not isinstance(held, dict):
        return None
    try:
        return valid_record(held)
    except Unreadable:
        return None


def pair_of(row: dict[str, Any]) -> tuple[Record, Record] | None:
    """Of a row with two replies to one prompt, the record with the chosen and that with the rejected one."""
    if any(row.get(name) is None for name in PAIR):
        return None
    try:
        prompt, *replies = valid_pair(row)
        turns = [turn.to_dict() for turn in (*prompt, replies[0])]
        chosen = valid_record({**{name: row[name] for name in _BESIDE if name in row}, "messages": turns})
    except Unreadable:
        return None
    return chosen, replace(chosen, messages=(*prompt, replies[1]))


def replies_of(row: dict[str, Any]) -> list[Turn]:
    """The turns of a pair: the prompt as it is, and the chosen reply beside the rejected one; none of another row."""
    if (pair := pair_of(row)) is None:
        return []
    chosen, rejected = pair
    reply = _beside(chosen.messages[-1], rejected.messages[-1], is_translation=False)
    reply.is_changed = False
    return [*conversation(chosen, None)[:-1], reply]


def conversation(record: Record, original: Record | None) -> list[Turn]:
    """The turns of `record` beside those of `original`.

    Texts in one language are compared word by word; of a translation what is protected is marked on both sides.
    """
    if original is None:
        return [_turn(message, protected_spans(message.content)) for message in record.messages]
    is_translation = bool(record.lang and original.lang) and base_of(record.lang) != base_of(original.lang)
    paired = _paired(record.messages, original.messages)
    return [_beside(mine, other, is_translation=is_translation) for mine, other in paired]


def _beside(mine: Message | None, other: Message | None, *, is_translation: bool) -> Turn:
    """A turn beside the one that it was made of; one of both may be missing."""
    turn = _turn(mine, []) if mine else Turn(other.role if other else "")
    before, after = (other.content if other else ""), (mine.content if mine else "")
    if is_translation or not (other and mine):
        turn.original = protected_spans(before) if other else None
        turn.content = protected_spans(after)
    else:
        turn.original, turn.content = compared(before, after)
    turn.original_thinking = visible(other.reasoning_content) if other else ""
    turn.original_calls = _calls(other) if other else []
    turn.is_changed = before != after or turn.original_calls != turn.calls
    return turn


def _paired(mine: tuple[Message, ...], others: tuple[Message, ...]) -> list[tuple[Message | None, Message | None]]:
    """Turns of the same place and role together; from where they part, each alone."""
    pairs: list[tuple[Message | None, Message | None]] = []
    for one, other in zip_longest(mine, others):
        if one is not None and other is not None and one.role != other.role:
            pairs += [(None, other), (one, None)]
        else:
            pairs.append((one, other))
    return pairs


def _turn(message: Message, content: list[Span]) -> Turn:
    return Turn(
        role=message.role,
        content=content,
        thinking=visible(message.reasoning_content),
        calls=_calls(message),
        answers=visible(message.tool_call_id),
        is_learnt=message.train,
        text=message.content,
    )


def _calls(message: Message) -> list[dict[str, str]]:
    return [{"name": visible(call.name), "arguments": visible(_pretty(call.arguments))} for call in message.tool_calls]


def tools_text(record: Record) -> str:
    """The definitions of tools, indented; "" for none."""
    return visible(_pretty(record.tools)) if record.tools else ""


def _pretty(text: str) -> str:
    try:
        return orjson.dumps(orjson.loads(text), option=orjson.OPT_INDENT_2).decode()
    except ValueError:
        return text


def snippet(record: Record | None, role: str, most: int = 160) -> str:
    """The beginning of the first turn of `role`, on one line."""
    if record is None:
        return ""
    text = next((turn.content for turn in record.messages if turn.role == role), "")
    return visible(" ".join(text[: 4 * most].split())[:most])

"""The layouts of a training row: conversation -> row -> the same conversation, or a Reject that says why not.

    messages   {"messages": [{"role": "user", "content": "..."}, {"role": "assistant", "content": "..."}]}
    sharegpt   {"conversations": [{"from": "human", "value": "..."}, {"from": "gpt", "value": "..."}]}
    alpaca     {"instruction": "...", "input": "", "output": "...", "system": "", "history": [["...", "..."]]}

Every row begins with id, source and lang, has always the same keys, and never a null. Thinking that a record keeps is
`reasoning_content` of a message; the other two layouts have no field for it, and it stands before the answer as
LLaMA-Factory reads it: `<think>\\n...\\n</think>\\n\\n`. ShareGPT and Alpaca rows are what
LLaMA-Factory takes: a system turn at the front if any, then person and model in turn, the model last; it skips what is
not so with no more than a warning, which is why it is a counted reject here. Where some record of a set has tools, its
rows have `tools`, definitions as JSON text. Calls are fields of a message, or a ShareGPT turn `function_call`, whose
value is their JSON, answered by `observation`; Alpaca has no place for them. Alpaca's instruction holds the whole
prompt and its input is empty: readers join the two in different ways.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from blossom_data.mix.plan import LAYOUT_NAMES
from blossom_data.mix.shapes import PAIRS, TEXT, TOOL_TURNS, Column, turns
from blossom_data.records import Message, Record, Reject, ToolCall

REJECTS = {
    "no_prompt": "no turn of a person holds any text",
    "no_answer": "no turn of a model: nothing to learn from",
    "empty_answer": "a turn of the model without any text",
    "tool_turn": "what a tool said where no call is before it, or the layout has no place for it",
    "late_system": "a system turn that is not the first",
    "empty_system": "the layout cannot tell an empty system turn from none",
    "unsupported_content": "tools, a reply not to be learnt, or one that speaks and calls: the layout has no place",
    "marked_drop": "a person marked it to be dropped (its review file)",
    "not_alternating": "person and model do not take turns, or the model does not speak last",
}
_THOUGHT = re.compile(r"<think>\n([\s\S]*?)\n</think>\n\n")
_FROM = {"system": "system", "user": "human", "assistant": "gpt", "tool": "observation"}
_ROLE = {name: role for role, name in _FROM.items()}
_CALL = "function_call"
_TOOLS = Column("tools", TEXT)


@dataclass(frozen=True, slots=True)
class Layout:
    """One layout: its columns behind id, source and lang, and both directions."""

    name: str
    columns: tuple[Column, ...]
    encode: Callable[[Sequence[Message]], dict[str, Any]]
    """Raises Reject for a conversation that the layout cannot hold."""
    decode: Callable[[Mapping[str, Any]], list[dict[str, Any]]]
    """The messages of a row; raises KeyError, TypeError or ValueError for a row of another layout."""

    @property
    def all_columns(self) -> tuple[Column, ...]:
        """The columns of a row, in order."""
        return (Column("id", TEXT), Column("source", TEXT), Column("lang", TEXT), *self.columns)

    @property
    def has_tools(self) -> bool:
        """Whether a row has the definitions of tools."""
        return _TOOLS in self.columns

    def row(self, record: Record) -> dict[str, Any]:
        """The row of `record`; raises Reject."""
        row = {"id": record.id, "source": record.source, "lang": record.lang, **self.encode(record.messages)}
        return {**row, "tools": record.tools} if self.has_tools else row

    def refuse_unheld(self, record: Record) -> None:
        """Raises Reject where the layout cannot hold the record."""
        if record.is_wide and self.name == "alpaca":
            raise Reject("unsupported_content")
        self.encode(record.messages)


def check_trainable(messages: Sequence[Message]) -> None:
    """Raises Reject for a conversation that has nothing to teach, whatever the layout."""
    answers = [turn for turn in messages if turn.role == "assistant"]
    if not any(turn.train for turn in answers):
        raise Reject("no_answer")
    if any(turn.is_void for turn in answers):
        raise Reject("empty_answer")


def check_alternates(messages: Sequence[Message], *, has_tools: bool = True) -> None:
    """Raises Reject unless person and model take turns behind at most one system turn.

    Args:
        has_tools: what one tool said may stand in the person's place, behind the call.
    """
    talk = messages[1:] if messages and messages[0].role == "system" else messages
    for number, turn in enumerate(talk):
        if turn.role == "tool" and not (has_tools and number and talk[number - 1].tool_calls):
            # Of several results the second is no turn of its own, and not without a call.
            is_second = has_tools and number and talk[number - 1].role == "tool"
            raise Reject("not_alternating" if is_second else "tool_turn", f"turn {number + 1} is the tool's")
        if turn.role == "system":
            raise Reject("late_system")
        if ("assistant" if turn.role == "assistant" else "user") != ("assistant" if number % 2 else "user"):
            raise Reject("not_alternating", f"turn {number + 1} is the {turn.role}'s")
    if not talk or len(talk) % 2:
        raise Reject("not_alternating", "the model does not speak last")


def _encode_messages(messages: Sequence[Message]) -> dict[str, Any]:
    return {"messages": [turn.to_dict() for turn in messages]}


def _decode_messages(row: Mapping[str, Any]) -> list[dict[str, Any]]:
    void = {**TOOL_TURNS.void, "role": None, "content": None}
    return [{key: value for key, value in turn.items() if value != void[key]} for turn in row["messages"]]


def widened(layout: Layout, *, has_reasoning: bool, has_tools: bool) -> Layout:
    """The layout of a set in which some message has `reasoning_content`, or some record tools."""
    columns = layout.columns
    if layout.name == "messages" and has_tools:
        columns = (Column("messages", TOOL_TURNS),)
    elif layout.name == "messages" and has_reasoning:
        columns = (Column("messages", turns("role", "content", "reasoning_content")),)
    has_place = has_tools and layout.name != "alpaca"
    return replace(layout, columns=(*columns, _TOOLS) if has_place else columns)


def _turn(role: str, content: str, reasoning: str = "") -> dict[str, Any]:
    return Message(role, content, reasoning).to_dict()


def _said(turn: Message) -> str:
    """A turn as one text, its thinking before it."""
    return f"<think>\n{turn.reasoning_content}\n</think>\n\n{turn.content}" if turn.reasoning_content else turn.content


def _answer(text: str) -> dict[str, Any]:
    """A turn of the model as `_said` wrote it."""
    found = _THOUGHT.match(text)
    return _turn("assistant", text[found.end() :], found[1]) if found and found[1] else _turn("assistant", text)


def _encode_sharegpt(messages: Sequence[Message]) -> dict[str, Any]:
    check_alternates(messages)
    return {"conversations": [_shared(turn) for turn in messages]}


def _shared(turn: Message) -> dict[str, str]:
    if not turn.train or (turn.tool_calls and (turn.content.strip() or turn.reasoning_content)):
        raise Reject("unsupported_content")
    if not turn.tool_calls:
        return {"from": _FROM[turn.role], "value": _said(turn)}
    calls = [{"name": call.name, "arguments": json.loads(call.arguments)} for call in turn.tool_calls]
    return {"from": _CALL, "value": json.dumps(calls[0] if len(calls) == 1 else calls, ensure_ascii=False)}


def _decode_sharegpt(row: Mapping[str, Any]) -> list[dict[str, Any]]:
    return [
        _called(turn["value"])
        if turn["from"] == _CALL
        else _answer(turn["value"])
        if turn["from"] == "gpt"
        else _turn(_ROLE[turn["from"]], turn["value"])
        for turn in row["conversations"]
    ]


def _called(text: str) -> dict[str, Any]:
    value = json.loads(text)
    calls = [
        ToolCall(call["name"], json.dumps(call["arguments"], ensure_ascii=False))
        for call in (value if isinstance(value, list) else [value])
    ]
    return Message("assistant", "", tool_calls=tuple(calls)).to_dict()


def _encode_alpaca(messages: Sequence[Message]) -> dict[str, Any]:
    check_alternates(messages, has_tools=False)
    system, talk = "", [_said(turn) for turn in messages]
    if messages[0].role == "system":
        system, *talk = talk
        if not system:
            raise Reject("empty_system")
    *earlier, instruction, output = talk
    history = [[earlier[place], earlier[place + 1]] for place in range(0, len(earlier), 2)]
    return {"instruction": instruction, "input": "", "output": output, "system": system, "history": history}


def _decode_alpaca(row: Mapping[str, Any]) -> list[dict[str, Any]]:
    if row["input"] != "":
        raise ValueError("input is not empty: this row was not written by blossom-data")
    turns = [{"role": "system", "content": row["system"]}] if row["system"] else []
    for question, answer in [*row["history"], (row["instruction"], row["output"])]:
        turns += [{"role": "user", "content": question}, _answer(answer)]
    return turns


LAYOUTS = {
    layout.name: layout
    for layout in (
        Layout("messages", (Column("messages", turns("role", "content")),), _encode_messages, _decode_messages),
        Layout("sharegpt", (Column("conversations", turns("from", "value")),), _encode_sharegpt, _decode_sharegpt),
        Layout(
            "alpaca",
            (*(Column(name, TEXT) for name in ("instruction", "input", "output", "system")), Column("history", PAIRS)),
            _encode_alpaca,
            _decode_alpaca,
        ),
    )
}
assert tuple(LAYOUTS) == LAYOUT_NAMES

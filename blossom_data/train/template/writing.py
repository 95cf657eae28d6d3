"""Writes a chat as a template has it: turns of texts, of which some are the template's own and some are data.

    write(qwen3, messages)    WrittenChat((WrittenTurn("user", "<|im_start|>user\\n", (("Hi", False),), ...), ...))

A turn's body is a row of pieces (text, is the template's own); encode.py makes ids of them. Whether a reply is learnt
is decided here: one whose prompt inference would write in another way, or that lost its thinking, is context.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from blossom_data.records import Message
from blossom_data.train.template.chat_formats import TOOLS, Calls, Form, Template, Thinking
from blossom_data.train.template.definitions import UnwritableDefinition, written_definition

Piece = tuple[str, bool]
"""A text, and whether it is the template's own: special tokens count in it."""
_PLACE = re.compile(r"\{(name|arguments|id|content|json|value)\}")
_TOOLS_ROLE = "tools"


@dataclass(frozen=True, slots=True)
class WrittenTurn:
    """One turn as text."""

    role: str
    head: str
    body: tuple[Piece, ...]
    end: str
    after: str
    is_learnt: bool = False
    is_empty: bool = False


@dataclass(frozen=True, slots=True)
class WrittenChat:
    """A chat as text, but for what the template writes before its first turn."""

    turns: tuple[WrittenTurn, ...]
    has_system: bool
    opening: str = ""


def write(template: Template, messages: Sequence[Message], tools: str = "", *, is_prompt: bool = False) -> Any:
    """The chat as a WrittenChat, or the code of why the template cannot write it.

    Args:
        tools: definitions, as a record has them.
        is_prompt: a reply will follow.
    """
    code = _unwritable(template, messages, tools)
    try:
        return code or _Writer(template, messages, tools, is_prompt=is_prompt).written()
    except UnwritableDefinition:
        return "unsupported_content"


def reply_head(template: Template, messages: Sequence[Message] = ()) -> str:
    """What inference sends last behind `messages`: where an assistant begins."""
    if messages and messages[-1].role == "tool" and template.calls and template.calls.reply_head is not None:
        return template.calls.reply_head
    head = template.forms["assistant"].head
    return head + template.thinking.before if template.thinking.is_prompted else head


def parted_thinking(message: Message, thinking: Thinking) -> tuple[str, str]:
    """Thinking and content of a reply; a content that holds its thinking is taken apart where the template does so."""
    thought, content = message.reasoning_content, message.content
    if not thinking.strips:
        return thought, content
    opened, closed = thinking.before.strip(), thinking.after.strip()
    if not thought and closed in content:
        thought = content.split(closed)[0].rstrip("\n").split(opened)[-1].lstrip("\n")
        content = content.split(closed)[-1].lstrip("\n")
    return thought.strip("\n"), content


def definitions(template: Template, tools: str) -> list[Piece]:
    """Definitions of tools as the template writes them; nothing where there are none."""
    rule = template.tools
    if not tools or rule is None:
        return []
    pieces: list[Piece] = [(rule.before, True)]
    for number, tool in enumerate(json.loads(tools)):
        if number:
            pieces.append((rule.between, True))
        pieces.append((written_definition(rule, tool), False))
    return [*pieces, (rule.after, True)]


def _unwritable(template: Template, messages: Sequence[Message], tools: str) -> str:
    if tools and template.tools is None:
        return "unsupported_content"
    if tools and template.tools and template.tools.place.endswith("question") and not any(map(_asks, messages)):
        return "unsupported_content"
    for number, turn in enumerate(messages):
        if turn.tool_calls and not _can_call(template.calls, turn):
            return "unsupported_content"
        joins = turn.role == "system" and number == 0 and template.system.place != "turn"
        if turn.role not in template.forms and not joins:
            return "unsupported_role"
    return ""


def _can_call(calls: Calls | None, turn: Message) -> bool:
    if calls is None or (calls.most is not None and len(turn.tool_calls) > calls.most):
        return False
    if calls.thinks_text:
        return not (turn.content.strip() and turn.reasoning_content)
    speaks = turn.content.strip() or turn.reasoning_content
    return calls.join is not None or not speaks


def _asks(turn: Message) -> bool:
    return turn.role == "user"


class _Writer:
    """One chat on its way to text."""

    def __init__(self, template: Template, messages: Sequence[Message], tools: str, *, is_prompt: bool) -> None:
        self.template, self.is_prompt, self.has_tools = template, is_prompt, bool(tools)
        self.definitions = definitions(template, tools) if tools else []
        trims = template.trims
        turns = [_trimmed(turn, trims[turn.role]) if turn.role in trims else turn for turn in messages]
        self.has_system = bool(turns) and turns[0].role == "system"
        self.system: Message | None = turns.pop(0) if self.has_system else None
        if self.system is None and template.system.default is not None:
            self.system = Message("system", template.system.default)
        self.messages = turns
        asked = [number for number, turn in enumerate(turns) if turn.role == "user"]
        self.first, self.last = (asked[0], asked[-1]) if asked else (-1, -1)
        self.written_turns: list[WrittenTurn] = []
        self.called = ""

    def written(self) -> WrittenChat:
        rule = self.template.tools
        opening = self.template.opening.replace(TOOLS, rule.notice if rule is not None and self.has_tools else "")
        if rule is not None and rule.place == "start" and self.definitions:
            self.written_turns.append(WrittenTurn(_TOOLS_ROLE, "", _joined(self.definitions), "", ""))
        held = self._system()
        lost_thinking = False
        for number, turn in enumerate(self.messages):
            if turn.role == "user":
                lost_thinking = False
                self._question(number, turn, held)
            elif turn.role == "assistant":
                lost_thinking = self._reply(number, turn, lost_thinking)
            elif turn.role == "tool":
                self._result(number, turn)
            else:
                form = self.template.forms[turn.role]
                self._add(turn, form, [(form.lead, True), (turn.content, False), (form.tail, True)])
        return WrittenChat(tuple(self.written_turns), self.has_system, opening)

    def _system(self) -> list[Piece]:
        """Writes the system turn where there is one; gives what a question begins with in its place."""
        rule, tools = self.template.system, self.template.tools
        behind = self.definitions if tools is not None and tools.place == "system" else []
        if self.system is None and not behind:
            return []
        pieces: list[Piece] = []
        if self.system is not None:
            pieces += [(rule.lead, True), (self.system.content, False), (rule.tail, True)]
            pieces += [(tools.join, True)] if tools is not None and behind else []
        pieces += behind
        if tools is not None and self.has_tools:
            pieces.insert(0, (tools.opening, True))
        if rule.place == "turn":
            form = self.template.forms["system"]
            content = self.system.content if self.system is not None else ""
            turn = Message("system", content)
            self._add(turn, form, [(form.lead, True), *pieces, (form.tail, True)])
            return []
        place = self._joined_at()
        if place >= 0:
            return [*pieces, (rule.join, True)]
        form = self.template.forms["user"]
        self._add(Message("user", "x"), form, [(form.lead, True), *pieces, (form.tail, True)])
        return []

    def _joined_at(self) -> int:
        """The question that the system text begins; -1 for a turn of its own."""
        if self.template.system.place == "last question":
            return self.last
        return 0 if self.first == 0 else -1

    def _question(self, number: int, turn: Message, held: list[Piece]) -> None:
        form, tools = self.template.forms["user"], self.template.tools
        before: list[Piece] = []
        if tools is not None and self.definitions:
            if tools.place == "last question" and number == self.last:
                self.written_turns.append(WrittenTurn(_TOOLS_ROLE, "", _joined(self.definitions), "", ""))
            elif tools.place == "first question" and number == self.first:
                before = self.definitions
        if held and number == self._joined_at():
            before = [*held, *before]
        self._add(turn, form, [(form.lead, True), *before, (turn.content, False), (form.tail, True)])

    def _reply(self, number: int, turn: Message, lost_thinking: bool) -> bool:
        """Writes a reply; gives whether one lost its thinking since the question was asked."""
        template, rule, form = self.template, self.template.thinking, self.template.forms["assistant"]
        thought, content = parted_thinking(turn, rule)
        calls = template.calls if turn.tool_calls else None
        if calls is not None and calls.thinks_text:
            thought, content = content if content.strip() else thought, ""
        head = reply_head(template, self.messages[:number])
        is_prompted = rule.is_prompted and head.endswith(rule.before)
        is_current = number > self.last
        is_filled = rule.fills and is_current and number == len(self.messages) - 1 and not self.is_prompt
        has_block = (bool(thought) and (rule.keep == "all" or is_current)) or (is_filled and self._opens(is_prompted))
        is_lost = bool(thought) and not has_block
        block: list[Piece] = []
        if has_block:
            block = [("" if is_prompted else rule.before, True), (thought, False), (rule.after, True)]
            content = content.lstrip("\n") if rule.strips else content
        speaks = (has_block and not rule.precedes_lead) or bool(content) or not turn.tool_calls
        lead: list[Piece] = [(form.lead, True)] if speaks else []
        body = [*block, *lead] if rule.precedes_lead else [*lead, *block]
        body += [(content, False), *(self._calls(turn, content) if turn.tool_calls else ()), (form.tail, True)]
        end = template.earlier_end if template.earlier_end and not is_current else form.end
        if calls is not None:
            end = calls.end or end
            self.called = turn.tool_calls[-1].name
        if template.next_stops:
            end = self._next_stop(number, turn)
        is_as_served = not (
            is_lost
            or lost_thinking
            or (number < self.last and self._moves())
            or (is_prompted and not has_block)
            or end == template.earlier_end != ""
        )
        if is_prompted and not has_block:
            head = head.removesuffix(rule.before)
        if head != form.head or end != form.end:
            form = replace(form, head=head, end=end)
        self._add(turn, form, body, is_learnt=turn.train and is_as_served)
        return lost_thinking or is_lost

    def _opens(self, is_prompted: bool) -> bool:
        """Whether an empty block of thinking is written: not where the prompt, which opens blocks, opened none."""
        return is_prompted or not self.template.thinking.is_prompted

    def _moves(self) -> bool:
        """Whether something stands before the last question that stood before an earlier one then."""
        tools = self.template.tools
        is_moved = tools is not None and tools.place == "last question" and bool(self.definitions)
        return is_moved or (self.template.system.place == "last question" and self.system is not None)

    def _next_stop(self, number: int, turn: Message) -> str:
        stops = self.template.next_stops
        if number + 1 < len(self.messages) and self.messages[number + 1].role in stops:
            return stops[self.messages[number + 1].role]
        return stops["tool" if turn.tool_calls and "tool" in stops else "user"]

    def _calls(self, turn: Message, content: str) -> Iterator[Piece]:
        rule = self.template.calls
        if not turn.tool_calls or rule is None:
            return
        yield (rule.join or "") if content else "", True
        yield rule.before, True
        for number, call in enumerate(turn.tool_calls):
            yield rule.between if number else "", True
            known = {"name": json.dumps(call.name, ensure_ascii=False)[1:-1], "arguments": call.arguments}
            yield from _filled(rule.call, {**known, "id": call.id}, rule.id)
        yield rule.after, True

    def _result(self, number: int, turn: Message) -> None:
        form, rule = self.template.forms["tool"], self.template.calls or Calls(call="{name}")
        values = {"content": turn.content, "id": turn.tool_call_id or self._call_before(number), "name": self.called}
        if "{json}" in rule.result:
            values["json"] = json.dumps(turn.content, ensure_ascii=False)
        if "{value}" in rule.result:
            values["value"] = _as_json(turn.content)
        said = [(form.lead, True), *_filled(rule.result, values, rule.result_id or "{id}"), (form.tail, True)]
        if rule.merges and number and self.messages[number - 1].role == "tool":
            before = self.written_turns.pop()
            body = _joined([*before.body, (rule.between_results, True), *said])
            self.written_turns.append(replace(before, body=body))
        else:
            self._add(turn, form, said)

    def _call_before(self, number: int) -> str:
        """The id of the call that a tool's turn without one answers: the first call to the first turn behind it."""
        place = number
        while place and self.messages[place - 1].role == "tool":
            place -= 1
        calls = self.messages[place - 1].tool_calls if place else ()
        return calls[number - place].id if number - place < len(calls) else ""

    def _add(self, turn: Message, form: Form, body: Iterable[Piece], *, is_learnt: bool = False) -> None:
        head, before = form.head, self.written_turns[-1] if self.written_turns else None
        if self.template.next_stops and before is not None and before.role == "assistant":
            head = head.removeprefix(before.end)
        written = WrittenTurn(turn.role, head, _joined(body), form.end, form.after, is_learnt, turn.is_void)
        self.written_turns.append(written)


def _trimmed(turn: Message, how: str) -> Message:
    content = turn.content.strip() if how == "both" else turn.content.rstrip(" ")
    return turn if content == turn.content else replace(turn, content=content)


def _filled(text: str, values: dict[str, str], identifier: str) -> Iterator[Piece]:
    """`text` with data in its places; `identifier` stands for {id}, and only where there is one."""
    position = 0
    for found in _PLACE.finditer(text):
        yield text[position : found.start()], True
        position = found.end()
        name = found[1]
        if name == "id" and identifier not in ("", "{id}"):
            if values["id"]:
                before, _, after = identifier.partition("{id}")
                yield from ((before, True), (values["id"], False), (after, True))
        else:
            yield values.get(name, ""), False
    yield text[position:], True


def _as_json(text: str) -> str:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        value = text
    return json.dumps(value, ensure_ascii=False)


def _joined(pieces: Iterable[Piece]) -> tuple[Piece, ...]:
    return tuple(piece for piece in pieces if piece[0])

"""Records and rejects as pages for a terminal: a head, blocks of text, a foot; the caller cleans and draws them.

page = record_page(row, original, is_diff=False, with_thinking=False)
str(page)        the same as plain text, one block under the other
"""

from __future__ import annotations

import heapq
import random
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import orjson

from blossom_data.report.changes import Span, as_text, changes
from blossom_data.report.codes import meaning
from blossom_data.report.pairs import is_pair, with_messages
from blossom_data.rows.row import Unreadable
from blossom_data.rows.valid import valid_record

_RULE = "─" * 72
_REPLY_CHARS = 1_000
_BOTH = ("system", "user")
"""Roles whose turns a translation has beside their original."""


@dataclass(frozen=True, slots=True)
class Block:
    """A text under its title; `beside` is what it is looked at with, an original for one."""

    title: str
    text: str
    beside: Block | None = None
    spans: list[Span] = field(default_factory=list)
    """Of a difference: the pieces that `text` writes with marks."""


@dataclass(frozen=True, slots=True)
class Page:
    """One record or reject."""

    head: str
    lines: list[str] = field(default_factory=list)
    blocks: list[Block] = field(default_factory=list)
    foot: str = ""

    def __str__(self) -> str:
        told = [_RULE, self.head, *self.lines]
        for block in self.blocks:
            if block.beside is not None:
                told += [f"── {block.beside.title}", block.beside.text]
            told += [f"── {block.title}", *([block.text] if block.text else [])]
        return "\n".join([*told, *([f"── {self.foot}"] if self.foot else [])])


def sampled(rows: Iterable[dict[str, Any]], size: int, seed: int) -> list[dict[str, Any]]:
    """`size` of `rows`, each equally likely, in their order; one pass, memory for `size` rows."""
    dice = random.Random(seed)
    drawn: list[tuple[float, int, dict[str, Any]]] = []
    for position, row in enumerate(rows):
        ticket = (-dice.random(), position, row)
        if len(drawn) < size:
            heapq.heappush(drawn, ticket)
        elif ticket > drawn[0]:
            heapq.heapreplace(drawn, ticket)
    return [row for _, _, row in sorted(drawn, key=lambda ticket: ticket[1])]


def record_page(
    row: dict[str, Any],
    original: dict[str, Any] | None = None,
    *,
    is_diff: bool = False,
    with_thinking: bool = False,
) -> Page:
    """One record: its turns, with `original` each turn beside its first text.

    Of a preference pair the rejected reply stands beside the chosen one. A row that is no record (of another layout, or
    broken) is shown as the JSON that it is.

    Args:
        is_diff: what has changed since `original` is marked, turn by turn, the assistant's too.
        with_thinking: what a model thought is shown, not only how long it is.
    """
    row = with_messages(row)
    if fault := _fault(row):
        return Page(fault, [orjson.dumps(row, option=orjson.OPT_INDENT_2).decode()])
    if original and _fault(original):
        original = None
    head = [str(row.get(key)) for key in ("id", "source", "lang") if row.get(key)]
    if row.get("gold"):
        head.append(f"gold {row['gold']}")
    if row.get("tags"):
        head.append(" ".join(row["tags"]))
    blocks = []
    old = _old_turns(original, is_diff=is_diff)
    for turn in row.get("messages", []):
        role, text = turn["role"], turn.get("content") or ""
        before = old[role].pop(0) if old.get(role) else ""
        if thinking := turn.get("reasoning_content"):
            blocks.append(_thinking(role, thinking, is_shown=with_thinking))
        told = [text] if text or not turn.get("tool_calls") else []
        told += [f"calls {_call(call)}" for call in turn.get("tool_calls") or ()]
        blocks.append(_turn(role, "\n".join(told), before, is_diff=is_diff))
    if is_pair(row) and blocks:
        blocks.append(_against(blocks.pop(), row["rejected"]))
    stages = [f"{step['stage']} v{step['version']} {step['model']}".rstrip() for step in row.get("lineage", [])]
    return Page("  ".join(head), blocks=blocks, foot=" → ".join(stages))


def _against(chosen: Block, rejected: list[dict[str, Any]]) -> Block:
    text = "\n".join(str(turn.get("content") or "") for turn in rejected if isinstance(turn, dict))
    return Block(f"{chosen.title} (rejected)", text, beside=Block(f"{chosen.title} (chosen)", chosen.text))


def _old_turns(original: Mapping[str, Any] | None, *, is_diff: bool) -> dict[str, list[str]]:
    """The texts of the original by role, in their order."""
    found: dict[str, list[str]] = {}
    for turn in (original or {}).get("messages", []):
        if is_diff or turn["role"] in _BOTH:
            found.setdefault(turn["role"], []).append(turn.get("content") or "")
    return found


def _turn(role: str, text: str, before: str, *, is_diff: bool) -> Block:
    if not before or before == text:
        return Block(role, text)
    if is_diff:
        spans = changes(before, text)
        return Block(f"{role} (changed)", as_text(spans), spans=spans)
    return Block(role, text, beside=Block(f"{role} (original)", before))


def _thinking(role: str, text: str, *, is_shown: bool) -> Block:
    if is_shown:
        return Block(f"{role} (thinking)", text)
    return Block(f"{role} (thinking: {len(text):,} characters; --thinking shows them)", "")


def _call(call: dict[str, Any]) -> str:
    function = call.get("function") or call
    return f"{function.get('name')} {function.get('arguments')}"


def _fault(row: dict[str, Any]) -> str:
    """Why `row` is no record, "" when it is one."""
    try:
        valid_record(row)
    except Unreadable as why:
        return f"no record: {why.detail}"
    return ""


def reject_page(row: dict[str, Any], original: dict[str, Any] | None = None) -> Page:
    """One reject: why, what was tried, the record beside the reply that was refused."""
    stage, code = str(row.get("stage", "")), str(row.get("code", ""))
    place = f"{row['file']}:{row.get('line')}" if row.get("file") else str(row.get("id", ""))
    head = f"{stage}/{code}  {meaning(stage, code)}".rstrip()
    history = row.get("history")
    tries = [f"  {attempt}" for attempt in history] if isinstance(history, list) else []
    record = row.get("record") or original
    turns = record.get("messages") if isinstance(record, dict) else None
    said = [turn for turn in turns if isinstance(turn, dict)] if isinstance(turns, list) else []
    blocks = [Block(str(turn.get("role")), str(turn.get("content") or "")) for turn in said]
    if row.get("reply"):
        beside = blocks.pop() if blocks else None
        blocks.append(Block("what came back", str(row["reply"])[:_REPLY_CHARS], beside=beside))
    return Page(f"{head}  {place}", [str(row.get("detail", "")), *tries], blocks)


def render_reject(row: dict[str, Any], original: dict[str, Any] | None = None) -> str:
    """One reject as plain text."""
    return str(reject_page(row, original))

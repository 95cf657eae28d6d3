"""Records and rejects as pages for a terminal: text only; the caller cleans and prints it."""

from __future__ import annotations

import heapq
import random
from collections.abc import Iterable
from typing import Any

import orjson

from blossom_data.report.codes import meaning
from blossom_data.rows.row import Unreadable
from blossom_data.rows.valid import valid_record

_RULE = "─" * 72
_REPLY_CHARS = 1_000


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


def render_record(row: dict[str, Any], original: dict[str, Any] | None = None) -> str:
    """One record: its head line, then its turns; with `original` each turn's first text above the new one.

    A row that is no record (of another layout, or broken) is shown as the JSON that it is.
    """
    if fault := _fault(row):
        return f"{_RULE}\n{fault}\n{orjson.dumps(row, option=orjson.OPT_INDENT_2).decode()}"
    if original and _fault(original):
        original = None
    head = [str(row.get(key)) for key in ("id", "source", "lang") if row.get(key)]
    if row.get("gold"):
        head.append(f"gold {row['gold']}")
    if row.get("tags"):
        head.append(" ".join(row["tags"]))
    lines = [_RULE, "  ".join(head)]
    old = [turn["content"] for turn in (original or {}).get("messages", []) if turn["role"] in ("system", "user")]
    for turn in row.get("messages", []):
        before = old.pop(0) if old and turn["role"] in ("system", "user") else ""
        if before and before != turn["content"]:
            lines += [f"── {turn['role']} (original)", before]
        if turn.get("reasoning_content"):
            lines += [f"── {turn['role']} (thinking)", turn["reasoning_content"]]
        lines += [f"── {turn['role']}", *([turn["content"]] if turn["content"] or not turn.get("tool_calls") else [])]
        lines += [f"calls {_call(call)}" for call in turn.get("tool_calls") or ()]
    stages = [f"{step['stage']} v{step['version']} {step['model']}".rstrip() for step in row.get("lineage", [])]
    if stages:
        lines.append("── " + " → ".join(stages))
    return "\n".join(lines)


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


def render_reject(row: dict[str, Any], original: dict[str, Any] | None = None) -> str:
    """One reject: why, what was tried, the reply that caused it, the record."""
    place = f"{row['file']}:{row['line']}" if row.get("file") else str(row.get("id", ""))
    what = f"{row['stage']}/{row['code']}  {meaning(row['stage'], row['code'])}".rstrip()
    lines = [_RULE, f"{what}  {place}", str(row.get("detail", ""))]
    lines += [f"  {attempt}" for attempt in row.get("history", [])]
    if row.get("reply"):
        lines += ["── what came back", str(row["reply"])[:_REPLY_CHARS]]
    record = row.get("record") or original
    for turn in (record or {}).get("messages", []):
        lines += [f"── {turn['role']}", turn["content"]]
    return "\n".join(lines)

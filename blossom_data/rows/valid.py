"""Makes records of rows that claim to be records, strictly: the edge at which everything from outside is validated.

    {"id": "a1", "messages": [{"role": "user", "content": "What is 6 times 7?"}], "gold": 42}

`messages` alone is required. `id` defaults to the hash of the content, `lang` to what the script says, `gold` may be a
text, a number or null. Further keys are left out. Two records of one id do not pass, whatever the rest of them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import orjson

from blossom_data.records import LANGUAGES, ROLES, Lineage, Message, Record, content_id
from blossom_data.rows.inputs import read_rows
from blossom_data.rows.language import chat_language
from blossom_data.rows.row import COPY, MAX_RAW_BYTES, BadRow, Row, Unreadable
from blossom_data.rows.seen import SeenIds

_LINEAGE_TEXTS = ("prompt", "model", "reply")


def read_records(path: Path | str) -> Iterator[Record | BadRow]:
    """The records of a file, a folder, a data set or standard input (`-`), in order; bad rows as BadRow.

    Raises:
        InputError: as read_rows.
    """
    return distinct_records(read_rows(path), lambda row: valid_record(row.value))


def distinct_records(rows: Iterable[Row | BadRow], read: Callable[[Row], Record]) -> Iterator[Record | BadRow]:
    """What `read` makes of each row; a row that it cannot read (Unreadable), or that repeats an id, as BadRow."""
    with SeenIds() as seen:
        for row in rows:
            if isinstance(row, BadRow):
                yield row
                continue
            try:
                record = read(row)
            except Unreadable as why:
                yield why.at(row.file, row.line, shown(row.value))
                continue
            if seen.add(record.id):
                yield record
            else:
                is_copy = row.value.get("id") is None
                code = COPY if is_copy else "duplicate_id"
                same = "all of it" if is_copy else f"the id {record.id[:80]!r}"
                detail = f"{same} stands in an earlier row"
                yield BadRow(row.file, row.line, code, detail, shown(row.value))


def valid_record(row: dict[str, Any]) -> Record:
    """The record that `row` describes.

    Raises:
        Unreadable: missing_field, wrong_type, unknown_role or empty.
    """
    messages = _messages(row.get("messages"))
    gold = gold_text(row.get("gold"))
    source, source_id = _text(row, "source"), _text(row, "source_id")
    tags = row.get("tags") or ()
    if not isinstance(tags, list | tuple) or not all(isinstance(tag, str) for tag in tags):
        raise Unreadable("wrong_type", "tags is not a list of texts")
    return Record(
        id=_identifier(row.get("id")) or content_id(source, source_id, messages, gold),
        source=source,
        source_id=source_id,
        lang=_language(row.get("lang"), messages),
        messages=messages,
        gold=gold,
        tags=tuple(tags),
        lineage=_lineage(row.get("lineage")),
    )


def gold_text(value: object) -> str:
    """A gold label as text: a text as it stands, a number as Python writes it, null as ""."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool) or not isinstance(value, int | float | None):
        raise Unreadable("wrong_type", f"gold is neither a text nor a number: {_type(value)}")
    return "" if value is None else str(value)


def shown(row: dict[str, Any]) -> bytes:
    """The beginning of a row that parsed, as it is shown beside its problem."""
    return orjson.dumps(row)[:MAX_RAW_BYTES]


def _messages(turns: object) -> tuple[Message, ...]:
    if turns is None:
        raise Unreadable("missing_field", "messages is absent")
    if not isinstance(turns, list):
        raise Unreadable("wrong_type", f"messages is not a list: {_type(turns)}")
    messages = tuple(_message(turn, number) for number, turn in enumerate(turns, 1))
    if not any(turn.content.strip() for turn in messages):
        raise Unreadable("empty", "no message holds any text")
    return messages


def _message(turn: object, number: int) -> Message:
    if not isinstance(turn, dict):
        raise Unreadable("wrong_type", f"message {number} is not an object: {_type(turn)}")
    role, content = turn.get("role"), turn.get("content")
    if role is None or content is None:
        raise Unreadable("missing_field", f"message {number} has no {'role' if role is None else 'content'}")
    if not isinstance(role, str) or not isinstance(content, str):
        raise Unreadable("wrong_type", f"role and content of message {number} must be texts")
    if role not in ROLES:
        raise Unreadable("unknown_role", f"message {number} has the role {role[:40]!r}, known: {', '.join(ROLES)}")
    return Message(role, content)


def _identifier(value: object) -> str:
    """An id of its own, "" for none; a number counts as its digits."""
    if value is None:
        return ""
    if isinstance(value, bool) or not isinstance(value, str | int) or value == "":
        raise Unreadable("wrong_type", f"id is neither a text nor an integer: {_type(value)}")
    return str(value)


def _text(row: dict[str, Any], key: str) -> str:
    value = row.get(key)
    if not isinstance(value, str | None):
        raise Unreadable("wrong_type", f"{key} is not a text: {_type(value)}")
    return value or ""


def _language(value: object, messages: tuple[Message, ...]) -> str:
    if value is None:
        return chat_language(turn.content for turn in messages if turn.role == "user")
    if value not in LANGUAGES:
        raise Unreadable("wrong_type", f"lang is {str(value)[:40]!r}, known: {', '.join(LANGUAGES)}")
    return str(value)


def _lineage(steps: object) -> tuple[Lineage, ...]:
    if steps is None:
        return ()
    if not isinstance(steps, list):
        raise Unreadable("wrong_type", f"lineage is not a list: {_type(steps)}")
    return tuple(_lineage_step(step) for step in steps)


def _lineage_step(step: object) -> Lineage:
    if not isinstance(step, dict) or not isinstance(step.get("stage"), str) or type(step.get("version")) is not int:
        raise Unreadable("wrong_type", "a lineage entry has no stage and version")
    texts = {key: step.get(key) or "" for key in _LINEAGE_TEXTS}
    if not all(isinstance(text, str) for text in texts.values()):
        raise Unreadable("wrong_type", "a lineage entry holds what is not a text")
    return Lineage(step["stage"], step["version"], **texts)


def _type(value: object) -> str:
    return {dict: "an object", list: "a list", str: "a text", bool: "a boolean"}.get(type(value), type(value).__name__)

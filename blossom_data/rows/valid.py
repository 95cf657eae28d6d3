"""Makes records of rows that claim to be records, strictly: the edge at which everything from outside is validated.

    {"id": "a1", "messages": [{"role": "user", "content": "What is 6 times 7?"}], "gold": 42}

`messages` alone is required, or a `prompt` without an answer beside it: a text, or its messages. `id` defaults to the
hash of the content, `lang` to what the text says, `gold` may be a text, a number or null. Further keys are left out.
Two records of one id do not pass, whatever the rest of them.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, cast

import orjson
from pydantic import (
    AfterValidator,
    ConfigDict,
    Field,
    GetCoreSchemaHandler,
    Strict,
    TypeAdapter,
    ValidationError,
    WithJsonSchema,
    with_config,
)
from pydantic_core import CoreSchema, ErrorDetails

from blossom_data.languages.detect import chat_language
from blossom_data.records import ROLES, Lineage, Message, Record, ToolCall, content_id
from blossom_data.rows.inputs import read_rows
from blossom_data.rows.row import COPY, MAX_RAW_BYTES, BadRow, Row, Unreadable
from blossom_data.rows.seen import SeenIds
from blossom_data.rows.turns import full_turn, tools_text
from blossom_data.rows.wanted import Wanted
from blossom_data.settings_types import LANGUAGE_SCHEMA, OneOf, language_tag

_LINEAGE_TEXTS = ("prompt", "model", "reply")
_ANSWERS = ("completion", "response", "output", "answer", "chosen", "rejected")


class _Becomes:
    """What is annotated is checked as it says, and made as a `kind`, which has the same fields and checks nothing."""

    def __init__(self, kind: type[Any]) -> None:
        self._kind = kind

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        schema = handler.resolve_ref_schema(handler(source))
        return cast(CoreSchema, {**schema, "cls": self._kind})


def _tag(text: str) -> str:
    return language_tag(text) if text else ""


ExactText = Annotated[str, Strict()]


@with_config(ConfigDict(use_attribute_docstrings=True))
@dataclass(frozen=True, slots=True)
class ToolCallRow:
    """A call of a tool, in a row as OpenAI's protocol has it."""

    name: ExactText
    """Of the tool."""
    arguments: ExactText
    """The text of a JSON object."""
    id: ExactText = ""
    """What the tool's turn names."""


def _described(kind: str | list[str], text: str) -> dict[str, Any]:
    return {"type": kind, "description": text}


_FUNCTION_SCHEMA = {
    **_described("object", "Name and arguments."),
    "properties": {
        "name": _described("string", "Of the tool."),
        "arguments": _described(["string", "object"], "A JSON object, or its text."),
    },
    "required": ["name"],
}
_CALL_SCHEMA = {
    "type": "array",
    "items": {
        "type": "object",
        "properties": {
            "id": _described("string", "What the tool's turn names."),
            "type": _described("string", "function."),
            "function": _FUNCTION_SCHEMA,
        },
    },
}


@with_config(ConfigDict(use_attribute_docstrings=True))
@dataclass(frozen=True, slots=True)
class TurnRow:
    """One turn of a record's messages."""

    role: Annotated[str, OneOf(*ROLES)]
    """system, user, assistant or tool."""
    content: ExactText
    """What was said."""
    reasoning_content: ExactText = ""
    """What a model thought before it said it."""
    tool_calls: Annotated[tuple[Annotated[ToolCallRow, _Becomes(ToolCall)], ...], WithJsonSchema(_CALL_SCHEMA)] = ()
    """The tools that a model calls; its content may be null then."""
    tool_call_id: ExactText = ""
    """The call that a tool answers."""
    train: Annotated[bool, Strict()] = True
    """Whether a model's turn is learnt; `weight` 0 or 1 says the same."""


@with_config(ConfigDict(use_attribute_docstrings=True))
@dataclass(frozen=True, slots=True)
class LineageRow:
    """What one stage did to the record."""

    stage: ExactText
    """Name of the stage."""
    version: Annotated[int, Strict()]
    """Of the stage."""
    prompt: ExactText = ""
    """Hash of the prompt."""
    model: ExactText = ""
    """The model that answered."""
    reply: ExactText = ""
    """Ledger keys, comma-joined."""


@with_config(ConfigDict(use_attribute_docstrings=True))
@dataclass(frozen=True, slots=True)
class RecordRow:
    """A record as one JSON object; `messages` alone is required, and further keys are left out."""

    messages: tuple[Annotated[TurnRow, _Becomes(Message)], ...]
    """The conversation."""
    gold: Annotated[ExactText, WithJsonSchema({"type": ["string", "number", "null"]})] = ""
    """The gold label: a text or a number."""
    source: ExactText = ""
    """The data set that it is from."""
    source_id: ExactText = ""
    """Its own id there."""
    tags: tuple[ExactText, ...] = ()
    """Task, category, difficulty ..."""
    id: Annotated[ExactText, Field(min_length=1), WithJsonSchema({"type": ["string", "integer", "null"]})] = ""
    """The hash of the content without one; no two records have the same."""
    lang: Annotated[ExactText, AfterValidator(_tag), WithJsonSchema(LANGUAGE_SCHEMA)] = ""
    """A BCP-47 tag, such as en, zh, zh-Hant or pt-BR; what the text says without it."""
    lineage: tuple[Annotated[LineageRow, _Becomes(Lineage)], ...] = ()
    """An entry for each stage that it went through."""
    tools: Annotated[ExactText, WithJsonSchema({"type": ["array", "string", "null"]})] = ""
    """Definitions of the tools that the model may call, as a list or its JSON text."""


WANTED = Wanted(
    frozenset({*RecordRow.__dataclass_fields__, "prompt"}),
    lambda row: is_record(row),
    list_field="messages",
)


@functools.cache
def _validator() -> Callable[[dict[str, Any]], Record]:
    """Compiled when the first record is read, not when a command is only asked for its help."""
    return TypeAdapter(Annotated[RecordRow, _Becomes(Record)]).validator.validate_python


def read_records(path: Path | str) -> Iterator[Record | BadRow]:
    """The records of a file, a folder, a data set or standard input (`-`), in order; bad rows as BadRow.

    Raises:
        InputError: as read_rows.
    """
    return records_of(read_rows(path, WANTED))


def records_of(rows: Iterable[Row | BadRow]) -> Iterator[Record | BadRow]:
    """The records that rows are; a row that is none, or repeats an id, as BadRow."""
    return distinct_records(rows, record_of)


def record_of(row: Row) -> Record:
    """The record that a row is; raises Unreadable as valid_record, and for a NUL."""
    record = valid_record(row.value)
    if row.may_hold_nul:
        refuse_nul(record)
    return record


def is_record(row: Mapping[str, Any]) -> bool:
    """Whether a row claims to be a record."""
    return "messages" in row or _is_prompt(row)


def _is_prompt(row: Mapping[str, Any]) -> bool:
    """Whether a row is a prompt to be answered; one with its answer beside it is a raw row."""
    return "prompt" in row and not any(field in row for field in _ANSWERS)


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
            yield record if seen.add(record.id) else repeated(row, record.id)


def repeated(row: Row, identity: str) -> BadRow:
    """The BadRow of a row whose id an earlier one had."""
    is_copy = row.value.get("id") is None
    code = COPY if is_copy else "duplicate_id"
    same = "all of it" if is_copy else f"the id {identity[:80]!r}"
    return BadRow(row.file, row.line, code, f"{same} stands in an earlier row", shown(row.value))


def valid_record(row: dict[str, Any], *, finds_language: bool = True) -> Record:
    """The record that `row` describes.

    Args:
        finds_language: of a row that names none.

    Raises:
        Unreadable: missing_field, wrong_type, unknown_role or empty.
    """
    values = row if None not in row.values() else {key: value for key, value in row.items() if value is not None}
    if "messages" not in values and _is_prompt(row):
        prompt = values["prompt"]
        turns = [{"role": "user", "content": prompt}] if isinstance(prompt, str) else prompt
        values = {**values, "messages": turns}
    # A number counts as its digits; a whole one may be a double, as tables without nulls for integers write it.
    number = values.get("id")
    if type(number) is int or (type(number) is float and number.is_integer()):
        values = {**values, "id": str(int(number))}
    if type(values.get("gold")) in (int, float):
        values = {**values, "gold": str(values["gold"])}
    values = _with_further(values)
    try:
        record = _validator()(values)
    except ValidationError as why:
        record = _without_blanks(values, why)
    for turn in record.messages:
        if not turn.is_void:
            break
    else:
        raise _EMPTY
    # It was made just now and is nobody else's yet; a copy would cost as much as all checks.
    if finds_language and not record.lang:
        lang = chat_language([turn.content for turn in record.messages if turn.role == "user"])
        object.__setattr__(record, "lang", lang)
    if not record.id:
        own = content_id(record.source, record.source_id, record.messages, record.gold, record.tools)
        object.__setattr__(record, "id", own)
    return record


def _with_further(values: dict[str, Any]) -> dict[str, Any]:
    """The row with what its turns say beyond role and content, and its tools, as a record has them."""
    turns = values.get("messages")
    if isinstance(turns, list) and any(map(_says_more, turns)):
        turns = [
            full_turn(turn, f"message {number}") if _says_more(turn) else turn for number, turn in enumerate(turns, 1)
        ]
        values = {**values, "messages": turns}
    return {**values, "tools": tools_text(values["tools"])} if "tools" in values else values


def _says_more(turn: Any) -> bool:
    return isinstance(turn, dict) and (len(turn) != 2 or turn.get("content") is None)


def refuse_nul(record: Record) -> None:
    """Raises Unreadable for a NUL in what is kept of a row."""
    for turn in record.messages:
        called = (text for call in turn.tool_calls for text in (call.name, call.arguments, call.id))
        if any("\0" in text for text in (turn.content, turn.reasoning_content, turn.tool_call_id, *called)):
            raise Unreadable("nul", f"a NUL character in a message of the role {turn.role}")
    steps = (text for step in record.lineage for text in (step.stage, step.prompt, step.model, step.reply))
    if any("\0" in text for text in (record.id, record.gold, record.source, record.source_id, *record.tags, *steps)):
        raise Unreadable("nul", "a NUL character in gold, id, source, tags or lineage")


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


_EMPTY = Unreadable("empty", "no message holds any text")


def _without_blanks(values: dict[str, Any], why: ValidationError) -> Record:
    """The record once what is blank (null, "", 0) where a text or a list may be absent is taken for absent.

    Raises:
        Unreadable: it is no record all the same.
    """
    values = dict(values)
    if not values.get("tags"):
        values.pop("tags", None)
    if isinstance(steps := values.get("lineage"), list):
        values["lineage"] = [
            {key: each for key, each in step.items() if each or key not in _LINEAGE_TEXTS}
            if isinstance(step, dict)
            else step
            for step in steps
        ]
    try:
        record = _validator()(values)
    except ValidationError as still:
        raise _unreadable(values, still) from why
    return record


def _unreadable(values: dict[str, Any], why: ValidationError) -> Unreadable:
    """The code of what is wrong first: messages before the rest, and in a turn what is absent before what is wrong."""
    errors = why.errors(include_url=False)
    field, *inside = errors[0]["loc"]
    value = values.get(str(field))
    if field == "messages":
        if not inside:
            problem = "is absent" if value is None else f"is not a list: {_type(value)}"
            return Unreadable("missing_field" if value is None else "wrong_type", f"messages {problem}")
        return _bad_turn([each for each in errors if each["loc"][:2] == errors[0]["loc"][:2]])
    if not any(turn["content"].strip() or turn.get("tool_calls") for turn in values["messages"]):
        return _EMPTY
    if field == "lang":
        return Unreadable("wrong_type", f"lang is {str(value)[:40]!r}, which is no BCP-47 tag of a language")
    wanted = {
        "gold": f"gold is neither a text nor a number: {_type(value)}",
        "id": f"id is neither a text nor an integer: {_type(value)}",
        "tags": "tags is not a list of texts",
        "lineage": "a lineage entry needs a stage, a version (a whole number), and texts beside them"
        if inside
        else f"lineage is not a list: {_type(value)}",
    }
    return Unreadable("wrong_type", wanted.get(str(field), f"{field} is not a text: {_type(value)}"))


def _bad_turn(errors: list[ErrorDetails]) -> Unreadable:
    """What is wrong with the turn that all of `errors` are about."""
    number = int(errors[0]["loc"][1]) + 1
    if len(errors[0]["loc"]) == 2:
        return Unreadable("wrong_type", f"message {number} is not an object: {_type(errors[0]['input'])}")
    for each in errors:
        if each["type"] == "missing" or each["input"] is None:
            return Unreadable("missing_field", f"message {number} has no {each['loc'][2]}")
    role = errors[0]["input"]
    if any(not isinstance(each["input"], str) for each in errors):
        return Unreadable("wrong_type", f"role and content of message {number} must be texts")
    return Unreadable("unknown_role", f"message {number} has the role {role[:40]!r}, known: {', '.join(ROLES)}")


def _type(value: object) -> str:
    return {dict: "an object", list: "a list", str: "a text", bool: "a boolean"}.get(type(value), type(value).__name__)

"""Replies as classes: one class says what a JSON reply must hold, gives the schema that is asked for, and checks it.

    @reply_model
    class Judgement:
        same_task: ReplyFlag
        answered: ReplyFlag

    reply_schema(Judgement)                                       {"type": "object", "properties": {...}, ...}
    read_reply(Judgement, '{"same_task": true, "answered": false}').value       Judgement(same_task=True, ...)

The reply is decoded by decode.py first, which refuses what pydantic would let pass: a key that stands twice, NaN, text
around the object. A schema is part of the ledger key of what asks for it, so it holds nothing but its shape.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Generic, TypeVar, cast, dataclass_transform

from pydantic import BeforeValidator, ConfigDict, Strict, TypeAdapter, ValidationError, with_config

from blossom_data.llm.decode import BadReply, decode_object

Made = TypeVar("Made")


def _as_whole(value: Any) -> Any:
    return int(value) if isinstance(value, float) and value.is_integer() else value


ReplyText = Annotated[str, Strict()]
ReplyNumber = Annotated[int, BeforeValidator(_as_whole), Strict()]
"""7.0 is one, as JSON Schema has it; 7.5, "7" and true are none."""
ReplyFlag = Annotated[bool, Strict()]


@dataclass_transform(frozen_default=True)
def reply_model(kind: type[Made]) -> type[Made]:
    """Makes a frozen dataclass that takes exactly its own keys."""
    made = dataclass(frozen=True, slots=True)(kind)
    return with_config(ConfigDict(extra="forbid"))(made)


@dataclass(frozen=True, slots=True)
class ReadReply(Generic[Made]):
    """A reply that is what was asked for, and the wrappings that were tolerated around it."""

    value: Made
    notes: tuple[str, ...] = ()


def read_reply(kind: type[Made], text: str) -> ReadReply[Made]:
    """The reply `text` as a `kind`.

    Raises:
        BadReply: envelope or json (it cannot be decoded), or keys (it is another object than was asked for).
    """
    decoded = decode_object(text)
    return ReadReply(check_reply(kind, decoded.value), decoded.notes)


def check_reply(kind: type[Made], value: Mapping[str, Any]) -> Made:
    """The decoded object `value` as a `kind`.

    Raises:
        BadReply: with code keys.
    """
    try:
        made: Made = _adapter(cast(Any, kind)).validate_python(value)
    except ValidationError as why:
        raise BadReply("keys", _told(why, value)) from why
    return made


@functools.lru_cache(maxsize=16)
def _adapter(kind: Any) -> TypeAdapter[Any]:
    return TypeAdapter(kind)


def _told(why: ValidationError, value: Any) -> str:
    """What is wrong first: `segment 2 has the keys ['id', 'text']`, `n is a str`."""
    error = why.errors(include_url=False)[0]
    *outer, last = error["loc"]
    if error["type"] in ("missing", "missing_argument", "unexpected_keyword_argument"):
        for part in outer:
            value = value[part]
        return f"{_place(outer)} has the keys {sorted(value)[:12]}"
    return f"{_place((*outer, last))} is a {type(error['input']).__name__}"


def _place(loc: Any) -> str:
    """`the reply`, `segments 2`, `text of segments 2`."""
    words: list[str] = []
    for part in loc:
        if isinstance(part, int):
            words[0] += f" {part + 1}"
        else:
            words.insert(0, part)
    return " of ".join([*words, "the reply"])


def reply_schema(kind: type[Any]) -> dict[str, Any]:
    """The JSON schema of `kind` that endpoints are sent: types and keys alone, every definition in its place."""
    schema = _adapter(cast(Any, kind)).json_schema()
    return cast(dict[str, Any], _bare(schema, schema.get("$defs", {})))


def _bare(node: Any, definitions: Mapping[str, Any]) -> Any:
    if "$ref" in node:
        return _bare(definitions[node["$ref"].rsplit("/", 1)[1]], definitions)
    if node["type"] == "array":
        return {"type": "array", "items": _bare(node["items"], definitions)}
    if node["type"] != "object":
        return {"type": node["type"]}
    return {
        "type": "object",
        "properties": {key: _bare(each, definitions) for key, each in node["properties"].items()},
        "required": node["required"],
        "additionalProperties": False,
    }

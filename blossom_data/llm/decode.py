"""Strict decoding of a model's reply into one JSON object. Nothing is ever repaired.

    decode_object('<think>..</think>```json\\n{"n": 1}\\n```')  ->  Decoded(value={"n": 1}, notes=("think", "fence"))
    decode_object('Here you are: {"n": 1}')                     ->  BadReply("envelope", "text before the object")

Tolerated, and told as notes: outer white space, a byte order mark, one fence around all, what a model thought before
it, in any form that thinking.py knows, and template tokens at the ends.
Everything else is refused: prose around the object, duplicate keys, NaN and Infinity, trailing data, deep nesting,
lone surrogates. It knows nothing of what the object should hold; whoever asked checks that.
"""

from __future__ import annotations

import json
import math
import re
from dataclasses import dataclass
from typing import Any

from blossom_data.llm.reply.template_tokens import without_tokens
from blossom_data.llm.reply.thinking import split_thinking

MAX_REPLY_CHARS = 4 << 20
"""A longer reply is refused unread."""

_BLANK = " \t\r\n\ufeff"
_FENCE_OPEN = re.compile(r"```[ \t]*(?:json)?\s", re.IGNORECASE)
_SURROGATE_ESCAPE = re.compile(r"\\u[dD][89a-fA-F]")


class BadReply(Exception):
    """A reply that is not what was asked for; `code` comes from a closed list, `detail` says what was seen."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(f"{code}: {detail}")
        self.code, self.detail = code, detail


@dataclass(frozen=True, slots=True)
class Decoded:
    """The object of a reply and the wrappings that were tolerated around it: `bom`, `think`, `token`, `fence`."""

    value: dict[str, Any]
    notes: tuple[str, ...] = ()


def decode_object(text: str, *, max_chars: int = MAX_REPLY_CHARS) -> Decoded:
    """Decodes a reply that is exactly one JSON object, in linear time.

    Raises:
        BadReply: with code `envelope` (something around the object) or `json` (the object itself); nothing else.
    """
    if len(text) > max_chars:
        raise BadReply("envelope", f"{len(text)} characters, at most {max_chars} are read")
    body, notes = _unwrapped(text)
    if not body:
        raise BadReply("envelope", "empty reply")
    if body[0] != "{":
        raise BadReply("envelope", f"text before the object: {body[:40]!r}")
    if body[-1] != "}":
        raise BadReply("envelope", f"text after the object: {body[-40:]!r}")
    return Decoded(_parsed(body), notes)


def _unwrapped(text: str) -> tuple[str, tuple[str, ...]]:
    """`text` without the tolerated wrappings, and their names."""
    body = text.strip(_BLANK)
    notes = ["bom"] if "\ufeff" in text[: len(text) - len(text.lstrip(_BLANK))] else []
    bare = without_tokens(body).strip(_BLANK)
    split = split_thinking(bare, is_object=True)
    if split.is_open:
        raise BadReply("envelope", "a think block that never ends")
    if split.text != bare:
        notes.append("think")
    answer = without_tokens(split.text).strip(_BLANK)
    if bare != body or answer != split.text.strip(_BLANK):
        notes.append("token")
    body = answer
    if opened := _FENCE_OPEN.match(body):
        if len(body) < opened.end() + 3 or not body.endswith("```"):
            raise BadReply("envelope", "a fence that does not span the whole reply")
        body = body[opened.end() : -3].strip(_BLANK)
        notes.append("fence")
    return body, tuple(notes)


def _parsed(body: str) -> dict[str, Any]:
    try:
        body.encode()
        value = json.loads(
            body, object_pairs_hook=_unique_keys, parse_constant=_refused_constant, parse_float=_finite_float
        )
        if _SURROGATE_ESCAPE.search(body):
            json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError as why:
        raise BadReply("json", "a lone surrogate") from why
    except RecursionError as why:
        raise BadReply("json", "nested too deeply") from why
    except ValueError as why:
        raise BadReply("json", str(why)[:200]) from why
    if not isinstance(value, dict):
        raise BadReply("json", "not an object")
    return value


def _unique_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise BadReply("json", "a key stands twice in one object")
    return found


def _refused_constant(name: str) -> float:
    raise BadReply("json", f"{name} is not JSON")


def _finite_float(digits: str) -> float:
    number = float(digits)
    if math.isinf(number):
        raise BadReply("json", "a number beyond the range of a float")
    return number

"""The lines of a batch: a request going in, a result coming out.

    {"custom_id": "<32 hex digits of the ledger key>", "method": "POST", "url": "/v1/chat/completions", "body": {...}}
    {"custom_id": "...", "response": {"status_code": 200, "body": {"choices": [...]}}, "error": null}
    {"custom_id": "...", "response": null, "error": {"code": "batch_expired", "message": "..."}}

A result is judged by the reader and the rules of online replies (reading.py, policy.py). It does no I/O.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

import orjson

from blossom_data.asks import Ask, Reply
from blossom_data.llm.access import CLOSED
from blossom_data.llm.policy import Action, Failure, classify_status, encode_part, read_error
from blossom_data.llm.reading import read_failed_generation, read_reply

URL: Final = "/v1/chat/completions"
_KEY_DIGITS = 32


@dataclass(frozen=True, slots=True, kw_only=True)
class ResultLine:
    """One line of an output or error file."""

    key: bytes
    """The ledger key that the line answers."""
    status: int
    """HTTP status, 0 when the request was never carried out."""
    body: bytes
    """The response's body, or {"error": ...}."""


def encode_line(key: bytes, payload: bytes) -> bytes:
    """The input line of the request body `payload` (JSON without a line break)."""
    head = b'{"custom_id":"%b","method":"POST","url":"%b","body":' % (key.hex().encode(), URL.encode())
    return head + payload + b"}\n"


def read_line(raw: bytes) -> ResultLine | None:
    """One result line; None when it is not one, or its custom_id is none of ours."""
    try:
        whole = orjson.loads(raw)
    except orjson.JSONDecodeError:
        return None
    name = whole.get("custom_id") if isinstance(whole, dict) else None
    if not isinstance(name, str) or len(name) != _KEY_DIGITS:
        return None
    try:
        key = bytes.fromhex(name)
    except ValueError:
        return None
    response = whole.get("response")
    if isinstance(response, dict) and isinstance(status := response.get("status_code"), int):
        return ResultLine(key=key, status=status, body=encode_part(response.get("body")))
    return ResultLine(key=key, status=0, body=encode_part({"error": whole.get("error")}))


def judge_line(line: ResultLine, ask: Ask, model: str) -> Reply | Failure:
    """What a result line means, as if it had come online; a RETRY is a line to be sent again."""
    if 200 <= line.status < 300:
        return read_reply(line.body, ask, model, {})
    if line.status:
        failure = classify_status(line.status, {}, line.body)
        if failure.cause == CLOSED:
            # The batch was taken with this key, so the line alone is meant.
            failure = replace(failure, action=Action.REFUSED)
        return read_failed_generation(failure, ask, model) or failure
    message, codes = read_error(line.body)
    found = classify_status(400, {}, line.body)
    if found.action in (Action.AUTH, Action.ENDPOINT):
        return found
    cause = "expired" if any("expired" in code for code in codes) else "unanswered"
    return Failure(action=Action.RETRY, cause=cause, detail=message, body=line.body)

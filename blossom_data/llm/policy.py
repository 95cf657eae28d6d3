"""What a failed call means and how long to wait: pure functions of status, headers and body.

    classify_status(429, {"retry-after": "1m30s"}, b"")  ->  Failure(action=Action.WAIT, retry_after_s=90.0, ...)
    classify_status(422, {}, b'{"error": {"message": "too long"}}')  ->  Failure(action=Action.REFUSED, ...)

It sends nothing, sleeps never and knows no endpoint: channel.py acts on what is found here.
"""

from __future__ import annotations

import enum
import math
import random
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from email.utils import parsedate_to_datetime
from typing import Any

import orjson

from blossom_data.asks import Usage
from blossom_data.llm.access import CLOSED, KEY, is_rate_limit, why_no_access

RETRY_AFTER_CAP_S = 120.0
_EXCERPT_CHARS = 300
_READ_BYTES = 1 << 16
_LEVELS = 16
"""Deeper in a reply lies nothing that is read."""


class Action(enum.Enum):
    """What a failure asks for."""

    RETRY = "retry"
    """Send it again; counts against max_tries."""
    WAIT = "wait"
    """The endpoint is busy: all its calls wait, then it is sent again; does not count against max_tries."""
    REFUSED = "refused"
    """This request will never be answered: one record fails."""
    AUTH = "auth"
    """Key refused or quota used up: no call can succeed."""
    ENDPOINT = "endpoint"
    """Wrong address, route or model: no call can succeed."""
    NETWORK = "network"
    """Refused certificate, wrong proxy, http for https: no call can succeed until a setting is changed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """One failed try."""

    action: Action
    cause: str
    """Short name for the retry summary: 429, 5xx, 408, 409, 425, loading, connect, reset, timeout, body, a status."""
    detail: str = ""
    """What was seen, in words; may quote the endpoint, so it is scrubbed of the key before it is shown."""
    status: int = 0
    """HTTP status, 0 when no answer came."""
    body: bytes = b""
    retry_after_s: float | None = None
    is_overload: bool = False
    """The endpoint has too much to do: fewer calls at once."""
    hint: str = ""
    """What to set, where the failure itself says it."""
    is_setting: bool = False
    """A setting is to blame, if nothing was ever answered."""
    usage: Usage | None = None
    """What it billed all the same, where an answer that cannot be used says so."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """How long failures are borne."""

    first_s: float = 1.0
    """Width of the first back-off; it doubles with each further failure."""
    most_s: float = 60.0
    total_s: float = 900.0
    """Most time from a call's first failure to giving it up."""
    failures_in_a_row: int = 20
    """That many without one success in between: the endpoint is down."""
    revive_s: float = 60.0
    """After that time an endpoint that was down is tried again, where another one kept the run going."""


def backoff_s(failures: int, draw: random.Random, patience: Patience) -> float:
    """Full jitter: a draw from 0 to a width that doubles with each failure (counted from 1) up to `most_s`."""
    return draw.uniform(0.0, min(patience.most_s, patience.first_s * 2.0 ** min(failures - 1, 30)))


_PART = re.compile(r"(\d{1,12}(?:\.\d{1,12})?)(ms|s|m|h|d)")
_UNIT_S = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}


def retry_after_s(headers: Mapping[str, str], *, now_s: float | None = None) -> float | None:
    """Seconds to wait by `retry-after-ms` or `retry-after`, at most 120; None when there is nothing usable.

    Understands seconds, fractions, "1m30s", "500ms" and HTTP dates (against the server's own Date where it sent one,
    else `now_s`, Unix time).
    """
    for name, unit_s in (("retry-after-ms", 0.001), ("retry-after", 1.0)):
        text = headers.get(name, "").strip().lower()
        if not 0 < len(text) <= 64:
            continue
        seconds = _number(text, unit_s)
        if seconds is None and unit_s == 1.0:
            seconds = _duration(text)
            if seconds is None:
                seconds = _until(text, headers.get("date", ""), now_s)
        if seconds is not None and seconds >= 0:
            return min(seconds, RETRY_AFTER_CAP_S)
    return None


def _number(text: str, unit_s: float) -> float | None:
    try:
        value = float(text)
    except ValueError:
        return None
    return value * unit_s if math.isfinite(value) else None


def _duration(text: str) -> float | None:
    total_s, at = 0.0, 0
    while part := _PART.match(text, at):
        total_s += float(part[1]) * _UNIT_S[part[2]]
        at = part.end()
    return total_s if at == len(text) else None


def _until(text: str, date: str, now_s: float | None) -> float | None:
    """Seconds until an HTTP date; a date that has passed is 0."""
    try:
        then_s = parsedate_to_datetime(text).timestamp()
    except (ValueError, OverflowError):
        return None
    try:
        now_s = parsedate_to_datetime(date[:64]).timestamp()
    except (ValueError, OverflowError):
        now_s = time.time() if now_s is None else now_s
    return max(0.0, then_s - now_s)


_MODEL = {"model_not_found", "model_decommissioned", "model_not_exist", "modelnotfound"}
_NO_MODEL = re.compile(
    r"\bmodel\b.{0,80}\b(?:not found|not exist|does ?n[o']t exist)\b|\b(?:no such|unknown|invalid) model\b"
    r"|\bnot a valid model\b|模型.{0,40}(?:不存在|未找到)",
    re.IGNORECASE,
)
_PASSING = re.compile(
    r"\bupstream\b|\btime[d -]?out\b|\boverload|\bbusy\b|\binternal\b|\bserver error\b|\btemporar|\btry again\b"
    r"|\bunavailable\b|\bconnection\b|\bloading\b|繁忙|超时|稍后|重试|内部错误",
    re.IGNORECASE,
)
_LOADING = re.compile(
    r"\bloading\b|\bwarming[ _-]up\b|\bstarting[ _-]up\b|\binitiali[sz]ing\b|\bnot (?:yet )?(?:ready|loaded)\b"
    r"|加载中|正在加载|尚未加载|启动中|正在启动",
    re.IGNORECASE,
)
_CODE_NAMES = ("code", "type", "status", "status_code", "error_code", "errcode", "err_code")
MESSAGE_NAMES = ("message", "msg", "detail", "error", "error_msg", "errmsg", "error_message", "status_msg")
_WRAPPERS = ("error", "errors", "base_resp", "response", "result", "header", "status", "data")
"""What gateways put an error into."""
_WRAPPED = 4
_CONTENT = ("content_filter", "content policy", "content_policy", "moderation", "flagged", "safety")


def classify_status(status: int, headers: Mapping[str, str], body: bytes) -> Failure:
    """What an answer other than 2xx means; header names of a plain dict must be in lower case."""
    message, codes = read_error(body)
    detail = f"HTTP {status}" + (f": {message}" if message else "")

    def failure(action: Action, cause: str = "", *, wait_s: float | None = None, overload: bool = False) -> Failure:
        return Failure(
            action=action,
            cause=cause or str(status),
            detail=detail,
            status=status,
            body=body,
            retry_after_s=wait_s,
            is_overload=overload,
        )

    if 300 <= status < 400:
        target = headers.get("location", "nowhere")[:_EXCERPT_CHARS]
        return Failure(
            action=Action.ENDPOINT,
            cause=str(status),
            detail=f"HTTP {status} redirects to {target}, which is not followed",
            status=status,
        )
    is_content = any(mark in body[:_READ_BYTES].decode("utf-8", "replace").lower() for mark in _CONTENT)
    kind = why_no_access(status, codes, message, body) if 400 <= status < 500 else ""
    if status == 403 and kind in (KEY, CLOSED) and is_rate_limit(message):
        return failure(Action.WAIT, "429", wait_s=retry_after_s(headers), overload=True)
    if kind and not (is_content and status in (400, 403, 422)):
        return failure(Action.AUTH, kind)
    if status in (420, 429):
        if "request too large" in message.lower():
            return failure(Action.REFUSED)
        return failure(Action.WAIT, wait_s=retry_after_s(headers), overload=True)
    if status == 503 and _LOADING.search(message):
        return failure(Action.WAIT, "loading")
    if status in (503, 529) and (wait_s := retry_after_s(headers)) is not None:
        return failure(Action.WAIT, "5xx", wait_s=wait_s, overload=True)
    if status in (404, 405, 410, 501) or codes & _MODEL or (status == 400 and _NO_MODEL.search(message)):
        return failure(Action.REFUSED if is_content else Action.ENDPOINT)
    if status in (408, 409, 421, 425, 449, 499):
        return failure(Action.RETRY, overload=status == 408)
    if status >= 500:
        return failure(Action.RETRY, "5xx", overload=status in (503, 529))
    return failure(Action.REFUSED)


def classify_hidden(error: object, headers: Mapping[str, str]) -> Failure:
    """What an error inside a 200 means: judged by the status that it names, else by its sentence."""
    body = encode_part(error if isinstance(error, dict) else {"error": error})
    message, codes = read_error(body)
    named = [int(code) for code in codes if len(code) == 3 and code.isdecimal() and "400" <= code <= "599"]
    if named:
        found = classify_status(named[0], headers, body)
    elif kind := why_no_access(200, codes, message, body):
        found = Failure(action=Action.AUTH, cause=kind)
    elif is_rate_limit(message):
        found = Failure(action=Action.WAIT, cause="429", retry_after_s=retry_after_s(headers), is_overload=True)
    elif codes & _MODEL or _NO_MODEL.search(message):
        found = Failure(action=Action.ENDPOINT, cause="model")
    else:
        is_passing = not message.strip("{}[]\"' ") or _PASSING.search(message) is not None
        found = Failure(action=Action.RETRY if is_passing else Action.REFUSED, cause="body")
    detail = f"an error inside a 200: {', '.join([*(str(code) for code in named[:1]), message])}"
    return replace(found, detail=detail, status=named[0] if named else 200, body=body)


def read_error(body: bytes) -> tuple[str, set[str]]:
    """The message of an error body, shortened to one line, and the codes in it; any shape, or none at all."""
    codes: set[str] = set()
    try:
        found = orjson.loads(body[:_READ_BYTES])
    except orjson.JSONDecodeError:
        return excerpt(body), codes
    if isinstance(found, list) and found:
        found = found[0]
    if isinstance(found, dict) and found.get("error") and not isinstance(found["error"], bool):
        found = found["error"]
    if not isinstance(found, dict):
        return excerpt(body), codes
    told = find_error(found) or found
    for name in _CODE_NAMES:
        if isinstance(code := told.get(name), str | int) and not isinstance(code, bool):
            codes.add(str(code).lower())
    for name in MESSAGE_NAMES:
        if isinstance(message := told.get(name), str) and message:
            return excerpt(message.encode("utf-8", "replace")), codes
    return excerpt(body), codes


def find_error(found: object, levels: int = _WRAPPED) -> dict[str, Any] | None:
    """The object that holds a message, in `found` or in what wraps it, its keys in lower case; None where none does.

    {"Response": {"Error": {"Code": "AuthFailure", "Message": "..."}}}  ->  {"code": "AuthFailure", "message": "..."}
    """
    if isinstance(found, list) and found:
        found = {"message": found[0]} if isinstance(found[0], str) else found[0]
    if not isinstance(found, dict) or not levels:
        return None
    lowered = {str(key).lower(): value for key, value in found.items()}
    if any(isinstance(told := lowered.get(name), str) and told for name in MESSAGE_NAMES):
        return lowered
    inner = (find_error(lowered.get(name), levels - 1) for name in _WRAPPERS)
    return next((each for each in inner if each), None)


def encode_part(found: object) -> bytes:
    """JSON of a part of what a server sent; of what lies too deep for that, or cannot be written, the outer levels."""
    try:
        return orjson.dumps(found)
    except TypeError:
        return orjson.dumps(_outer(found, _LEVELS))


def _outer(found: object, levels: int) -> object:
    if isinstance(found, str):
        return found.encode("utf-8", "replace").decode()
    if isinstance(found, dict):
        return {str(_outer(key, 1)): _outer(value, levels - 1) for key, value in found.items()} if levels else {}
    if isinstance(found, list):
        return [_outer(value, levels - 1) for value in found] if levels else []
    return found if isinstance(found, float | bool | None) else str(found)


def excerpt(body: bytes) -> str:
    """The beginning of a body as one line of text; HTML is only named."""
    start = body[:_READ_BYTES].lstrip(b"\xef\xbb\xbf \t\r\n")
    if start[:1] == b"<":
        return "an HTML page"
    text = " ".join(start[: 8 * _EXCERPT_CHARS].decode("utf-8", "replace").split())
    return text if len(text) <= _EXCERPT_CHARS else text[:_EXCERPT_CHARS] + "…"

"""Reads the body of a 200: a Reply, or the Failure that it really is.

    {"model": "qwen2.5-7b-instruct", "usage": {"prompt_tokens": 812, "completion_tokens": 304},
     "choices": [{"message": {"role": "assistant", "content": "..."}, "finish_reason": "stop"}]}

An HTML page, an {"error"}, no choices or torn JSON inside a 200 is a failure and may be sent again. A truncated,
filtered or refused answer is a Reply: it was paid for, and the stage decides. Nothing is repaired.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import orjson

from blossom_data.asks import Ask, Reply, Usage
from blossom_data.llm.policy import Action, Failure, classify_hidden, excerpt, find_error
from blossom_data.llm.reply.billed import billed
from blossom_data.llm.reply.envelopes import is_stream, joined, unwrapped
from blossom_data.llm.reply.message_parts import UNKNOWN, finish_kind, read_content

_CHARSET = re.compile(r"charset=[\"']?([\w.:-]+)", re.IGNORECASE)
_BOM = b"\xef\xbb\xbf"
_OF_OTHERS = ("candidates", "output", "content", "message", "completion", "generated_text", "results", "response")
"""Where an answer stands that is none of chat completions."""


def read_reply(body: bytes, ask: Ask, model: str, headers: Mapping[str, str]) -> Reply | Failure:
    """The Reply in a 200's body; `model` is the one asked for, `headers` tell its charset and serve a hidden error."""
    try:
        whole = unwrapped(_decode(body[3:] if body.startswith(_BOM) else body, headers))
    except (ValueError, RecursionError, LookupError):
        return _malformed(body, f"a 200 that is not JSON ({excerpt(body) or 'an empty body'})")
    if not isinstance(whole, dict):
        return _malformed(body, "a 200 whose JSON is not an object")
    found = _read_whole(whole, body, ask, model, headers)
    if isinstance(found, Reply):
        return found
    return replace(found, usage=billed(whole, ""))


def _decode(body: bytes, headers: Mapping[str, str]) -> object:
    """The JSON of a body; a lone half of a surrogate pair and NaN are read, as other clients read them."""
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError:
        if is_stream(body):
            return joined(body)
        named = _CHARSET.search(headers.get("content-type", ""))
        text = body.decode(named[1] if named else "utf-8", "replace")
        return json.loads(text)


def _read_whole(
    whole: dict[str, Any], body: bytes, ask: Ask, model: str, headers: Mapping[str, str]
) -> Reply | Failure:
    choices = whole.get("choices")
    if not choices and (error := _hidden_error(whole)) is not None:
        return classify_hidden(error, headers)
    choice = choices[0] if isinstance(choices, list) and choices else None
    message = _message(choice) if isinstance(choice, dict) else None
    if message is None or not isinstance(choice, dict):
        return _without_choices(whole, body)
    if choice.get("error"):
        return classify_hidden(choice["error"], headers)
    parts = read_content(message)
    if parts is None:
        return _malformed(body, "a 200 whose content is neither text nor text parts")
    text, reasoning, refusal = parts
    if not _is_whole(text):
        return _malformed(body, "an answer that holds half a surrogate pair")
    if "\ufffd" in text and b"\xef\xbf\xbd" not in body and b"fffd" not in body.lower():
        # The same server writes the next answer in the same charset: another sample cannot help.
        detail = "a 200 in another charset than UTF-8, which its Content-Type does not name"
        return Failure(action=Action.REFUSED, cause="body", detail=detail, status=200)
    finish_reason = _read_finish(choice, message)
    usage = _read_usage(whole, ask, text + reasoning)
    is_unpaid = usage.is_estimated or usage.tokens_out == 0
    is_void = message.get("content") is None and not refusal and not reasoning
    if is_void and finish_reason in ("stop", UNKNOWN) and is_unpaid:
        return _malformed(body, "a 200 whose content is null")
    named = whole.get("model")
    return Reply(
        text=text,
        finish_reason=_whole(finish_reason),
        reasoning=_whole(reasoning),
        refusal=_whole(refusal),
        model=_whole(named) if isinstance(named, str) and named else model,
        usage=usage,
    )


def _is_whole(text: str) -> bool:
    """Whether `text` can be written: no lone half of a surrogate pair."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _whole(text: str) -> str:
    return text.encode("utf-8", "replace").decode()


def estimate_tokens(text: str) -> int:
    """A rough count where no tokenizer is known: a quarter of the UTF-8 bytes (English 4 letters, Chinese 0.75)."""
    return len(text.encode("utf-8", "replace")) // 4 + 1 if text else 0


def estimate_prompt(ask: Ask) -> int:
    """A rough count of an ask's input tokens."""
    return sum(estimate_tokens(turn.content) + 4 for turn in ask.messages)


def _malformed(body: bytes, detail: str) -> Failure:
    return Failure(action=Action.RETRY, cause="body", detail=detail, status=200, body=body)


def _message(choice: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """The message of a choice, also of one as streams and plain completions have it."""
    for name in ("message", "delta"):
        if isinstance(found := choice.get(name), dict):
            return found
    return {"content": choice["text"]} if isinstance(choice.get("text"), str) else None


def _without_choices(whole: Mapping[str, Any], body: bytes) -> Failure:
    """What a 200 without choices is; an answer of another protocol will be none of ours the next time either."""
    if "choices" not in whole and any(whole.get(name) for name in _OF_OTHERS):
        fields = ", ".join(list(map(str, whole))[:8])
        detail = f"a 200 that is no chat completion: it has no choices, but {fields}"
        return Failure(action=Action.REFUSED, cause="body", detail=detail, status=200, body=body)
    return _malformed(body, "a 200 without choices")


def _hidden_error(whole: Mapping[str, Any]) -> object:
    """The error that stands in place of the choices, None where there is none."""
    if whole.get("error"):
        # A mere flag says nothing: its sentence stands beside it.
        return whole["error"] if isinstance(whole["error"], str | dict | list) else whole
    is_told = "choices" not in whole and (find_error(whole) is not None or isinstance(whole.get("detail"), list))
    return whole if is_told or whole.get("success") is False or "base_resp" in whole else None


def _read_finish(choice: Mapping[str, Any], message: Mapping[str, Any]) -> str:
    """The finish reason in OpenAI's words; "unknown" when none is given."""
    if message.get("tool_calls") or message.get("function_call"):
        return "tool_calls"
    return finish_kind(choice.get("finish_reason"))


def read_failed_generation(failure: Failure, ask: Ask, model: str) -> Reply | None:
    """The sample in a 400 that says the model broke the JSON mode; None for any other failure."""
    if failure.status != 400 or b"json_validate_failed" not in failure.body:
        return None
    try:
        error = json.loads(failure.body)["error"]
    except (ValueError, KeyError, TypeError, RecursionError):
        return None
    if not isinstance(error, dict) or error.get("code") != "json_validate_failed":
        return None
    text = error.get("failed_generation")
    text = _whole(text) if isinstance(text, str) else ""
    return Reply(text=text, finish_reason="stop", model=model, usage=failure.usage or _read_usage({}, ask, text))


def _read_usage(whole: Mapping[str, Any], ask: Ask, text: str) -> Usage:
    """Tokens as reported, or estimated and marked so when they are missing or impossible."""
    found = billed(whole, text)
    return found or Usage(tokens_in=estimate_prompt(ask), tokens_out=estimate_tokens(text), is_estimated=True)

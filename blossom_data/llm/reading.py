"""Reads the body of a 200: a Reply, or the Failure that it really is.

    {"model": "qwen2.5-7b-instruct", "usage": {"prompt_tokens": 812, "completion_tokens": 304},
     "choices": [{"message": {"role": "assistant", "content": "..."}, "finish_reason": "stop"}]}

An HTML page, an {"error"}, no choices or torn JSON inside a 200 is a failure and may be sent again. A truncated,
filtered or refused answer is a Reply: it was paid for, and the stage decides. Nothing is repaired.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson

from blossom_data.asks import Ask, Reply, Usage
from blossom_data.llm.policy import Action, Failure, classify_status, excerpt, read_error
from blossom_data.llm.reply.message_parts import FAILED_JSON, UNKNOWN, finish_kind, read_content

_MOST_TOKENS = 1_000_000_000
_BOM = b"\xef\xbb\xbf"


def read_reply(body: bytes, ask: Ask, model: str, headers: Mapping[str, str]) -> Reply | Failure:
    """The Reply in a 200's body; `model` is the one asked for, `headers` serve an error hidden in the body."""
    try:
        whole = orjson.loads(body[3:] if body.startswith(_BOM) else body)
    except orjson.JSONDecodeError:
        return _malformed(body, f"a 200 that is not JSON ({excerpt(body) or 'an empty body'})")
    if not isinstance(whole, dict):
        return _malformed(body, "a 200 whose JSON is not an object")
    choices = whole.get("choices")
    if whole.get("error") and not choices:
        return _hidden_error(body, whole["error"], headers)
    choice = choices[0] if isinstance(choices, list) and choices else None
    message = choice.get("message") if isinstance(choice, dict) else None
    if not isinstance(message, dict) or not isinstance(choice, dict):
        return _malformed(body, "a 200 without choices")
    if choice.get("error"):
        return _hidden_error(body, choice["error"], headers)
    parts = read_content(message)
    if parts is None:
        return _malformed(body, "a 200 whose content is neither text nor text parts")
    text, reasoning, refusal = parts
    finish_reason = _read_finish(choice, message)
    usage = _read_usage(whole.get("usage"), ask, text + reasoning)
    is_unpaid = usage.is_estimated or usage.tokens_out == 0
    is_void = message.get("content") is None and not refusal and not reasoning
    if is_void and finish_reason in ("stop", UNKNOWN) and is_unpaid:
        return _malformed(body, "a 200 whose content is null")
    named = whole.get("model")
    return Reply(
        text=text,
        finish_reason=finish_reason,
        reasoning=reasoning,
        refusal=refusal,
        model=named if isinstance(named, str) and named else model,
        usage=usage,
    )


def estimate_tokens(text: str) -> int:
    """A rough count where no tokenizer is known: a quarter of the UTF-8 bytes (English 4 letters, Chinese 0.75)."""
    return len(text.encode("utf-8", "replace")) // 4 + 1 if text else 0


def estimate_prompt(ask: Ask) -> int:
    """A rough count of an ask's input tokens."""
    return sum(estimate_tokens(turn.content) + 4 for turn in ask.messages)


def _malformed(body: bytes, detail: str) -> Failure:
    return Failure(action=Action.RETRY, cause="body", detail=detail, status=200, body=body)


def _hidden_error(body: bytes, error: object, headers: Mapping[str, str]) -> Failure:
    """An error inside a 200: judged by the status that it names, if it names one."""
    inner = orjson.dumps({"error": error})
    message, codes = read_error(inner)
    for code in codes:
        if len(code) == 3 and code.isdecimal() and "400" <= code <= "599":
            return classify_status(int(code), headers, inner)
    found = classify_status(400, headers, inner)
    return found if found.action is not Action.REFUSED else _malformed(body, f"an error inside a 200: {message}")


def read_failed_json(body: bytes, ask: Ask, model: str) -> Reply | None:
    """The sample that an endpoint sends back in a 400, for it is not the JSON that was asked for; None for another."""
    try:
        error = orjson.loads(body).get("error")
    except (orjson.JSONDecodeError, AttributeError):
        return None
    if not isinstance(error, dict) or error.get("code") != FAILED_JSON:
        return None
    sample = error.get("failed_generation")
    text = sample if isinstance(sample, str) else ""
    return Reply(text=text, finish_reason=FAILED_JSON, model=model, usage=_read_usage(None, ask, text))


def _read_finish(choice: Mapping[str, Any], message: Mapping[str, Any]) -> str:
    """The finish reason in OpenAI's words; "unknown" when none is given."""
    if message.get("tool_calls") or message.get("function_call"):
        return "tool_calls"
    return finish_kind(choice.get("finish_reason"))


def _read_usage(found: object, ask: Ask, text: str) -> Usage:
    """Tokens as reported, or estimated and marked so when they are missing or impossible."""
    if isinstance(found, dict):
        tokens_in, tokens_out = _count(found.get("prompt_tokens")), _count(found.get("completion_tokens"))
        details = found.get("prompt_tokens_details")
        cached = _count(details.get("cached_tokens")) if isinstance(details, dict) else None
        if cached is None:
            cached = _count(found.get("prompt_cache_hit_tokens"))
        if tokens_in is not None and tokens_out is not None:
            return Usage(tokens_in=tokens_in, tokens_out=tokens_out, tokens_cached=min(cached or 0, tokens_in))
    return Usage(tokens_in=estimate_prompt(ask), tokens_out=estimate_tokens(text), is_estimated=True)


def _count(value: object) -> int | None:
    if not isinstance(value, int) or isinstance(value, bool):
        return None
    return value if 0 <= value <= _MOST_TOKENS else None

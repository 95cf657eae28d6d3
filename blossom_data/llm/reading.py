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
from blossom_data.llm.policy import Action, Failure, classify_status, encode_part, excerpt, read_error

_MOST_TOKENS = 1_000_000_000
_FINISH = {"eos": "stop", "end_turn": "stop", "stop_sequence": "stop", "max_tokens": "length", "max_length": "length"}
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
    parts = _read_content(message)
    if parts is None:
        return _malformed(body, "a 200 whose content is neither text nor text parts")
    text, refusal = parts
    finish_reason = _read_finish(choice, message)
    usage = _read_usage(whole.get("usage"), ask, text)
    is_unpaid = usage.is_estimated or usage.tokens_out == 0
    if message.get("content") is None and finish_reason in ("stop", "unknown") and not refusal and is_unpaid:
        return _malformed(body, "a 200 whose content is null")
    named = whole.get("model")
    return Reply(
        text=text,
        finish_reason=finish_reason,
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
    inner = encode_part({"error": error})
    message, codes = read_error(inner)
    for code in codes:
        if len(code) == 3 and code.isdecimal() and "400" <= code <= "599":
            return classify_status(int(code), headers, inner)
    found = classify_status(400, headers, inner)
    return found if found.action is not Action.REFUSED else _malformed(body, f"an error inside a 200: {message}")


def _read_content(message: Mapping[str, Any]) -> tuple[str, str] | None:
    """Text and refusal of a message; None when the content has an unknown shape."""
    content, refusal = message.get("content"), message.get("refusal")
    refusal = refusal if isinstance(refusal, str) else ""
    if content is None or isinstance(content, str):
        return content or "", refusal
    if not isinstance(content, list):
        return None
    texts = []
    for part in content:
        kind = part.get("type") if isinstance(part, dict) else None
        if kind in ("text", "output_text") and isinstance(part.get("text"), str):
            texts.append(part["text"])
        elif kind == "refusal" and isinstance(part.get("refusal"), str):
            refusal = refusal or part["refusal"]
        elif kind not in ("thinking", "reasoning"):
            return None
    return "".join(texts), refusal


def _read_finish(choice: Mapping[str, Any], message: Mapping[str, Any]) -> str:
    """The finish reason in OpenAI's words; "unknown" when none is given."""
    if message.get("tool_calls") or message.get("function_call"):
        return "tool_calls"
    reason = choice.get("finish_reason")
    if not isinstance(reason, str) or not reason:
        return "unknown"
    reason = reason.lower()
    return _FINISH.get(reason, reason)


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

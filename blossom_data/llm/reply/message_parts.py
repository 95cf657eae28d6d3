"""What one choice of a completion says: its text, its thinking, its refusal, and why it ended; any vendor's spelling.

{"content": [{"type": "thinking", "thinking": "hm"}, {"type": "text", "text": "Paris."}]}  ->  "Paris.", "hm"
{"content": "Paris.", "reasoning_content": "hm"}                                           ->  "Paris.", "hm"
"EOS_TOKEN" -> "stop"    "MAX_TOKENS" -> "length"    "SAFETY" -> "content_filter"    None -> "unknown"
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, NamedTuple

UNKNOWN = "unknown"
"""The finish reason of a reply that gives none."""
_FIELDS = ("reasoning_content", "reasoning", "thinking", "thinking_content", "reasoning_details", "thinking_blocks")
"""Where a message may hold its thinking; the first that holds any counts, for some servers send it twice."""
_TEXTS = ("text", "output_text", "input_text")
_INNER = ("text", "thinking", "reasoning", "content", "summary", "reasoning_content")
_MOST_DEPTH = 4
_FINISH = (
    (
        re.compile(
            r"filter|safety|content|prohibit|blocklist|recitation|sensitive|moderat|policy|violat|spii|refus|guardrail|toxic|内容|敏感|违规"
        ),
        "content_filter",
    ),
    (re.compile(r"length|max|limit|trunc|exceed|长度|截断"), "length"),
    (re.compile(r"tool|function"), "tool_calls"),
    (re.compile(r"(?<![a-z])(?:stop|eos|eot|end|complet|finish|done|normal|success)|^</s>$|停止|完成|结束"), "stop"),
)
"""What servers say, by the word in it: EOS, eos_token, COMPLETE, FINISH_REASON_STOP, MAX_TOKENS, SAFETY, ..."""
_UNTOLD = ("null", "none", "unspecified", "unknown")


class Content(NamedTuple):
    """The parts of a message."""

    text: str
    reasoning: str
    refusal: str


def read_content(message: Mapping[str, Any]) -> Content | None:
    """What a message holds; None when its content has an unknown shape."""
    content, refusal = message.get("content"), message.get("refusal")
    refusal = refusal if isinstance(refusal, str) else ""
    apart = next((found for name in _FIELDS if (found := _thinking(message.get(name))).strip()), "")
    if content is None or isinstance(content, str):
        return Content(content or "", apart, refusal)
    if not isinstance(content, list | dict):
        return None
    texts, thoughts = [], []
    for part in content if isinstance(content, list) else [content]:
        if isinstance(part, str):
            texts.append(part)
            continue
        if not isinstance(part, dict):
            return None
        kind = str(part.get("type") or "text").lower()
        if part.get("thought") is True:
            thoughts.append(_thinking(part))
        elif kind in _TEXTS and isinstance(text := _valued(part.get("text")), str):
            texts.append(text)
        elif kind == "refusal" and isinstance(part.get("refusal"), str):
            refusal = refusal or part["refusal"]
        elif "think" in kind or "reason" in kind or "thought" in kind:
            thoughts.append(_thinking(part))
        else:
            return None
    return Content("".join(texts), apart or "\n".join(filter(None, thoughts)), refusal)


def _valued(text: object) -> object:
    """The text of a part, where it is an object that holds it."""
    return text.get("value") if isinstance(text, dict) else text


def finish_kind(reason: object) -> str:
    """A finish reason in OpenAI's words; one that nobody knows as it is, in lower case."""
    if not isinstance(reason, str) or not reason:
        return UNKNOWN
    return "stop" if reason == "stop" else _kind(reason.lower())


def _kind(reason: str) -> str:
    bare = reason.removeprefix("finish_reason_")
    return next((told for words, told in _FINISH if words.search(bare)), UNKNOWN if bare in _UNTOLD else reason)


def _thinking(value: object, depth: int = 0) -> str:
    """The text of a field or part that holds thinking: a text, an object that holds one, or a list of these."""
    if isinstance(value, str):
        return value
    if depth == _MOST_DEPTH:
        return ""
    if isinstance(value, list):
        return "\n".join(filter(None, (_thinking(each, depth + 1) for each in value)))
    if isinstance(value, dict):
        return next((text for name in _INNER if (text := _thinking(value.get(name), depth + 1))), "")
    return ""

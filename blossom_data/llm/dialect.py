"""What one model at one endpoint does not take, learnt from its own refusal, once, and remembered.

    "Unsupported parameter: 'max_tokens' ... Use 'max_completion_tokens' instead"  ->  sent under that name
    "Unsupported value: 'temperature' does not support 0.3 with this model"        ->  left out
    "System role not supported"                                                    ->  put before the first user message
    a JSON document that was cut while the model still thought                     ->  a larger cap

A refusal that names something which was sent, and which can go without changing what is asked, is answered by sending
the request again without it. What helped is kept; it changes the wire alone, never the Ask or its ledger key.
"""

from __future__ import annotations

import re
from collections.abc import Set
from typing import Any

import orjson

from blossom_data.asks import Reply
from blossom_data.config import Endpoint
from blossom_data.counters import Counters
from blossom_data.llm.policy import Action, Failure
from blossom_data.llm.reply.thinking import split_thinking
from blossom_data.llm.structured import Memory

_RENAMED = "max_completion_tokens"
_MERGED = "system in user"
_OPTIONAL = ("temperature", "top_p")
ROOMS = (2_048, 8_192, 32_768)
"""Output tokens for thinking, beside those that a stage allows for its document; the next where one is too little."""
_TOLD = {
    **{f"room {tokens}": f"{tokens:,} tokens more are allowed, to think in" for tokens in ROOMS},
    _RENAMED: "max_tokens is sent as max_completion_tokens",
    "temperature": "temperature is left out",
    "top_p": "top_p is left out",
    _MERGED: "the system message is put before the first user message",
}
_UNTAKEN = re.compile(
    r"unsupported|not support|unrecogni[sz]ed|unknown|unexpected|not (?:be )?(?:permitted|allowed|accepted|available)"
    r"|deprecated|instead|forbidden|extra (?:input|field)|no longer|不支持|未知|不允许|弃用",
    re.IGNORECASE,
)
_SIZE = re.compile(
    r"too (?:large|high|big|long)|exceed|at most|maximum|less than|greater than|超过|超出", re.IGNORECASE
)
_SYSTEM = re.compile(
    r"\b(?:system|developer)\b.{0,60}\b(?:role|message|prompt|instruction)|\brole\b.{0,60}\b(?:system|developer)\b"
    r"|\broles must alternate\b|系统(?:角色|消息|提示)",
    re.IGNORECASE,
)
_STATUSES = (200, 400, 404, 422, 500, 501)


class Dialect:
    """What is left out or renamed for one (base URL, model)."""

    def __init__(self, label: str, counters: Counters, *, name: str, memory: Memory | None = None) -> None:
        """`label` names endpoint and model in the note, `name` in `memory`."""
        self._label, self._counters, self._name, self._memory = label, counters, name, memory
        known = (memory.recall(name) if memory is not None else None) or ""
        self._known = {what for what in known.split(",") if what in _TOLD}

    @classmethod
    def of(cls, endpoint: Endpoint, model: str, counters: Counters, memory: Memory | None) -> Dialect:
        """What is known of `model` at `endpoint`."""
        label, name = f"{endpoint.label} {model}", f"dialect {endpoint.base_url} {model}"
        return cls(label, counters, name=name, memory=memory)

    def say(self, payload: bytes, also: Set[str], cap: int | None = None) -> bytes:
        """A request body in the way that the model takes.

        Args:
            also: what this very call has met.
            cap: the limit of output tokens to send in place of the ask's.
        """
        spared = self._known | also
        if not spared and cap is None:
            return payload
        body: dict[str, Any] = orjson.loads(payload)
        if cap is not None:
            body["max_tokens"] = cap
        for name in _OPTIONAL:
            if name in spared:
                body.pop(name, None)
        if _RENAMED in spared and "max_tokens" in body:
            body[_RENAMED] = body.pop("max_tokens")
        if _MERGED in spared:
            body["messages"] = _merged(body["messages"])
        return orjson.dumps(body)

    @property
    def room(self) -> int:
        """Output tokens for thinking beside a document's own."""
        return room_of(self._known)

    def keep(self, learnt: Set[str]) -> None:
        """A request was answered that went without `learnt`: from now on all do."""
        if learnt <= self._known:
            return
        for what in sorted(learnt - self._known):
            why = "as it was cut while it thought" if room_of({what}) else "as it refused the request with it"
            self._counters.notes[f"{self._label}: {_TOLD[what]}, {why}"] += 1
        self._known |= learnt
        if self._memory is not None:
            self._memory.remember(self._name, ",".join(sorted(self._known)))


def room_of(learnt: Set[str]) -> int:
    return max((tokens for tokens in ROOMS if f"room {tokens}" in learnt), default=0)


def more_room(room: int, reply: Reply) -> str:
    """What is to be learnt of a reply to an ask for JSON that `room` was too little for; "" where it was enough."""
    if reply.finish_reason != "length":
        return ""
    split = split_thinking(reply.text, is_object=True)
    # White space without end is no thought: some engines write it where JSON is forced.
    is_thinking = bool(reply.reasoning or split.thinking or not reply.text)
    return next((f"room {tokens}" for tokens in ROOMS if tokens > room), "") if is_thinking else ""


def not_taken(failure: Failure, sent: bytes) -> str:
    """What of `sent` the endpoint does not take, by its own words; "" for nothing that can be spared."""
    if failure.status not in _STATUSES or failure.action in (Action.WAIT, Action.AUTH):
        return ""
    return _named(failure.detail, orjson.loads(sent))


def _named(text: str, body: dict[str, Any]) -> str:
    """The first thing of `body` that a refusal names as not taken."""
    for name in _OPTIONAL:
        if name in body and re.search(rf"(?<!\w){name}(?!\w)", text):
            return name
    names_cap = re.search(r"(?<!\w)max_tokens(?!\w)", text) is not None
    if "max_tokens" in body and names_cap and _UNTAKEN.search(text) and not _SIZE.search(text):
        return _RENAMED
    has_system = any(turn["role"] in ("system", "developer") for turn in body["messages"])
    return _MERGED if has_system and _SYSTEM.search(text) else ""


def _merged(messages: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The messages with those of the system at the head of the first of the user."""
    told = [turn["content"] for turn in messages if turn["role"] in ("system", "developer")]
    others = [dict(turn) for turn in messages if turn["role"] not in ("system", "developer")]
    if told and others and others[0]["role"] == "user":
        others[0]["content"] = "\n\n".join([*told, others[0]["content"]])
        return others
    return [{"role": "user", "content": "\n\n".join(told)}, *others] if told else others

"""What a stage says to the engine and hears back: Ask, Reply, and the Stage protocol.

A stage is a pure generator: it yields an Ask (or a list of them, sent side by side), is sent the Reply (or the list),
may yield a Note to have something counted, and returns the record it made, several records, or raises Reject. It does
no I/O and reads no clock.

    def run(self, record):
        reply = yield Ask(stage="annotate", version=1, messages=(Message("user", "..."),))
        return replace(record, messages=(*record.messages, Message("assistant", reply.text)))
"""

from __future__ import annotations

import hashlib
from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeAlias

import orjson

from blossom_data.records import Message, Record


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask:
    """One chat completion as data; with the model it holds everything that decides the reply."""

    stage: str
    """The stage that asks; its model role too."""
    version: int
    """The stage's version: raised when the meaning of its output changes."""
    messages: tuple[Message, ...]
    attempt: int = 0
    """Number of this try; another try is another reply, with its own ledger key."""
    temperature: float | None = None
    top_p: float | None = None
    max_tokens: int | None = None
    response_schema: Mapping[str, Any] | None = None
    """JSON schema that the reply should follow; how it is asked for is negotiated per endpoint."""
    prompt_hash: str = ""
    """Hash of the prompt file, for the lineage; the messages already hold its text."""
    model: str = ""
    """Overrides the endpoint's model (another rung of a retry ladder); "" leaves it."""
    further: Mapping[str, Any] = field(default_factory=dict)
    """What its endpoint adds to every request (`extra_body`, `reasoning_effort`), if anything."""
    because: str = ""
    """Code of what was wrong with the try before, "" for a first try; counted, not part of the key."""

    def key(self, model: str) -> bytes:
        """The 16-byte ledger key: equal for equal questions, whatever the record, endpoint or order of settings."""
        identity = {
            "attempt": self.attempt,
            "max_tokens": self.max_tokens,
            "messages": [[turn.role, turn.content] for turn in self.messages],
            "model": self.model or model,
            "response_schema": self.response_schema,
            "stage": self.stage,
            "temperature": self.temperature,
            "top_p": self.top_p,
            "version": self.version,
        }
        if self.further:
            identity["further"] = self.further
        canonical = orjson.dumps(identity, option=orjson.OPT_SORT_KEYS)
        return hashlib.blake2b(canonical, digest_size=16).digest()


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """Tokens of one reply as the endpoint reports them; `is_estimated` when it did not and they were estimated."""

    tokens_in: int = 0
    tokens_out: int = 0
    tokens_cached: int = 0
    """Part of tokens_in that the endpoint read from its prefix cache."""
    is_estimated: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """What the endpoint answered: complete, paid for, and durable in the ledger before a stage sees it."""

    text: str
    """The content as it was sent, thinking within it and all: a stage takes that off when it reads the reply."""
    finish_reason: str = "stop"
    reasoning: str = ""
    """What was sent as thinking apart from the content (`reasoning_content`, parts of type thinking)."""
    refusal: str = ""
    """The endpoint's own refusal field, "" when it sent none."""
    model: str = ""
    """The model the endpoint says it used, or the one asked for."""
    usage: Usage = field(default_factory=Usage)
    key: str = ""
    """Ledger key in hex; "" outside the engine."""


@dataclass(frozen=True, slots=True)
class Note:
    """A finding that a stage wants counted ("fence", "think block"); it is answered with None at once."""

    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Foreseen:
    """What a stage is likely to ask about one record beside its own questions, for a plan; numbers are expectations."""

    stage: str
    """The stage of these Asks, and their model role."""
    calls: float
    tokens_in: float
    """Of all the calls together."""
    tokens_last: float
    """Of their last messages alone, which the length of a reply is guessed from."""
    model: str = ""
    """Another model of the endpoint; "" for its own."""


Question: TypeAlias = "Ask | Sequence[Ask] | Note"
Steps: TypeAlias = "Generator[Question, Any, Record | tuple[Record, ...]]"


class Stage(Protocol):
    """A record in; one record, several, or a Reject out. Pure: the same replies give the same result.

    A plan (`--dry-run`) asks for three more, where a stage has them: `calls_for(record) -> int`, the calls that a
    record takes where each first try is right (else one), `foresee(record) -> list[Foreseen]`, what it asks beside
    those, and `likely_tokens(record, answer_tokens) -> (all, last)`, of its Ask about an answer that is not yet there.
    """

    @property
    def name(self) -> str: ...

    @property
    def version(self) -> int: ...

    def run(self, record: Record) -> Steps:
        """Drives one record; see the module docstring.

        Raises:
            Reject: the record is not let through.
        """
        ...

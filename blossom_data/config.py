"""Settings: frozen values that commands are run with, and the `Secret` that holds a key.

    Endpoint(base_url="http://127.0.0.1:8000/v1", model="qwen2.5-7b-instruct", max_in_flight=64)

Order of precedence: flags, environment (BLOSSOM_*, OPENAI_API_KEY, OPENAI_BASE_URL), pipeline file, defaults.
Reading files is settings_file.py's part; this file does no I/O.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar
from urllib.parse import SplitResult, urlsplit

from blossom_data.errors import ConfigError
from blossom_data.redaction.keys import scrub, scrub_bytes
from blossom_data.redaction.urls import MASK, shown_url

STRUCTURED_MODES = ("auto", "json_schema", "json_object", "off")
STAGES = ("translate", "annotate", "verify-math")
JUDGE_MODES = ("off", "soft", "all")
"""Which translations a second model compares with their source: none, what the checks doubt or are weak in, all."""
SAMPLE_WAYS = ("uniform", "diversity")
"""How records are drawn: each as likely, or so that they cover what is asked."""
SAMPLE_STRATA = ("lang", "source", "tag")
"""What of a record may keep its shares in a draw by diversity."""
MEASURES = ("dedup", "decontaminate")
"""What looks at a whole set, before the first stage (curate/); its rejects are told under these names."""
JUDGE_LEAK = "judge-leak"
"""The stage that decides where decontaminate is not sure; it comes before all others."""
_ROLES = {JUDGE_LEAK: "judge"}
"""Stages that ask as something else."""
_OWN_FIELDS = (
    "model", "messages", "temperature", "top_p", "max_tokens", "max_completion_tokens",
    "response_format", "stream", "n",
)  # fmt: skip
SOURCE_KINDS = ("alpaca", "belle", "orca", "wizard", "gsm8k", "math23k", "sharegpt", "messages", "turns", "custom")
"""The raw layouts that sources/ reads."""
Made = TypeVar("Made")


class Secret:
    """A key that no repr, format, log or JSON shows; only llm/client.py reveals it."""

    __slots__ = ("_value", "origin")

    def __init__(self, value: str = "", *, origin: str = "") -> None:
        self._value, self.origin = value, origin

    def reveal(self) -> str:
        return self._value

    def __bool__(self) -> bool:
        return bool(self._value)

    def __repr__(self) -> str:
        return MASK if self._value else ""

    __str__ = __repr__

    def __format__(self, spec: str) -> str:
        return format(repr(self), spec)

    def __reduce__(self) -> tuple[type[Secret], tuple[str]]:
        return Secret, ("",)

    def scrub(self, text: str) -> str:
        """`text` with the key replaced, for messages that a server may have echoed it into."""
        return scrub(text, self._value)

    def scrub_bytes(self, body: bytes) -> bytes:
        """As scrub, for a body."""
        return scrub_bytes(body, self._value)

    def scrub_fields(self, found: Made) -> Made:
        """The frozen dataclass `found` with the key replaced in each text and body, decoded and put together by now."""
        if not self._value:
            return found
        changed: dict[str, str | bytes] = {}
        for name in getattr(found, "__dataclass_fields__", ()):
            value = getattr(found, name)
            clean = self.scrub(value) if isinstance(value, str) else value
            clean = self.scrub_bytes(value) if isinstance(value, bytes) else clean
            if clean is not value and clean != value:
                changed[name] = clean
        return replace(found, **changed) if changed else found  # type: ignore[type-var]


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """One OpenAI-compatible base URL with its model, key, limits and prices."""

    base_url: str
    """Such as https://api.example.com/v1; `/chat/completions` is added."""
    model: str
    api_key: Secret = field(default_factory=Secret)
    name: str = ""
    """Shown in progress and errors; the host when empty."""
    max_in_flight: int = 64
    """Most calls at once."""
    timeout_s: float = 300.0
    """Wall-clock deadline of one call, headers and body together."""
    max_tries: int = 6
    """Most times one call is sent when it fails in a way that may pass."""
    requests_per_minute: int | None = None
    tokens_per_minute: int | None = None
    structured: str = "auto"
    """How JSON is asked for: auto, json_schema, json_object or off."""
    weight: float = 1.0
    """Share of the calls that this endpoint takes in its pool."""
    roles: tuple[str, ...] = ()
    """Stages it serves (translate, annotate, judge, verify-math); empty: all."""
    max_body_bytes: int = 8 << 20
    """A reply body longer than this, after decompression, is refused."""
    extra_body: Mapping[str, Any] = field(default_factory=dict)
    """Further fields of every request, such as {"chat_template_kwargs": {"enable_thinking": False}}."""
    reasoning_effort: str = ""
    """How much a model thinks, in its provider's words (none, minimal, low, medium, high); "" says nothing of it."""
    ca_file: str = ""
    """PEM file or folder of the only authorities whose certificates are trusted; empty: see llm/http/network.py."""

    def __post_init__(self) -> None:
        check_base_url(self.base_url)
        if not self.model:
            raise ConfigError("no model is named", hint="give --model or set BLOSSOM_MODEL")
        for limit in ("max_in_flight", "timeout_s", "max_tries", "weight", "max_body_bytes"):
            if not getattr(self, limit) > 0:
                raise ConfigError(
                    f"{limit} must be greater than 0, is {getattr(self, limit)}", hint=f"such as {limit} = 8"
                )
        for window in ("requests_per_minute", "tokens_per_minute"):
            if (value := getattr(self, window)) is not None and value <= 0:
                raise ConfigError(f"{window} must be greater than 0, is {value}", hint="leave it out for no limit")
        if self.structured not in STRUCTURED_MODES:
            raise ConfigError(f"structured is {self.structured!r}", hint=f"one of {', '.join(STRUCTURED_MODES)}")
        check_extra_body(self.extra_body)

    @property
    def further(self) -> dict[str, Any]:
        """What every request holds beyond what a stage asks for; part of the ledger key, for it decides the reply."""
        effort = {"reasoning_effort": self.reasoning_effort} if self.reasoning_effort else {}
        return {**self.extra_body, **effort}

    @property
    def label(self) -> str:
        """The endpoint's name, or its host."""
        return self.name or str(urlsplit(self.base_url).netloc)


def check_extra_body(body: Mapping[str, Any]) -> None:
    """Raises ConfigError for a field that the program itself sends."""
    if sent := sorted(set(body) & set(_OWN_FIELDS)):
        raise ConfigError(
            f"extra_body may not hold {', '.join(sent)}: the program sends that itself",
            hint='for what has no setting of its own, such as {"chat_template_kwargs": {"enable_thinking": false}}',
        )


def check_base_url(url: str) -> None:
    """Raises ConfigError unless `url` is an http(s) address that holds no secret."""
    parts = _read_address(url)
    if parts.username or parts.password or parts.query or parts.fragment:
        raise ConfigError(
            "the base URL must hold no user, password, query or fragment", hint="put the key into OPENAI_API_KEY"
        )


def is_web_address(url: str) -> bool:
    """Whether `url` is an http(s) address without a name and password."""
    try:
        parts = urlsplit(url)
        return parts.scheme in ("http", "https") and bool(parts.hostname) and parts.username is None
    except ValueError:
        return False


def _read_address(base_url: str) -> SplitResult:
    """Takes a base URL apart.

    Raises:
        ConfigError: it has no usable host or port.
    """
    try:
        parts = urlsplit(base_url)
        host = (parts.hostname or "").encode("ascii" if (parts.hostname or "").isascii() else "idna").decode("ascii")
        is_usable = parts.port != 0 and host.isprintable() and not set(host) & set(' "<>\\^`{|}')
    except ValueError as why:
        # What is wrong may be quoted, and be a part of the password.
        reason = "" if "@" in base_url else f": {why}"
        raise ConfigError(
            f"base URL {shown_url(base_url)!r} is not usable{reason}", hint="such as http://127.0.0.1:8000/v1"
        ) from None
    if parts.scheme not in ("http", "https") or not host or not is_usable:
        raise ConfigError(
            f"base URL {shown_url(base_url)!r} is not an http(s) address", hint="such as http://127.0.0.1:8000/v1"
        )
    return parts


def authority_of(url: str) -> str:
    """Host and port of a URL, or all of what is none: two are equal where one key may go to both."""
    try:
        return urlsplit(url).netloc
    except ValueError:
        return url


def has_role(endpoint: Endpoint, stage: str) -> bool:
    """Whether `endpoint` names as a role what `stage` asks as."""
    return _ROLES.get(stage, stage) in endpoint.roles


def serving(endpoints: Sequence[Endpoint], stage: str) -> tuple[Endpoint, ...]:
    """The endpoints that answer `stage`: those that name it as a role, else those without roles."""
    named = tuple(endpoint for endpoint in endpoints if has_role(endpoint, stage))
    return named or tuple(endpoint for endpoint in endpoints if not endpoint.roles)


def further_of(endpoints: Sequence[Endpoint], stage: str) -> dict[str, Any]:
    """What the endpoints of `stage` add to every request; pool.py sees to it that they agree."""
    found = serving(endpoints, stage)
    return found[0].further if found else {}

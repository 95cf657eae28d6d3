"""The flags about the endpoint: which one answers, and how hard it is driven; and what they are turned into."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from typing import Annotated, Any, ClassVar

import typer

from blossom_data.cli.flags.batch import Batches
from blossom_data.cli.flags.engine import EngineEndpoint, EngineFlags
from blossom_data.cli.flags.money import Money
from blossom_data.cli.flags.values import LedgerFlag, choice, json_object, ledger_option, share, switch
from blossom_data.config import STRUCTURED_MODES, Endpoint, Secret
from blossom_data.errors import ConfigError

_PANEL = "Endpoint"
CaFile = Annotated[
    str,
    typer.Option(
        "--ca-file",
        metavar="FILE",
        help="PEM file of the authorities that certificates are checked against, in place of the system's.",
    ),
]

ExtraBody = Annotated[
    dict[str, Any] | None,
    typer.Option(
        "--extra-body",
        parser=json_object,
        metavar="JSON",
        help="Further fields of every request, such as "
        '\'{"chat_template_kwargs": {"enable_thinking": false}}\'; part of the ledger key.',
    ),
]
ReasoningEffort = Annotated[
    str,
    typer.Option(
        "--reasoning-effort",
        metavar="WORD",
        help="How much the model thinks, in its provider's words (none, low, medium, high); part of the ledger key.",
    ),
]
KeepReasoning = Annotated[
    bool,
    switch("--keep-reasoning", help="Keep what the model thought, as reasoning_content of its turn."),
]


@dataclass(frozen=True, slots=True, kw_only=True)
class EndpointFlags:
    """The endpoint of a command without a pipeline."""

    panel: ClassVar[str] = _PANEL

    base_url: Annotated[
        str,
        typer.Option(
            "--base-url",
            metavar="URL",
            envvar=["BLOSSOM_BASE_URL", "OPENAI_BASE_URL"],
            help="OpenAI-compatible endpoint, such as http://127.0.0.1:8000/v1. Its key is read from BLOSSOM_API_KEY "
            "or OPENAI_API_KEY.",
        ),
    ] = ""
    model: Annotated[
        str, typer.Option("--model", metavar="NAME", envvar="BLOSSOM_MODEL", help="Model that answers.")
    ] = ""
    max_in_flight: Annotated[int, typer.Option("--max-in-flight", min=1, metavar="N", help="Most calls at once.")] = 64
    timeout_s: Annotated[
        float, typer.Option("--timeout-s", min=0.1, metavar="SECONDS", help="Deadline of one call.")
    ] = 300.0
    rpm: Annotated[int | None, typer.Option("--rpm", min=1, metavar="N", help="Most requests per minute.")] = None
    tpm: Annotated[int | None, typer.Option("--tpm", min=1, metavar="N", help="Most tokens per minute.")] = None
    structured: Annotated[
        str,
        choice(
            "--structured",
            among=STRUCTURED_MODES,
            metavar="MODE",
            help=f"How JSON replies are asked for: {', '.join(STRUCTURED_MODES)}; auto finds out with one call.",
        ),
    ] = "auto"
    extra_body: ExtraBody = None
    reasoning_effort: ReasoningEffort = ""
    ca_file: CaFile = ""
    ledger: Annotated[
        LedgerFlag | None,
        ledger_option(
            "File that keeps every paid reply, or postgresql://HOST/DATABASE; else the one that OUT was made with, or "
            "that of the nearest .blossom/ above OUT.",
            envvar="BLOSSOM_LEDGER",
        ),
    ] = None
    dry_run: Annotated[
        bool, switch("--dry-run", help="Print what would be asked, its tokens and cost; call nothing.")
    ] = False


@dataclass(frozen=True, slots=True, kw_only=True)
class AddressFlags:
    """The endpoint of a command with a pipeline, where it is not the file's."""

    panel: ClassVar[str] = _PANEL

    base_url: Annotated[
        str, typer.Option("--base-url", metavar="URL", help="Endpoint; overrides the environment and the file.")
    ] = ""
    model: Annotated[
        str, typer.Option("--model", metavar="NAME", help="Model; overrides the environment and the file.")
    ] = ""
    extra_body: ExtraBody = None
    reasoning_effort: ReasoningEffort = ""
    ca_file: CaFile = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Trust:
    """Which answers are whole."""

    panel: ClassVar[str] = _PANEL

    trust_finish: Annotated[
        bool,
        switch(
            "--trust-finish",
            help="Take answers as whole where the endpoint never says how they ended (finish_reason null or empty).",
        ),
    ] = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """Which answers are kept, and when too few of them are."""

    panel: ClassVar[str] = _PANEL

    stop_when_kept_below: Annotated[
        float | None,
        typer.Option(
            "--stop-when-kept-below",
            parser=share,
            metavar="SHARE",
            show_default="2% for translate and annotate",
            help="Stop (exit 3) when 200 records were bought and a smaller share of them was kept; 0 goes on.",
        ),
    ] = None
    trust: Trust = field(default_factory=Trust)


@dataclass(frozen=True, slots=True, kw_only=True)
class Asking:
    """All flags of a stage that asks a model."""

    endpoint: EndpointFlags = field(default_factory=EndpointFlags)
    kept: Kept = field(default_factory=Kept)
    money: Money = field(default_factory=Money)
    batches: Batches = field(default_factory=Batches)
    engine: EngineFlags = field(default_factory=EngineFlags)


def key_from_environment() -> Secret:
    """The key and where it came from; empty when none is set (local engines want none)."""
    for name in ("BLOSSOM_API_KEY", "OPENAI_API_KEY"):
        if value := os.environ.get(name, "").strip():
            return Secret(value, origin=name)
    return Secret()


def build_endpoint(flags: EndpointFlags, local: EngineEndpoint | None = None) -> Endpoint:
    """The endpoint that the flags describe, or that a local engine will be.

    Raises:
        ConfigError: no base URL or no model, or one that cannot be used.
    """
    base_url = local.base_url if local else flags.base_url
    if not base_url:
        raise ConfigError(
            "no endpoint is named",
            hint="give --base-url http://HOST:PORT/v1 and --model NAME, or set OPENAI_BASE_URL; without any endpoint: "
            "--engine local --model FILE.gguf",
        )
    endpoint = Endpoint(
        base_url=base_url,
        model=local.model if local else flags.model,
        api_key=local.api_key if local else key_from_environment(),
        max_in_flight=flags.max_in_flight,
        timeout_s=flags.timeout_s,
        requests_per_minute=flags.rpm,
        tokens_per_minute=flags.tpm,
        structured=flags.structured,
        extra_body=flags.extra_body or {},
        reasoning_effort=flags.reasoning_effort,
        ca_file=flags.ca_file,
    )
    return local.fit(endpoint) if local else endpoint

"""Flags that several commands share, and what they are turned into."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from blossom_data.config import STRUCTURED_MODES, Endpoint, Secret
from blossom_data.errors import ConfigError

Function = TypeVar("Function", bound=Callable[..., Any])
DEFAULT_LEDGER = Path(".blossom/ledger.sqlite")


class Share(click.ParamType[float]):
    """A share: 0.1%, 0.001, 50%; becomes a number from 0 to 1."""

    name = "share"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        if isinstance(value, float):
            return value
        text = str(value).strip()
        try:
            share = float(text[:-1]) / 100 if text.endswith("%") else float(text)
        except ValueError:
            share = -1.0
        if not 0 <= share <= 1:
            self.fail(f"{value!r} is not a share such as 0.1% or 0.001", param, ctx)
        return share


def common(function: Function) -> Function:
    """--json, --quiet, --debug: on every command."""
    for option in (
        click.option("--debug", is_flag=True, help="Show the traceback of an error."),
        click.option("-q", "--quiet", is_flag=True, help="No progress and no summary; errors only."),
        click.option("--json", "is_json", is_flag=True, help="Give the result as one JSON object on stdout."),
    ):
        function = option(function)
    return function


def job_options(function: Function) -> Function:
    """Input and output of a command that turns records into a data set."""
    for option in (
        click.option(
            "--max-bad",
            type=Share(),
            default=0.01,
            show_default="1%",
            help="Largest share of unreadable rows; above it nothing is written and the exit code is 2.",
        ),
        click.option("--limit", type=click.IntRange(min=1), help="Work on the first N records only."),
        click.option(
            "-o",
            "--out",
            type=click.Path(path_type=Path),
            required=True,
            help="Folder that the data set is written to.",
        ),
        click.argument("records", metavar="IN"),
    ):
        function = option(function)
    return function


def endpoint_options(function: Function) -> Function:
    """Which endpoint answers, and how hard it is driven."""
    for option in (
        click.option("--dry-run", is_flag=True, help="Print what would be asked, its tokens and cost; call nothing."),
        click.option("--price-out", type=click.FloatRange(min=0), help="USD per million output tokens, for --dry-run."),
        click.option("--price-in", type=click.FloatRange(min=0), help="USD per million input tokens, for --dry-run."),
        click.option(
            "--ledger",
            type=click.Path(path_type=Path),
            envvar="BLOSSOM_LEDGER",
            default=DEFAULT_LEDGER,
            show_default=True,
            help="File that keeps every paid reply. [env: BLOSSOM_LEDGER]",
        ),
        click.option(
            "--structured",
            type=click.Choice(STRUCTURED_MODES),
            default="auto",
            show_default=True,
            help="How JSON replies are asked for; auto finds out with one call.",
        ),
        click.option("--tpm", type=click.IntRange(min=1), help="Most tokens per minute."),
        click.option("--rpm", type=click.IntRange(min=1), help="Most requests per minute."),
        click.option(
            "--timeout-s",
            type=click.FloatRange(min=0.1),
            default=300.0,
            show_default=True,
            help="Deadline of one call.",
        ),
        click.option(
            "--max-in-flight", type=click.IntRange(min=1), default=64, show_default=True, help="Most calls at once."
        ),
        click.option("--model", envvar="BLOSSOM_MODEL", default="", help="Model that answers. [env: BLOSSOM_MODEL]"),
        click.option(
            "--base-url",
            envvar=["BLOSSOM_BASE_URL", "OPENAI_BASE_URL"],
            default="",
            help="OpenAI-compatible endpoint, such as http://127.0.0.1:8000/v1. [env: BLOSSOM_BASE_URL, "
            "OPENAI_BASE_URL] Its key is read from BLOSSOM_API_KEY or OPENAI_API_KEY.",
        ),
    ):
        function = option(function)
    return function


def key_from_environment() -> Secret:
    """The key and where it came from; empty when none is set (local engines want none)."""
    for name in ("BLOSSOM_API_KEY", "OPENAI_API_KEY"):
        if value := os.environ.get(name, "").strip():
            return Secret(value, origin=name)
    return Secret()


def build_endpoint(flags: dict[str, Any]) -> Endpoint:
    """The endpoint that the flags of `endpoint_options` describe.

    Raises:
        ConfigError: no base URL or no model, or one that cannot be used.
    """
    if not flags["base_url"]:
        raise ConfigError(
            "no endpoint is named", hint="give --base-url http://HOST:PORT/v1 and --model NAME, or set OPENAI_BASE_URL"
        )
    return Endpoint(
        base_url=flags["base_url"],
        model=flags["model"],
        api_key=key_from_environment(),
        max_in_flight=flags["max_in_flight"],
        timeout_s=flags["timeout_s"],
        requests_per_minute=flags["rpm"],
        tokens_per_minute=flags["tpm"],
        structured=flags["structured"],
    )

"""Flags that several commands share, and what they are turned into."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from blossom_data.cli import output
from blossom_data.cli.engines import engine_options
from blossom_data.cli.spending import spending_options
from blossom_data.config import STRUCTURED_MODES, Endpoint, Secret
from blossom_data.errors import ConfigError
from blossom_data.llm.batch.settings import DEFAULT_LINES, MOST_LINES, BatchSettings, say_nothing
from blossom_data.shards import SHARD_RECORDS

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


def max_bad_option(function: Function) -> Function:
    """--max-bad: how much of the input may be unreadable."""
    return click.option(
        "--max-bad",
        type=Share(),
        default=0.01,
        show_default="1%",
        help="Largest share of unreadable rows; above it nothing is written and the exit code is 2.",
    )(function)


def job_options(function: Function) -> Function:
    """Input and output of a command that turns records into a data set."""
    for option in (
        max_bad_option,
        click.option(
            "--shard-records",
            type=click.IntRange(min=1),
            default=SHARD_RECORDS,
            show_default=True,
            help="Input records per shard; a killed run begins again behind its last whole shard.",
        ),
        click.option("--limit", type=click.IntRange(min=1), help="Work on the first N records only."),
        click.option(
            "-o",
            "--out",
            type=click.Path(path_type=Path),
            help="Folder that the data set is written to.",
        ),
        click.argument("records", metavar="IN"),
    ):
        function = option(function)
    return function


def kept_option(function: Function) -> Function:
    """--stop-when-kept-below and --trust-finish: which answers are kept, and when too few of them are."""
    function = click.option(
        "--trust-finish",
        is_flag=True,
        help="Take answers as whole where the endpoint never says how they ended (finish_reason null or empty).",
    )(function)
    return click.option(
        "--stop-when-kept-below",
        type=Share(),
        show_default="2% for translate and annotate",
        help="Stop (exit 3) when 200 records were bought and a smaller share of them was kept; 0 goes on.",
    )(function)


def follow_option(function: Function) -> Function:
    """--follow, on the commands that may run for long."""
    return click.option(
        "--follow", is_flag=True, help="With --json: a JSON line of progress each second, then the result."
    )(function)


def endpoint_options(function: Function) -> Function:
    """Which endpoint answers, how hard it is driven, and whether by the batch."""
    function = engine_options(kept_option(spending_options(batch_options(follow_option(function)))))
    for option in (
        click.option("--dry-run", is_flag=True, help="Print what would be asked, its tokens and cost; call nothing."),
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


def batch_options(function: Function) -> Function:
    """--batch and its manners."""
    for option in (
        click.option("--detach", is_flag=True, help="With --batch: leave (exit 4) once all batches are submitted."),
        click.option(
            "--batch-top-up",
            is_flag=True,
            help="With --batch: ask online for what two batches left unanswered; else those records fail.",
        ),
        click.option(
            "--batch-poll-s",
            type=click.FloatRange(min=0.01),
            default=60.0,
            show_default=True,
            help="With --batch: longest pause between two looks at a batch.",
        ),
        click.option(
            "--batch-lines",
            type=click.IntRange(1, MOST_LINES),
            default=DEFAULT_LINES,
            show_default=True,
            help="With --batch: most requests in one batch; twice as many records are worked on at once.",
        ),
        click.option(
            "--batch",
            is_flag=True,
            help="Ask through the endpoint's batches, at half the price and within a day; see docs/batch.md.",
        ),
    ):
        function = option(function)
    return function


def build_batch(flags: dict[str, Any]) -> BatchSettings | None:
    """The settings that the flags of `batch_options` describe; None without --batch.

    Raises:
        ConfigError: --detach or --batch-top-up without --batch.
    """
    if not flags["batch"]:
        for name in ("detach", "batch_top_up"):
            if flags[name]:
                raise ConfigError(f"--{name.replace('_', '-')} goes with --batch", hint="give --batch too")
        return None
    # On a terminal the progress line has no line break of its own.
    start = "\n" if sys.stderr.isatty() else ""
    return BatchSettings(
        lines=flags["batch_lines"],
        poll_s=flags["batch_poll_s"],
        is_topped_up=flags["batch_top_up"],
        is_detached=flags["detach"],
        tell=say_nothing if flags["quiet"] else lambda line: output.say(start + line),
    )


def key_from_environment() -> Secret:
    """The key and where it came from; empty when none is set (local engines want none)."""
    for name in ("BLOSSOM_API_KEY", "OPENAI_API_KEY"):
        if value := os.environ.get(name, "").strip():
            return Secret(value, origin=name)
    return Secret()


def build_endpoint(flags: dict[str, Any]) -> Endpoint:
    """The endpoint that the flags of `endpoint_options` describe, after `with_engine`.

    Raises:
        ConfigError: no base URL or no model, or one that cannot be used.
    """
    if not flags["base_url"]:
        raise ConfigError(
            "no endpoint is named",
            hint="give --base-url http://HOST:PORT/v1 and --model NAME, or set OPENAI_BASE_URL; without any endpoint: "
            "--engine local --model FILE.gguf",
        )
    return Endpoint(
        base_url=flags["base_url"],
        model=flags["model"],
        name=flags.get("name", ""),
        api_key=flags["api_key"] if "api_key" in flags else key_from_environment(),
        max_in_flight=flags["max_in_flight"],
        timeout_s=flags["timeout_s"],
        requests_per_minute=flags["rpm"],
        tokens_per_minute=flags["tpm"],
        structured=flags["structured"],
    )

"""The flags about the endpoint's batches, and the settings that they are turned into."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar

import typer

from blossom_data.cli import output
from blossom_data.cli.flags.values import switch
from blossom_data.errors import ConfigError
from blossom_data.llm.batch.settings import DEFAULT_LINES, MOST_LINES, BatchSettings, say_nothing


@dataclass(frozen=True, slots=True, kw_only=True)
class Batches:
    """--batch and its manners."""

    panel: ClassVar[str] = "Batches"

    batch: Annotated[
        bool,
        switch(
            "--batch", help="Ask through the endpoint's batches, at half the price and within a day; see docs/batch.md."
        ),
    ] = False
    batch_lines: Annotated[
        int,
        typer.Option(
            "--batch-lines",
            min=1,
            max=MOST_LINES,
            metavar="N",
            help="With --batch: most requests in one batch; twice as many records are worked on at once.",
        ),
    ] = DEFAULT_LINES
    batch_poll_s: Annotated[
        float,
        typer.Option(
            "--batch-poll-s",
            min=0.01,
            metavar="SECONDS",
            help="With --batch: longest pause between two looks at a batch.",
        ),
    ] = 60.0
    batch_top_up: Annotated[
        bool,
        switch(
            "--batch-top-up",
            help="With --batch: ask online for what two batches left unanswered; else those records fail.",
        ),
    ] = False
    detach: Annotated[bool, switch("--detach", help="With --batch: leave (exit 4) once all batches are submitted.")] = (
        False
    )


def build_batch(batches: Batches, *, is_quiet: bool) -> BatchSettings | None:
    """The settings that the flags describe; None without --batch.

    Raises:
        ConfigError: --detach or --batch-top-up without --batch.
    """
    if not batches.batch:
        for name, is_given in (("detach", batches.detach), ("batch-top-up", batches.batch_top_up)):
            if is_given:
                raise ConfigError(f"--{name} goes with --batch", hint="give --batch too")
        return None
    return BatchSettings(
        lines=batches.batch_lines,
        poll_s=batches.batch_poll_s,
        is_topped_up=batches.batch_top_up,
        is_detached=batches.detach,
        tell=say_nothing if is_quiet else output.say,
    )

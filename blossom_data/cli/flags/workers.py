"""Flags of runs that several processes work on."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Annotated, ClassVar

import typer

from blossom_data.cli.flags.values import choice, span_s

EXECUTORS = ("processes", "ray")
LEASE_S = 60.0
_PANEL = "Several processes"


def _lease_s(value: str | float) -> float:
    seconds = span_s(value)
    if seconds < 1.0:
        raise typer.BadParameter("a lease is 1 s at least")
    return seconds


@dataclass(frozen=True, slots=True, kw_only=True)
class Lease:
    """--lease."""

    panel: ClassVar[str] = _PANEL

    lease_s: Annotated[
        float,
        typer.Option(
            "--lease",
            parser=_lease_s,
            metavar="SPAN",
            help="Blocks of a worker that was not heard of for so long are another's, such as 30s or 5m.",
        ),
    ] = LEASE_S


@dataclass(frozen=True, slots=True, kw_only=True)
class Workers:
    """How many processes work on a run, and where."""

    panel: ClassVar[str] = _PANEL

    workers: Annotated[
        int,
        typer.Option(
            "--workers",
            min=1,
            max=10_000,
            metavar="N",
            help="Buy and write with N processes; the ledger is a database.",
        ),
    ] = 1
    executor: Annotated[
        str,
        choice(
            "--executor",
            among=EXECUTORS,
            metavar="processes|ray",
            help="Where --workers run: as processes on this machine, or placed by a Ray cluster.",
        ),
    ] = "processes"
    address: Annotated[
        str,
        typer.Option(
            "--address", metavar="HOST:PORT", help="Ray cluster; else RAY_ADDRESS, or the one on this machine."
        ),
    ] = ""
    lease: Lease = field(default_factory=Lease)

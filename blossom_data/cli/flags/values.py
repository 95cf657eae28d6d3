"""How flags are declared, and the values that only this project writes: shares, spans of time, choices.

--max-bad 0.1%      --deadline 5h      --until translate
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from blossom_data.ledger.address import address_of

if TYPE_CHECKING:
    from blossom_data.ledger.address import LedgerAddress

    LedgerFlag = LedgerAddress
else:
    # typer takes no unions; what the value becomes, the flag's parser says.
    LedgerFlag = Path

_SPAN = re.compile(r"(\d{1,6}(?:\.\d{1,3})?)([smhd]?)")
_SECONDS = {"": 1.0, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}


def switch(*names: str, **further: Any) -> Any:
    """A flag that takes no value."""
    return typer.Option(*names, metavar="", **further)


def ledger_option(told: str, **further: Any) -> Any:
    """--ledger, which takes a file or the URL of a database."""
    return typer.Option("--ledger", parser=address_of, metavar="FILE", help=told, **further)


def choice(*names: str, among: Sequence[str], metavar: str = "", **further: Any) -> Any:
    """A flag that takes one of the words in `among`."""

    def read(value: str) -> str:
        if value not in among:
            raise typer.BadParameter(f"{value!r} is not one of {', '.join(map(repr, among))}.")
        return value

    def complete(incomplete: str) -> list[str]:
        return [word for word in among if word.startswith(incomplete)]

    return typer.Option(*names, parser=read, autocompletion=complete, metavar=metavar or "|".join(among), **further)


def share(value: str | float) -> float:
    """A share such as 0.1%, 0.001 or 50%, as a number from 0 to 1."""
    if isinstance(value, float):
        return value
    text = value.strip()
    try:
        number = float(text[:-1]) / 100 if text.endswith("%") else float(text)
    except ValueError:
        number = -1.0
    if not 0 <= number <= 1:
        raise typer.BadParameter(f"{value!r} is not a share such as 0.1% or 0.001")
    return number


def span_s(value: str | float) -> float:
    """A span of time such as 90, 90s, 5m, 5h or 1d, in seconds."""
    if isinstance(value, float):
        return value
    found = _SPAN.fullmatch(value.strip())
    if found is None or not (seconds := float(found[1]) * _SECONDS[found[2]]):
        raise typer.BadParameter(f"{value!r} is not a span such as 90s, 30m or 5h")
    return seconds


def json_object(value: str | dict[str, Any]) -> dict[str, Any]:
    """A JSON object."""
    if isinstance(value, dict):
        return value
    try:
        found = json.loads(value)
    except ValueError as why:
        raise typer.BadParameter(f"{value[:80]!r} is not JSON: {why}") from None
    if not isinstance(found, dict):
        raise typer.BadParameter(f"{value[:80]!r} is not a JSON object")
    return found


def above_zero(value: str | float) -> float:
    """A number above 0."""
    try:
        number = float(value)
    except ValueError:
        raise typer.BadParameter(f"{value!r} is not a number") from None
    if not number > 0:
        raise typer.BadParameter(f"{value!r} is not above 0")
    return number

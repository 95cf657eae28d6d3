"""Everything that is printed. stdout carries the result, stderr all else; data is shown, never interpreted.

No other module prints. All text that may hold data goes through `clean`, so no escape sequence of a record, a file
name or an endpoint reaches the terminal.
"""

from __future__ import annotations

import re
import sys
from typing import Any

import click
import orjson

from blossom_data.errors import BlossomError

# Control characters (C0 but for newline and tab, DEL, C1), bidirectional controls and lone surrogates.
_UNSAFE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")


def clean(text: str) -> str:
    """`text` with every character that could steer a terminal replaced by its visible code."""
    return _UNSAFE.sub(lambda found: f"\\x{ord(found.group()):02x}", text)


def say(text: str) -> None:
    """A line for people, on stderr."""
    click.echo(clean(text), err=True)


def result(text: str) -> None:
    """The result, for people, on stdout."""
    click.echo(clean(text))


def json_result(value: dict[str, Any]) -> None:
    """The result as one JSON object on stdout."""
    sys.stdout.write(orjson.dumps(value, option=orjson.OPT_APPEND_NEWLINE).decode())
    sys.stdout.flush()


def error(why: BlossomError, *, is_json: bool) -> None:
    """What happened and what to do; one JSON object on stdout with --json."""
    if is_json:
        told = {"kind": type(why).__name__, "message": str(why), "hint": why.hint, "exit_code": why.exit_code}
        json_result({"error": told})
        return
    say(f"error: {why}")
    if why.hint:
        say(f"  try: {why.hint}")


def usage_error(why: click.ClickException, *, is_json: bool) -> None:
    """A wrong flag or argument, with the command whose --help says more."""
    context = why.ctx if isinstance(why, click.UsageError) else None
    hint = f"{context.command_path} --help" if context else "blossom-data --help"
    wrapped = BlossomError(why.format_message(), hint=hint)
    wrapped.exit_code = 2
    error(wrapped, is_json=is_json)

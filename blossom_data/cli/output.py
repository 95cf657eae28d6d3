"""Everything that is printed. stdout carries the result, stderr all else; data is shown, never interpreted.

No other module prints. All text that may hold data goes through `clean`, and JSON through `escaped`, so no escape
sequence of a record, a file name or an endpoint reaches the terminal.
"""

from __future__ import annotations

import io
import json
import os
import re
import sys
from typing import TYPE_CHECKING, Any

import orjson

from blossom_data.errors import BlossomError, system_hint

if TYPE_CHECKING:
    from typer import TyperException

# Control characters (C0 but for newline and tab, DEL, C1), bidirectional controls and lone surrogates.
_UNSAFE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")


_BREAK = re.compile(r"\n+(?!    )")
"""A line break of a path or of data; what an engine said last stands in lines of its own, indented."""


_failed: list[BlossomError] = []
"""Why stdout can take no more: what is left out once must not be followed by more."""
_FROM_BYTE = range(0xDC80, 0xDD00)


def clean(text: str) -> str:
    """`text` with every character that could steer a terminal replaced by its visible code."""
    return _UNSAFE.sub(_visible, _decoded(text))


def _visible(found: re.Match[str]) -> str:
    """`\\x1b`; of a byte that Python could not decode, its own code."""
    code = ord(found.group())
    return f"\\x{code - 0xDC00 if code in _FROM_BYTE else code:02x}"


def _decoded(text: str) -> str:
    """`text` with the bytes of a file name that an ASCII locale did not decode read as UTF-8."""
    try:
        return text.encode("utf-8", "surrogateescape").decode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        return text


def escaped(value: dict[str, Any]) -> str:
    """`value` as JSON on one line, in which nothing stands that could steer a terminal."""
    try:
        text = orjson.dumps(value).decode()
    except TypeError:  # a lone surrogate, of a file name that is not UTF-8
        text = _decoded(json.dumps(value, ensure_ascii=False, default=str))
    from blossom_data.shards import steerless

    return steerless(text)


def prepare() -> None:
    """Makes the standard streams fit for all text: UTF-8 whatever the locale is, and none of them closed."""
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        try:
            os.fstat(number)
        except OSError:
            # Else the next file that is opened would get this number, and what is printed would end up in it.
            os.open(os.devnull, os.O_RDWR)
        if getattr(sys, name) is None:
            setattr(sys, name, open(number, "w" if number else "r", encoding="utf-8", closefd=False))  # noqa: SIM115
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            encoding = stream.encoding if stream.isatty() else "utf-8"
            stream.reconfigure(encoding=encoding, errors="backslashreplace")


def say(text: str) -> None:
    """A line for people, on stderr; a terminal that is gone does not stop the work."""
    _tell(clean(text) + "\n")


def _tell(text: str) -> None:
    try:
        sys.stderr.write(text)
        sys.stderr.flush()
    except (OSError, ValueError):
        return


def result(text: str) -> None:
    """The result, for people, on stdout."""
    _write(clean(text) + "\n")


def drawn(text: str) -> None:
    """The result on a terminal, as rich drew it out of cleaned texts."""
    _write(text)


def result_part(text: str) -> None:
    """A part of the result, on the line that the next part goes on with."""
    _write(clean(text))


def paged(text: str) -> None:
    """The result, for people, page by page where stdout is a terminal."""
    if sys.stdout.isatty():
        import pydoc

        pydoc.pager(clean(text) + "\n")
    else:
        result(text)


def paged_drawn(text: str) -> None:
    """The result on a terminal, page by page, as rich drew it out of cleaned texts."""
    import pydoc

    # A pager that passes colours on, and stays out of the way of what fits on the screen.
    os.environ.setdefault("LESS", "-RFX")
    pydoc.pager(text)


def json_result(value: dict[str, Any]) -> None:
    """The result as one JSON object on stdout."""
    _write(escaped(value) + "\n")


def _write(text: str) -> None:
    """Writes to stdout.

    Raises:
        BlossomError: what was written is not all there: a full disk.
    """
    if _failed:
        raise _failed[0]
    try:
        sys.stdout.write(text)
        sys.stdout.flush()
    except OSError as why:
        # What is buffered goes nowhere now, so that closing the stream does not fail once more.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        if not isinstance(why, BrokenPipeError):  # whose reader has gone (head, less): nobody's error
            _failed.append(BlossomError(f"cannot write to standard output: {why.strerror}", hint=system_hint(why)))
            raise _failed[0] from why


def error(why: BlossomError, *, is_json: bool) -> None:
    """What happened and what to do; one JSON object on stdout with --json."""
    if is_json:
        told = {"kind": type(why).__name__, "message": str(why), "hint": why.hint, "exit_code": why.exit_code}
        try:
            json_result({"error": told})
            return
        except BlossomError as unheard:
            if unheard is not why:
                say(f"error: {unheard}")
    say(f"error: {_on_one_line(str(why))}")
    if why.hint:
        say(f"  try: {_on_one_line(why.hint)}")


def _on_one_line(text: str) -> str:
    """`text` whose line breaks, but those of a list of lines that are indented, are shown as what they are."""
    return _BREAK.sub(lambda found: "\\n" * len(found.group()), text)


def usage_error(why: TyperException, *, is_json: bool) -> None:
    """A wrong flag or argument, with the command whose --help says more."""
    told, near = why.format_message(), getattr(why, "possibilities", None)
    if near:
        told = f"{why.message}. Did you mean {near[0]!r}?"
    context = getattr(why, "ctx", None)
    hint = f"{context.command_path} --help" if context else "blossom-data --help"
    if context and "unexpected extra argument" in told and "records" in {each.name for each in context.command.params}:
        hint = f"one set is read: cat A.jsonl B.jsonl | {context.command_path} - ...; [curate] of a pipeline sees all"
    wrapped = BlossomError(" ".join(told.split()), hint=hint)
    wrapped.exit_code = 2
    error(wrapped, is_json=is_json)


def unforeseen(why: Exception) -> BlossomError:
    """An error that nobody caught: what the system refused is told as that, anything else as a bug."""
    if isinstance(why, OSError) and why.strerror:
        told = f"{why.strerror}: {os.fsdecode(why.filename)}" if why.filename else why.strerror
        return BlossomError(told, hint=system_hint(why))
    if isinstance(why, MemoryError):
        return BlossomError("out of memory", hint="run the same command again with fewer calls in flight")
    return BlossomError(
        f"{type(why).__name__}: {why}", hint="this is a bug; run again with --debug and report the traceback"
    )

"""JSON lines: one object on each line, cut at `\\n` alone, in bounded memory.

    {"id": "a", "messages": [...]}
    {"id": "b", "messages": [...]}

CRLF ends are fine (JSON takes the CR for a blank). Blank lines and byte order marks are skipped, lines counted all the
same. U+2028 and the other separators that `str.splitlines` knows stay inside their text. A line beyond 16 MB is one
BadRow, whatever its length.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from blossom_data.rows.array import is_whole
from blossom_data.rows.row import MAX_LINE_BYTES, MAX_RAW_BYTES, NUL, BadRow, Row, SuspectRow, Unreadable
from blossom_data.rows.strict import BOM, lifted, parse_object
from blossom_data.rows.wanted import Wanted


def read_lines(blocks: Iterable[bytes], file: str, wanted: Wanted | None = None) -> Iterator[Row | BadRow]:
    """The rows of `blocks`."""
    number, refuses_nul = 0, wanted is None
    for lines, is_torn in cut_lines(blocks):
        for text in lines:
            number += 1
            if not text or text.isspace():
                continue
            if len(text) > MAX_LINE_BYTES:
                yield BadRow(file, number, "line_too_long", f"more than {MAX_LINE_BYTES:,} bytes", text[:MAX_RAW_BYTES])
                continue
            try:
                yield (SuspectRow if NUL in text else Row)(file, number, parse_object(text, refuses_nul=refuses_nul))
            except Unreadable as why:
                if text.removeprefix(BOM).strip():
                    yield _salvaged(why, file, number, text, wanted, is_torn=is_torn)


def cut_lines(blocks: Iterable[bytes]) -> Iterator[tuple[list[bytes], bool]]:
    """Lists of lines without their newline, a line cut off past the limit; True: what follows the last newline."""
    parts: list[bytes] = []
    room = MAX_LINE_BYTES + 1
    for block in blocks:
        lines = block.split(b"\n")
        if len(lines) > 1:
            parts.append(lines[0][:room])
            lines[0] = b"".join(parts)
            tail = lines.pop()
            parts, room = [], MAX_LINE_BYTES + 1
            yield lines, False
        else:
            tail = block
        if tail and room:
            parts.append(tail[:room])
            room -= len(parts[-1])
    if parts:
        yield [b"".join(parts)], True


def _salvaged(
    why: Unreadable, file: str, number: int, text: bytes, wanted: Wanted | None, *, is_torn: bool
) -> Row | BadRow:
    """What becomes of a line that is no object."""
    try:
        return (SuspectRow if NUL in text else Row)(file, number, lifted(text, why, wanted))
    except Unreadable as still:
        return (_torn(still, text) if is_torn else still).at(file, number, text)


def _torn(why: Unreadable, text: bytes) -> Unreadable:
    """A last line without newline was cut, in the middle of a character or not, unless all its brackets are closed."""
    if why.code in ("bad_json", "bad_utf8") and not is_whole(text):
        return Unreadable("torn_line", f"the last line has no newline and ends early: {why.detail}")
    return why

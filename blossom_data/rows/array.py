"""A JSON array of objects, or objects printed over several lines, read one element at a time in bounded memory.

    [
      {"instruction": "Name three colours.", "input": "", "output": "..."},
      {"instruction": "...", ...}
    ]

Each element is as strictly read as a line of JSON lines. A bad element costs no other: where its brackets match,
reading goes on behind it; where they do not, at the next line that opens an object at the same indent, or in one long
line at the next object that begins with the same key. What stands between elements is read leniently (a comma too
many or too few harms none). Linear in the input, whatever it holds: a fault is found 64 brackets deep at the latest.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from blossom_data.rows.row import MAX_DEPTH, MAX_LINE_BYTES, MAX_RAW_BYTES, NUL, BadRow, Row, SuspectRow, Unreadable
from blossom_data.rows.strict import lifted, parse_object
from blossom_data.rows.wanted import Wanted

SEPARATORS = re.compile(rb"(?:[\s,]|\xef\xbb\xbf)*+")
_SCALAR = re.compile(rb'[^\s,\]\["{]++')
_TO_BRACKET = re.compile(rb'[^"{}\[\]]*+(?:"(?:[^"\\\n]++|\\[^\n])*+"(?=\s*+[:,}\]])[^"{}\[\]]*+)*+')
_IN_TEXT = re.compile(rb'(?:[^"\\\n]++|\\[^\n])*+')
_BLANK_RUN = re.compile(rb"\s*+")
_FIRST_KEY = re.compile(rb'\{\s*+("(?:[^"\\\n]++|\\[^\n])*+")')
_BEHIND_TEXT, _OPENING = b":,}]", tuple(b"{[")
_OPEN_OF = {ord("}"): ord("{"), ord("]"): ord("[")}
_BLANKS = b" \t\r\n"
_INDENT_MAX = 256


def read_elements(blocks: Iterator[bytes], file: str, wanted: Wanted | None = None) -> Iterator[Row | BadRow]:
    """The elements of the array that `blocks` hold, or the objects that follow each other there."""
    yield from elements_of(Window(blocks), file, wanted)


def elements_of(window: Window, file: str, wanted: Wanted | None) -> Iterator[Row | BadRow]:
    """As read_elements, of a window that stands before an array or an object."""
    is_array, is_closed = window.skip(SEPARATORS) == ord("["), False
    window.pos += is_array
    while (byte := window.skip(SEPARATORS)) is not None:
        line = window.line()
        if is_closed:
            yield BadRow(file, line, "bad_json", "data after the end of the array", window.peek())
            is_closed, is_array = False, byte == ord("[")
            window.pos += is_array
        elif byte == ord("]"):
            is_closed, is_array = True, False
            window.pos += 1
        else:
            text, problem = next_element(window, byte)
            if problem is None:
                yield row_of(text, file, line, wanted)
            else:
                yield problem.at(file, line, text)
                is_array = is_array and not window.is_at_end
    if is_array:
        yield BadRow(file, window.line(), "torn_line", "the file ends before the array does")


def row_of(text: bytes, file: str, line: int, wanted: Wanted | None) -> Row | BadRow:
    """The row that an element is."""
    try:
        try:
            return (SuspectRow if NUL in text else Row)(file, line, parse_object(text, refuses_nul=wanted is None))
        except Unreadable as why:
            return (SuspectRow if NUL in text else Row)(file, line, lifted(text, why, wanted))
    except Unreadable as why:
        return why.at(file, line, text)


def is_whole(text: bytes) -> bool:
    """Whether `text` is no JSON object or list that breaks off: its brackets and quotes are closed, or wrong."""
    window = Window(iter((text,)))
    if window.skip(SEPARATORS) not in _OPENING:
        return text[-1:] in b"}]"
    fault = Element(window).find_end()
    return fault is None or fault.code != "torn_line"


def next_element(window: Window, byte: int) -> tuple[bytes, Unreadable | None]:
    """The bytes of the element at the window's position, and what keeps them from being one."""
    if byte in b'{["':
        return Element(window).read()
    window.keep = window.pos
    text = b""
    while (match := _SCALAR.match(window.data, window.pos)) is not None:
        text = text or match[0][:MAX_RAW_BYTES] if window.is_skipping else match[0]
        if match.end() < len(window.data) or not window.extend():
            window.pos = match.end()
            break
        if len(window.data) - window.keep > MAX_LINE_BYTES:
            window.skip_from(len(window.data) - 1)
    else:
        window.pos += 1
        text = text or bytes([byte])
    return text, too_long() if window.stop_skipping() else None


def too_long() -> Unreadable:
    return Unreadable("line_too_long", f"an element of more than {MAX_LINE_BYTES:,} bytes")


class Window:
    """The part of the stream that is in memory; `pos` is where reading stands, `keep` what must stay."""

    def __init__(self, blocks: Iterator[bytes]) -> None:
        self._blocks, self.data, self.pos, self.keep = blocks, b"", 0, 0
        self._line, self._counted = 1, 0
        self.is_skipping = self.is_at_end = False

    def extend(self) -> bool:
        """Drops what lies before `keep` and reads on; False at the end.

        As much is read as stays, if there is, so that all copying together is linear.
        """
        self._count(self.keep)
        parts, size = [self.data[self.keep :]], 0
        while size <= len(parts[0]) and (block := next(self._blocks, None)) is not None:
            parts.append(block)
            size += len(block)
        self.data = b"".join(parts)
        self.pos -= self.keep
        self._counted -= self.keep
        self.keep = 0
        self.is_at_end = size == 0
        return size > 0

    def skip(self, blanks: re.Pattern[bytes]) -> int | None:
        """Moves behind `blanks` and gives the byte there, None at the end of the stream."""
        while True:
            match = blanks.match(self.data, self.pos)
            self.pos = match.end() if match else self.pos
            self.keep = max(0, self.pos - _INDENT_MAX)
            if self.pos < len(self.data):
                return self.data[self.pos]
            if not self.extend():
                return None

    def skip_from(self, pos: int) -> None:
        """Gives up keeping an element that is too long: only what lies behind `pos` stays in memory."""
        self.is_skipping, self.pos, self.keep = True, pos, pos

    def stop_skipping(self) -> bool:
        """Whether the element was given up."""
        was_skipping, self.is_skipping = self.is_skipping, False
        return was_skipping

    def peek(self) -> bytes:
        return self.data[self.pos : self.pos + MAX_RAW_BYTES]

    def line(self) -> int:
        """The line number at `pos`."""
        self._count(self.pos)
        return self._line

    def _count(self, end: int) -> None:
        if end > self._counted:
            self._line += self.data.count(b"\n", self._counted, end)
            self._counted = end


@dataclass(slots=True)
class Element:
    """Finds the end of one object, list or text, and the next element where brackets or quotes do not match."""

    window: Window
    stack: bytearray = field(default_factory=bytearray)
    is_in_text: bool = False
    raw: bytes = b""
    """The first bytes of an element that is too long to keep."""

    def read(self) -> tuple[bytes, Unreadable | None]:
        """The element's bytes and its problem; leaves the window behind it, or where reading can go on."""
        window = self.window
        window.keep = window.pos
        start_of_line = window.data.rfind(b"\n", max(0, window.pos - _INDENT_MAX), window.pos) + 1
        before = window.data[start_of_line : window.pos]
        indent = before if not before.strip(b" \t") and (start_of_line or window.line() == 1) else None
        self.is_in_text = window.data[window.pos] == ord('"')
        window.pos += self.is_in_text
        fault = self.find_end()
        text = self.raw or window.data[window.keep : window.pos]
        is_skipped = window.stop_skipping()
        if fault is None:
            pass
        elif indent is None:
            self._find_same_key(text, window.pos if is_skipped else window.keep + 1)
        elif fault.code != "torn_line":
            self._find_same_indent(indent)
        return text, too_long() if is_skipped or len(text) > MAX_LINE_BYTES else fault

    def find_end(self) -> Unreadable | None:
        """Moves the window behind the closing bracket; gives the fault where there is none, `pos` standing at it."""
        window = self.window
        while True:
            pattern = _IN_TEXT if self.is_in_text else _TO_BRACKET
            match = pattern.match(window.data, window.pos)
            window.pos = match.end() if match else window.pos
            rest = window.data[window.pos : window.pos + 2]
            if not rest or (self.is_in_text and rest == b"\\"):
                if not self._extend():
                    return Unreadable("torn_line", "the file ends inside this element")
            elif rest[:1] == b'"':
                self.is_in_text = not self.is_in_text
                window.pos += 1
                if not self.is_in_text and not self.stack:
                    return None
                if not self.is_in_text and not self._is_text_over():
                    return Unreadable(
                        "bad_json", "a text ends where no text can end: a quote is missing, or one too many"
                    )
            elif self.is_in_text:
                return Unreadable("bad_json", "a line break inside a text")
            elif (fault := self._bracket(rest[0])) is not None:
                return fault
            elif not self.stack:
                return None

    def _extend(self) -> bool:
        """Reads on, giving up to keep an element that has become too long; False at the end."""
        window = self.window
        if len(window.data) - window.keep > MAX_LINE_BYTES or window.is_skipping:
            self.raw = self.raw or window.data[window.keep : window.keep + MAX_RAW_BYTES]
            window.skip_from(window.pos)
        return window.extend()

    def _is_text_over(self) -> bool:
        """Whether what follows a text inside an object or list is what can follow one."""
        window = self.window
        while True:
            match = _BLANK_RUN.match(window.data, window.pos)
            window.pos = match.end() if match else window.pos
            if window.pos < len(window.data):
                return window.data[window.pos] in _BEHIND_TEXT
            if not self._extend():
                return True

    def _bracket(self, byte: int) -> Unreadable | None:
        """Takes one bracket; a fault where it cannot stand."""
        window = self.window
        if byte in b"{[":
            if self.stack and self.stack[-1] == ord("{") and not self._is_value():
                return Unreadable("bad_json", "an object or list inside an object without a key: a brace is missing")
            if len(self.stack) >= MAX_DEPTH:
                return Unreadable("too_deep", f"nested more than {MAX_DEPTH} deep")
            self.stack.append(byte)
        elif not self.stack or self.stack.pop() != _OPEN_OF[byte]:
            return Unreadable("bad_json", f"a {chr(byte)} closes what it did not open")
        window.pos += 1
        return None

    def _is_value(self) -> bool:
        """Whether a colon stands before the position; True where that is no longer in memory."""
        window = self.window
        pos = window.pos - 1
        while pos >= window.keep and window.data[pos] in _BLANKS:
            pos -= 1
        return pos < window.keep or window.data[pos] == ord(":")

    def _find_same_indent(self, indent: bytes) -> None:
        """Moves the window to the next line that opens an object at `indent`, or to the end of the stream."""
        window = self.window
        self._find(re.compile(b"\n" + indent + rb"(?=\{)"), max(window.keep, window.data.rfind(b"\n", 0, window.pos)))

    def _find_same_key(self, text: bytes, start: int) -> None:
        """Moves the window to the next object behind a comma that begins with the key that `text` begins with."""
        first = _FIRST_KEY.match(text)
        key = re.escape(first[1][:_INDENT_MAX]) if first else b'"'
        self._find(re.compile(rb",\s*+(?=\{\s*+" + key + b")"), start)

    def _find(self, pattern: re.Pattern[bytes], start: int) -> None:
        """Moves the window behind the next match of `pattern` from `start` on, or to the end of the stream."""
        window = self.window
        window.pos = start
        while (match := pattern.search(window.data, window.pos)) is None:
            window.pos = window.keep = max(window.pos, len(window.data) - 2 * _INDENT_MAX)
            if not window.extend():
                window.pos = window.keep = len(window.data)
                return
        window.pos = match.end()

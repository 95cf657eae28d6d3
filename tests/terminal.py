"""A terminal that a command is run on: a real pty of a chosen size, and a reader of what is drawn there.

    shown = on_terminal([...], cwd=tmp_path, columns=60)
    shown.frames[-1]    ["sums ──────", "translate  ━━━━  3/60", ...]       the screen after each piece of output

The reader knows what rich's live display uses (carriage return, up, erase, colour) and counts whatever else it meets.
"""

from __future__ import annotations

import codecs
import fcntl
import os
import re
import struct
import subprocess
import termios
from pathlib import Path

from rich.cells import cell_len

_CONTROL = re.compile("\x1b\\[([0-9;?]*)([A-Za-z])")


class Screen:
    """What stands on a terminal of `columns` by `rows`, line by line."""

    def __init__(self, columns: int, rows: int) -> None:
        self.columns, self.rows = columns, rows
        self.lines: list[list[str]] = [[]]
        self.row = self.column = 0
        self.wrapped = 0
        """Characters that were written beyond the right edge."""
        self.unknown: set[str] = set()
        """Controls that the reader does not know."""
        self.colours = 0
        self._rest = ""

    def feed(self, text: str) -> None:
        """Draws `text`; a control sequence that is torn off at its end waits for its rest."""
        text = self._rest + text
        torn = re.search("\x1b(\\[[0-9;?]*)?$", text)
        self._rest = torn.group() if torn else ""
        place, end = 0, len(text) - len(self._rest)
        while place < end:
            if found := _CONTROL.match(text, place):
                self._control(found[1], found[2])
                place = found.end()
                continue
            self._write(text[place])
            place += 1

    def _write(self, letter: str) -> None:
        if letter == "\r":
            self.column = 0
        elif letter == "\n":
            self._down()
        elif letter < " " or "\x7f" <= letter <= "\x9f":
            self.unknown.add(letter)
        else:
            width = cell_len(letter)
            if self.column + width > self.columns:
                self.wrapped += 1
                self._down()
                self.column = 0
            line = self.lines[self.row]
            line.extend(" " * (self.column - len(line)))
            line[self.column : self.column + width] = [letter, *[""] * (width - 1)]
            self.column += width

    def _down(self) -> None:
        self.row += 1
        if self.row == len(self.lines):
            self.lines.append([])
        if len(self.lines) > self.rows:
            del self.lines[0]
            self.row -= 1

    def _control(self, numbers: str, name: str) -> None:
        if name == "A":
            self.row = max(0, self.row - int(numbers or 1))
        elif name == "K" and numbers == "2":
            self.lines[self.row] = []
        elif name == "m":
            self.colours += 1
        else:
            self.unknown.add(numbers + name)

    def show(self) -> list[str]:
        return ["".join(line).rstrip() for line in self.lines]


class Shown:
    """What a command drew: `frames` are the screens after each piece of output, `raw` all of it, `out` its stdout."""

    def __init__(self, code: int, screen: Screen, frames: list[list[str]], raw: str, out: str) -> None:
        self.code, self.screen, self.frames, self.raw, self.out = code, screen, frames, raw, out

    def frame_with(self, *texts: str) -> list[str]:
        """The last screen on which all of `texts` stand."""
        for frame in reversed(self.frames):
            if all(any(text in line for line in frame) for text in texts):
                return frame
        raise AssertionError(f"{texts} never stood on the screen together; the last ones:\n" + self.raw[-3_000:])


def on_terminal(
    command: list[str],
    *,
    cwd: Path,
    columns: int,
    rows: int = 40,
    env: dict[str, str] | None = None,
    is_stdout_too: bool = False,
) -> Shown:
    """Runs `command` with stderr, and stdout if `is_stdout_too`, on a terminal."""
    ours, theirs = os.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("BLOSSOM_", "OPENAI_"))}
    for name in ("NO_COLOR", "COLUMNS", "LINES", "FORCE_COLOR"):
        clean.pop(name, None)
    child = subprocess.Popen(
        command,
        cwd=cwd,
        stdin=subprocess.DEVNULL,
        stdout=theirs if is_stdout_too else subprocess.PIPE,
        stderr=theirs,
        env={**clean, "TERM": "xterm-256color", **(env or {})},
    )
    os.close(theirs)
    screen, decoder = Screen(columns, rows), codecs.getincrementaldecoder("utf-8")()
    frames, raw = [], ""
    while block := read(ours):
        text = decoder.decode(block)
        raw += text
        screen.feed(text)
        frames.append(screen.show())
    os.close(ours)
    out = child.communicate()[0] or b""
    return Shown(child.returncode, screen, frames, raw, out.decode())


def read(terminal: int) -> bytes:
    """What was written to the terminal, empty at its end."""
    try:
        return os.read(terminal, 65536)
    except OSError:  # the last process on the terminal has gone
        return b""

"""Where each key of a TOML text stands, which tomllib does not tell: errors and --show-config name the line.

    find_lines('a = 1\\n[[source]]\\nkind = "x"')   ->   {("a",): 1, ("source", 0): 2, ("source", 0, "kind"): 3, ...}

The text has been read by tomllib before, so it is valid; nothing is checked here, and no value is decoded.
"""

from __future__ import annotations

import re
import tomllib
from bisect import bisect_right

KeyPath = tuple[str | int, ...]
"""The way to a value: ("source", 0, "kind")."""

_BLANK = re.compile(r"(?:[ \t\r\n]++|#[^\n]*+)*+")
_SPACE = re.compile(r"[ \t]*+")
_BARE = re.compile(r"[A-Za-z0-9_-]++")
_STRING = re.compile(
    r'"""(?:[^"\\]++|\\.|"{1,2}(?!"))*+"{3,5}' + r"|'''(?:[^']++|'{1,2}(?!'))*+'{3,5}"
    r'|"(?:[^"\\\n]++|\\.)*+"' + r"|'[^'\n]*+'",
    re.DOTALL,
)
_PLAIN = re.compile(r"[^,\]}\n#]*+")


def find_lines(text: str) -> dict[KeyPath, int]:
    """The line, from 1, of every table, key and list item of the valid TOML `text`, by its path."""
    return _Scan(text).lines


class _Scan:
    def __init__(self, text: str) -> None:
        self.lines: dict[KeyPath, int] = {}
        self._text, self._at = text, 0
        self._breaks = [found.start() for found in re.finditer("\n", text)]
        self._counts: dict[KeyPath, int] = {}
        """Elements of each array of tables so far."""
        prefix: KeyPath = ()
        while self._skip(_BLANK) < len(text):
            if text[self._at] == "[":
                prefix = self._header()
            else:
                self._pair(prefix)

    def _header(self) -> KeyPath:
        """Reads `[a.b]` or `[[a.b]]`; gives the path of the table that it opens."""
        line = self._line()
        is_array = self._text.startswith("[[", self._at)
        self._at += 2 if is_array else 1
        keys = self._keys()
        self._at += 2 if is_array else 1
        path: KeyPath = ()
        for place, key in enumerate(keys, 1):
            path = (*path, key)
            if is_array and place == len(keys):
                self._counts[path] = self._counts.get(path, 0) + 1
            self.lines.setdefault(path, line)
            if path in self._counts:
                path = (*path, self._counts[path] - 1)
                self.lines.setdefault(path, line)
        return path

    def _pair(self, prefix: KeyPath) -> None:
        """Reads `key = value`."""
        line, path = self._line(), prefix
        for key in self._keys():
            path = (*path, key)
            self.lines.setdefault(path, line)
        self._at += 1
        self._value(path)

    def _value(self, path: KeyPath) -> None:
        self._skip(_SPACE)
        sign = self._text[self._at]
        if sign == "[":
            self._at += 1
            number = 0
            while not self._ends("]"):
                self.lines[(*path, number)] = self._line()
                self._value((*path, number))
                number += 1
        elif sign == "{":
            self._at += 1
            while not self._ends("}"):
                self._pair(path)
        else:
            self._skip(_STRING if sign in "\"'" else _PLAIN)

    def _ends(self, sign: str) -> bool:
        """Whether the list or inline table ends here; goes to its next item otherwise."""
        self._skip(_BLANK)
        if self._text[self._at] == ",":
            self._at += 1
            self._skip(_BLANK)
        if self._text[self._at] == sign:
            self._at += 1
            return True
        return False

    def _keys(self) -> list[str]:
        """Reads a dotted key, up to what follows it."""
        keys = []
        while True:
            self._skip(_SPACE)
            start = self._at
            is_quoted = self._text[start] in "\"'"
            self._skip(_STRING if is_quoted else _BARE)
            key = self._text[start : self._at]
            keys.append(str(tomllib.loads(f"k={key}")["k"]) if is_quoted else key)
            self._skip(_SPACE)
            if self._text[self._at] != ".":
                return keys
            self._at += 1

    def _skip(self, pattern: re.Pattern[str]) -> int:
        found = pattern.match(self._text, self._at)
        assert found is not None, "the text is valid TOML"
        self._at = found.end()
        return self._at

    def _line(self) -> int:
        return bisect_right(self._breaks, self._at - 1) + 1

"""Reads a TOML file that a user wrote, with the line of every key; what is wrong with it becomes one line.

    file = read_toml(Path("math.toml"), "pipeline")
    file.values                         {"source": [{"kind": "gsm8k", ...}]}
    file.where(("source", 0, "kind"))   "pipeline math.toml line 12"

It knows no keys: settings_file.py checks them.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from blossom_data.errors import ConfigError, system_hint
from blossom_data.toml_lines import KeyPath, find_lines

_AT_LINE = re.compile(r"at line (\d+)")


@dataclass(frozen=True, slots=True)
class TomlFile:
    """A file as it was read: its values, and the line of each."""

    kind: str
    """What it is, for messages: pipeline, recipe, prompt or prices."""
    path: Path
    values: dict[str, Any]
    lines: Mapping[KeyPath, int]

    def where(self, at: KeyPath = ()) -> str:
        """`pipeline math.toml line 12`: the line of `at`, else of the table that should hold it."""
        for size in range(len(at), 0, -1):
            if line := self.lines.get(at[:size]):
                return f"{self.kind} {self.path} line {line}"
        return f"{self.kind} {self.path}"

    def place(self, at: KeyPath) -> str:
        """`math.toml:12`, the place of a value that is there."""
        return f"{self.path}:{self.lines[at]}" if at in self.lines else str(self.path)

    def value(self, at: KeyPath) -> Any:
        """What stands at `at`, None where nothing does."""
        found: Any = self.values
        for part in at:
            if isinstance(found, dict):
                found = found.get(part)
            elif isinstance(found, list) and isinstance(part, int) and part < len(found):
                found = found[part]
            else:
                return None
        return found

    def tables(self, at: KeyPath) -> list[KeyPath]:
        """The paths of the tables of a list at `at`, or of the one table that stands in its place."""
        found = self.value(at)
        return [(*at, number) for number in range(len(found))] if isinstance(found, list) else [at] if found else []

    @contextmanager
    def locating(self, at: KeyPath) -> Iterator[None]:
        """Puts file and line of `at` before what the block raises as ConfigError."""
        try:
            yield
        except ConfigError as why:
            raise ConfigError(f"{self.where(at)}: {why}", hint=why.hint) from why


def read_toml(path: Path, kind: str) -> TomlFile:
    """The file at `path`, which is a `kind` (a word for the message).

    Raises:
        ConfigError: it cannot be read, or is not TOML.
    """
    text = ""
    try:
        text = path.read_text(encoding="utf-8-sig")  # some editors begin a file with a byte order mark
        return TomlFile(kind, path, tomllib.loads(text), find_lines(text))
    except OSError as why:
        raise ConfigError(f"cannot read {kind} {path}: {why.strerror}", hint=system_hint(why)) from why
    except (ValueError, RecursionError) as why:  # a number of thousands of digits is no TOMLDecodeError
        raise ConfigError(f"{kind} {path} is not valid TOML: {why}", hint=_toml_hint(text, why)) from why


def _toml_hint(text: str, why: Exception) -> str:
    """What to do about a file that is no TOML: the line that the parser stopped at, and the usual mistakes."""
    if isinstance(why, UnicodeDecodeError):
        return "save it as UTF-8"
    found = _AT_LINE.search(str(why))
    number = int(found[1]) if found else 0
    lines = text.splitlines()
    # A parser stops where a value cannot go on, which is often the line behind an open bracket or quote.
    told = f"look at line {number}: {lines[number - 1].strip()[:60]!r}; " if 0 < number <= len(lines) else ""
    return f'{told}values are "text", 1, true or [1, 2]; tables are [name], lists of tables [[name]]'

"""One table of a pipeline file, read key by key; what is wrong is told with file, line and table.

table.whole("limit")     ->  100, or: pipeline math.toml line 12: limit in [[source]] 1 must be a whole number ...
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from blossom_data.config import reject_unknown
from blossom_data.errors import ConfigError, UnknownKey
from blossom_data.pipelines import places
from blossom_data.toml_file import read_toml


@dataclass(frozen=True, slots=True)
class File:
    """A pipeline file as it was read: its values, and the line of each."""

    path: Path
    values: dict[str, Any]
    lines: Mapping[places.Path, int]

    def where(self, path: places.Path) -> str:
        """`pipeline math.toml line 12`, or without the line where the file does not say it."""
        line = self.lines.get(path)
        return f"pipeline {self.path} line {line}" if line else f"pipeline {self.path}"

    def place(self, path: places.Path) -> str:
        """`math.toml:12`, the place of a value."""
        return f"{self.path}:{self.lines[path]}" if path in self.lines else str(self.path)

    @contextmanager
    def locating(self) -> Iterator[None]:
        """Adds file and line to an unknown key that is found, in a table of this file, within the block."""
        try:
            yield
        except UnknownKey as why:
            path = _path_of(why.table, self.values)
            line = self.lines.get((*path, why.key)) if path is not None else None
            if line is None or f"line {line}:" in str(why):
                raise
            message = str(why).removeprefix(f"pipeline {self.path}").lstrip(",: ")
            raise UnknownKey(
                f"pipeline {self.path} line {line}: {message}", hint=why.hint, key=why.key, table=why.table
            ) from why


def read_file(path: Path) -> File:
    """The pipeline file at `path`.

    Raises:
        ConfigError: it cannot be read, or is not TOML.
    """
    values = read_toml(path, "pipeline")
    return File(path, values, places.find_lines(path.read_text(encoding="utf-8")))


def _path_of(table: Mapping[str, Any], values: Any) -> places.Path | None:
    """The path of the very object `table` in `values`."""
    todo: list[tuple[places.Path, Any]] = [((), values)]
    while todo:
        path, value = todo.pop()
        if value is table:
            return path
        if isinstance(value, dict):
            todo += [((*path, key), each) for key, each in value.items()]
        elif isinstance(value, list):
            todo += [((*path, number), each) for number, each in enumerate(value)]
    return None


@dataclass(frozen=True, slots=True)
class Table:
    """A table of `file` at `path`."""

    file: File
    values: dict[str, Any]
    path: places.Path = ()

    @property
    def name(self) -> str:
        """`[endpoint]`, `[[source]] 2`; "" for the file itself."""
        names = [str(part) for part in self.path if isinstance(part, str)]
        if not names:
            return ""
        last = self.path[-1]
        return f"[[{'.'.join(names)}]] {last + 1}" if isinstance(last, int) else f"[{'.'.join(names)}]"

    def wrong(self, key: str, problem: str, hint: str = "") -> ConfigError:
        """The error that `key` `problem` (such as "must be a text")."""
        path = (*self.path, key) if (*self.path, key) in self.file.lines else self.path
        inside = f" in {self.name}" if self.name else ""
        return ConfigError(f"{self.file.where(path)}: {key}{inside} {problem}", hint=hint)

    def refuse_unknown(self, known: Iterable[str]) -> None:
        """Raises UnknownKey, with the line and the nearest known key."""
        with self.file.locating():
            reject_unknown(self.values, known, self.name or f"pipeline {self.file.path}")

    def text(self, key: str, *, default: str | None = None) -> str:
        """A text; without a default it must be there and not be empty."""
        value = self.values.get(key, default)
        if not isinstance(value, str) or (default is None and not value) or "\0" in value:
            raise self.wrong(key, f"must be a text{'' if value is None else f', is {value!r}'}")
        return value

    def whole(self, key: str, *, least: int = 1) -> int | None:
        """A whole number from `least`, None without one."""
        value = self.values.get(key)
        if value is not None and (isinstance(value, bool) or not isinstance(value, int) or value < least):
            raise self.wrong(key, f"must be a whole number from {least}, is {value!r}")
        return value

    def number(self, key: str, *, most: float | None = None) -> float | None:
        """A number from 0 to `most`, None without one."""
        value = self.values.get(key)
        if value is None:
            return None
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
        if not is_number or not 0 <= value <= (value if most is None else most):
            upper = "" if most is None else f" to {most:g}"
            raise self.wrong(key, f"must be a number from 0{upper}, is {value!r}")
        return float(value)

    def texts(self, key: str, default: Iterable[str] = ()) -> tuple[str, ...]:
        """A list of texts."""
        value = self.values.get(key, list(default))
        if not isinstance(value, list) or not all(isinstance(text, str) and "\0" not in text for text in value):
            raise self.wrong(key, "must be a list of texts")
        return tuple(value)

    def table(self, key: str) -> Table:
        """The table under `key`, empty where there is none."""
        value = self.values.get(key, {})
        if not isinstance(value, dict):
            raise self.wrong(key, "must be a table")
        return Table(self.file, value, (*self.path, key))

    def tables(self, key: str) -> list[Table]:
        """The tables of a list, or the one table, under `key`."""
        value = self.values.get(key, [])
        if isinstance(value, dict):
            return [self.table(key)]
        if not isinstance(value, list) or not all(isinstance(each, dict) for each in value):
            raise self.wrong(key, "must be a table, or a list of tables")
        return [Table(self.file, each, (*self.path, key, number)) for number, each in enumerate(value)]

    def shares(self, key: str, names: Iterable[str]) -> dict[str, float]:
        """A table of shares from 0 to 1, by one of `names`."""
        table = self.table(key)
        table.refuse_unknown(names)
        return {name: share for name in table.values if (share := table.number(name, most=1.0)) is not None}

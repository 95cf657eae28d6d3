"""A table of a TOML file as a frozen dataclass: every key is a field, every value is checked against its type.

    read_table(StageRecipe, {"name": "chat", "epochs": 3}, "recipe r.toml: stage, 1", folder)   StageRecipe(...)

Metadata of a field says what types cannot: `least`, `most`, `above` for numbers, `key` for another name in the file,
`internal` for a field that no file sets. A Path is relative to the folder of the file.
"""

from __future__ import annotations

import types
import typing
from collections.abc import Mapping
from dataclasses import MISSING, Field, fields, is_dataclass
from pathlib import Path
from typing import Any, Literal, TypeVar

from blossom_data.config import reject_unknown
from blossom_data.errors import ConfigError

Made = TypeVar("Made")


def read_table(kind: type[Made], table: Mapping[str, Any], where: str, folder: Path) -> Made:
    """`table` as a `kind`.

    Raises:
        ConfigError: an unknown key (with the nearest known one), a missing or wrong value; `where` is told.
    """
    assert is_dataclass(kind)
    hints = typing.get_type_hints(kind)
    known = {
        entry.metadata.get("key", entry.name): entry for entry in fields(kind) if not entry.metadata.get("internal")
    }
    reject_unknown(table, known, where)
    values: dict[str, Any] = {}
    for key, entry in known.items():
        if key in table:
            values[entry.name] = _value(table[key], hints[entry.name], f"{where}: {key}", entry, folder)
        elif entry.default is MISSING and entry.default_factory is MISSING:
            raise ConfigError(f"{where}: has no {key}")
    made = kind(**values)
    assert isinstance(made, kind)
    return made


def _value(value: Any, hint: Any, where: str, entry: Field[Any], folder: Path) -> Any:
    origin, inner = typing.get_origin(hint), typing.get_args(hint)
    if origin is types.UnionType:
        return _value(value, inner[0], where, entry, folder)
    if origin is Literal:
        if value not in inner:
            raise ConfigError(f"{where} is {value!r}", hint=f"one of {', '.join(inner)}")
        return value
    if origin is tuple:
        if not isinstance(value, list):
            raise ConfigError(f"{where} must be a list, is {value!r}")
        places = (f"{where}, {number}" for number in range(1, len(value) + 1))
        return tuple(_value(item, inner[0], at, entry, folder) for item, at in zip(value, places, strict=True))
    if is_dataclass(hint) or hint == Mapping[str, Any]:
        if not isinstance(value, dict):
            raise ConfigError(f"{where} must be a table, is {value!r}")
        return value if hint == Mapping[str, Any] else read_table(typing.cast(type[Any], hint), value, where, folder)
    if hint in (int, float):
        return _number(value, hint, where, entry)
    if hint is bool:
        if not isinstance(value, bool):
            raise ConfigError(f"{where} must be true or false, is {value!r}")
        return value
    if not isinstance(value, str) or not value:
        raise ConfigError(f"{where} must be a text, is {value!r}")
    return (folder / value).absolute() if hint is Path else value


def _number(value: Any, kind: type, where: str, entry: Field[Any]) -> int | float:
    least, most, above = (entry.metadata.get(bound) for bound in ("least", "most", "above"))
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    if (
        not is_number
        or (kind is int and not isinstance(value, int))
        or value != value
        or (least is not None and value < least)
        or (most is not None and value > most)
        or (above is not None and value <= above)
    ):
        bounds = [f"from {least}" if least is not None else "", f"to {most}" if most is not None else ""]
        bounds.append(f"above {above}" if above is not None else "")
        told = " ".join(filter(None, ["a whole number" if kind is int else "a number", *bounds]))
        raise ConfigError(f"{where} must be {told}, is {value!r}")
    return int(value) if kind is int else float(value)

"""Checks what a TOML file says against the class of its settings; every mistake is one line with file, line and table.

    read_table(read_toml(path, "pipeline"), SourceSettings, at=("source", 0))     SourceSettings(kind="gsm8k", ...)

    pipeline m.toml line 7: [[source]] 1: unknown key 'sampel'              did you mean 'sample'?
    pipeline m.toml line 9: [refresh]: max_rejected must be a number from 0 to 1, is 1.5
    recipe r.toml line 3: dtype is 'float8'                                 one of float32, bfloat16, ...

pydantic finds the mistakes; the words come from the JSON schema of the class, which knows keys, types and bounds.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable, Mapping
from typing import Any, TypeVar, cast

from pydantic import TypeAdapter, ValidationError
from pydantic_core import ErrorDetails

from blossom_data.errors import ConfigError, near_hint
from blossom_data.settings_types import LARGEST, REFUSED
from blossom_data.toml_file import TomlFile
from blossom_data.toml_lines import KeyPath

Made = TypeVar("Made")
Node = Mapping[str, Any]

_UNKNOWN = ("unexpected_keyword_argument", "extra_forbidden")
_KEY = "[key]"
_MAX_SHOWN_CHARS = 80


def read_table(
    file: TomlFile,
    kind: type[Made],
    *,
    at: KeyPath = (),
    defaults: Mapping[str, Any] | None = None,
    context: Mapping[str, Any] | None = None,
) -> Made:
    """The table of `file` at `at` as a `kind`.

    Args:
        defaults: keys that the table need not have.
        context: what validators are given, such as the folder that paths are relative to.

    Raises:
        ConfigError: an unknown key (with the nearest known one), a missing or wrong value; its line is told.
    """
    values = file.value(at)
    try:
        given = {**(defaults or {}), **values}
        made: Made = _adapter(cast(Any, kind)).validate_python(given, context=dict(context or {}))
        return made
    except ValidationError as why:
        found = [_Problem(each, at, file) for each in why.errors(include_url=False)]
        # A list with a wrong item is told as a list that is too short, too.
        found = [each for each in found if not any(each.is_above(other) for other in found)]
        # A key with a slip of the pen is told before the key that is missing for it.
        raise min(found, key=lambda problem: problem.order).told(_schema(cast(Any, kind))) from why


def wrong(file: TomlFile, at: KeyPath, problem: str, hint: str = "") -> ConfigError:
    """The error that the value at `at`, right by itself, is a problem beside the others; told like any other."""
    name = table_name(at[:-1], file)
    return ConfigError(f"{file.where(at)}: {name}{': ' if name else ''}{problem}", hint=hint)


@functools.lru_cache(maxsize=64)
def _adapter(kind: Any) -> TypeAdapter[Any]:
    return TypeAdapter(kind)


@functools.lru_cache(maxsize=64)
def _schema(kind: Any) -> Node:
    return _adapter(kind).json_schema()


class _Problem:
    """One error of pydantic at its place in the file."""

    def __init__(self, error: ErrorDetails, at: KeyPath, file: TomlFile) -> None:
        self._error, self._at, self._file = error, at, file
        self.path = _path_in(file.value(at), error["loc"])
        self.is_unknown = error["type"] in _UNKNOWN or error["loc"][-1:] == (_KEY,)

    @property
    def order(self) -> tuple[bool, int]:
        """Unknown keys first, then as they stand in the file."""
        return not self.is_unknown, self._file.lines.get((*self._at, *self.path), 1 << 30)

    def is_above(self, other: _Problem) -> bool:
        """Whether `other` lies within what this is about."""
        return len(self.path) < len(other.path) and other.path[: len(self.path)] == self.path

    def told(self, schema: Node) -> ConfigError:
        """The line that the user gets."""
        key: str | int = self.path[-1] if self.path else ""
        table, number = self.path[:-1], 0
        if isinstance(key, int):
            number = key + 1
            key, table = self.path[-2], self.path[:-2]
        if self._error["type"] == REFUSED:
            context = self._error["ctx"]
            return self._wrong(str(context["problem"]), str(context["hint"]))
        if self.is_unknown:
            known = _keys(_nodes(schema, schema, table))
            return self._wrong(f"unknown key {_shown(key)}", near_hint(str(key), known))
        nodes = _nodes(schema, schema, self.path)
        if self._error["type"] in ("missing", "missing_argument") or self._error["input"] == []:
            example = next((str(node["examples"][0]) for node in nodes if node.get("examples")), "")
            name = example.split("]]")[0] + "]]" if example.startswith("[[") else str(key)
            return self._wrong(f"has no {name}", f"such as {example}" if example else "")
        value = self._error["input"]
        is_secret = any(node.get("writeOnly") for node in [*nodes, *_nodes(schema, schema, (*table, key))])
        allowed = [str(each) for node in nodes for each in node.get("enum", ())]
        if allowed and not is_secret:
            verb = "names" if number else "is"
            return self._wrong(f"{key} {verb} {_shown(value)}", near_hint(str(value), allowed, "one of"))
        what = f"item {number} of {key}" if number else str(key)
        given = "" if is_secret else f", is {_shown(value)}"
        return self._wrong(f"{what} must be {_wanted(nodes, value)}{given}")

    def _wrong(self, problem: str, hint: str = "") -> ConfigError:
        at = (*self._at, *self.path)
        # Of an item of a list the table is told that holds the list.
        table = at[:-2] if at and isinstance(at[-1], int) else at[:-1]
        name = table_name(table, self._file)
        return ConfigError(f"{self._file.where(at)}: {name}{': ' if name else ''}{problem}", hint=hint)


def table_name(at: KeyPath, file: TomlFile) -> str:
    """`[publish]`, `[[source]] 2`, `[[mix]] 1 (stage1), part 2`; "" for the file itself."""
    first = next((place for place, part in enumerate(at) if isinstance(part, int)), len(at))
    names = ".".join(str(part) for part in at[:first])
    if first == len(at):
        return f"[{names}]" if names else ""
    text = f"[[{names}]]"
    for place, part in enumerate(at[first:], first):
        if isinstance(part, int):
            name = file.value((*at[: place + 1], "name"))
            text += f" {part + 1}" + (f" ({name[:40]})" if isinstance(name, str) and name.isprintable() else "")
        else:
            text += f", {part}"
    return text


def _path_in(values: Any, loc: Iterable[str | int]) -> KeyPath:
    """The path of an error in the file: what only pydantic sees, such as the list made of one table, is left out."""
    path: list[str | int] = []
    parts = [part for part in loc if part != _KEY]
    for place, part in enumerate(parts):
        is_last = place == len(parts) - 1
        if isinstance(values, dict) and isinstance(part, str) and (part in values or is_last):
            path.append(part)
            values = values.get(part)
        elif isinstance(values, list) and isinstance(part, int) and part < len(values):
            path.append(part)
            values = values[part]
    return tuple(path)


def _nodes(root: Node, node: Node, path: KeyPath) -> list[Node]:
    """The schemas of what may stand at `path` below `node`, null left out."""
    if "$ref" in node:
        inner = root["$defs"][node["$ref"].rsplit("/", 1)[1]]
        return _nodes(root, {**inner, **{key: each for key, each in node.items() if key != "$ref"}}, path)
    if "anyOf" in node:
        rest = {key: each for key, each in node.items() if key != "anyOf"}
        return [found for each in node["anyOf"] for found in _nodes(root, {**each, **rest}, path)]
    if node.get("type") == "null":
        return []
    if not path:
        return [node]
    inner = node.get("items") if isinstance(path[0], int) else node.get("properties", {}).get(path[0])
    if inner is None and isinstance(path[0], str):
        inner = node.get("additionalProperties")
    return _nodes(root, inner, path[1:]) if isinstance(inner, Mapping) else []


def _keys(nodes: Iterable[Node]) -> list[str]:
    """The keys that a table of one of these schemas may have."""
    return [str(key) for node in nodes for key in (*node.get("properties", ()), *_named(node))]


def _named(node: Node) -> list[str]:
    return list(node.get("propertyNames", {}).get("enum", ()))


def _wanted(nodes: Iterable[Node], value: object) -> str:
    """What a value must be in place of `value`: `a whole number from 1`, `a table or a list of tables`."""
    return " or ".join(dict.fromkeys(_words(node, value) for node in nodes)) or "something else"


def _words(node: Node, value: object) -> str:
    kind = node.get("type", "")
    if kind == "array":
        items = node.get("items", {})
        plural = {"string": "texts", "integer": "whole numbers", "number": "numbers"}.get(items.get("type"), "tables")
        return f"a list of {plural}" + (" that is not empty" if node.get("minItems") else "")
    if kind in ("integer", "number"):
        return f"a {'whole ' if kind == 'integer' else ''}number{_bounds(node, value)}"
    if kind == "string":
        return "a text that is not empty" if node.get("minLength") else "a text"
    return {"object": "a table", "boolean": "true or false"}.get(kind, "something else")


def _bounds(node: Node, value: object) -> str:
    """` from 0 to 1`, ` above 0 and at most 1`, "" for none; the bound of all counts is told to whom it concerns."""
    least, most, above = (node.get(bound) for bound in ("minimum", "maximum", "exclusiveMinimum"))
    if most == LARGEST and not (isinstance(value, int) and value > LARGEST):
        most = None
    if (below := node.get("exclusiveMaximum")) is not None:
        return f" from {least:g} to below {below:g}" if least is not None else f" below {below:g}"
    if above is not None:
        return f" above {above:g}" + (f" and at most {most:g}" if most is not None else "")
    return (f" from {least:g}" if least is not None else "") + (f" to {most:,}" if most is not None else "")


def _shown(value: object) -> str:
    """`value` as an error shows it."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, dict):
        return "a table"
    text = repr(value) if isinstance(value, str | int | float | list) else str(value)
    return text if len(text) <= _MAX_SHOWN_CHARS else f"{text[:_MAX_SHOWN_CHARS]}..."

"""Turns a function into a command: a parameter that is a group of flags becomes those flags on the command line.

    @as_command("gc")
    def command(paths: ..., common: Common) -> int:       # --json, --quiet and --debug are Common's fields

A group is a frozen dataclass whose fields say their flag (`Annotated[int, option("--limit", ...)]`), with the title of
its help panel as `panel`. A field that is a group itself becomes that group's flags.
"""

from __future__ import annotations

import copy
import inspect
import typing
from collections.abc import Callable, Iterator
from dataclasses import MISSING, fields, is_dataclass
from pathlib import Path
from typing import Any

import typer
from typer.main import get_command
from typer.models import ArgumentInfo

from blossom_data.cli.interrupts import cleaning_up
from blossom_data.cli.lazy import Command, help_texts
from blossom_data.object_store import path_of


def as_command(name: str) -> Callable[[Callable[..., int]], Any]:
    """A decorator that makes the command `name` of a function; its docstring is the help, with the example last."""

    def decorate(function: Callable[..., int]) -> Any:
        app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
        text, example = help_texts(function.__doc__ or "")
        app.command(name, cls=Command, help=text, epilog=example)(spread(function))
        return get_command(app)

    return decorate


def spread(function: Callable[..., int]) -> Callable[..., int]:
    """`function` with a parameter for each flag of its groups in place of the groups."""
    hints = typing.get_type_hints(function, include_extras=True)
    shown: list[inspect.Parameter] = []
    groups: dict[str, Any] = {}
    for name, parameter in inspect.signature(function).parameters.items():
        if is_dataclass(hints[name]):
            groups[name] = hints[name]
            shown += _parameters(hints[name])
        else:
            shown.append(parameter.replace(annotation=hints[name], kind=inspect.Parameter.KEYWORD_ONLY))
    wanted = {each.name: hint for each in shown if (hint := _hint_of_existing(each.annotation))}
    shown = [each.replace(annotation=_may_be_url(each.annotation)) if each.name in wanted else each for each in shown]

    def called(**given: Any) -> int:
        flags = {name: _placed(value) for name, value in given.items()}
        for name, hint in wanted.items():
            _require_existing(flags[name], hint)
        made = {name: _make(kind, flags) for name, kind in groups.items()}
        with cleaning_up():
            return function(**flags, **made)

    called.__signature__ = inspect.Signature(shown)  # type: ignore[attr-defined]
    called.__annotations__ = {parameter.name: parameter.annotation for parameter in shown}
    return called


def _placed(value: Any) -> Any:
    """A path as what it names: a file, or an object of a store."""
    if isinstance(value, list):
        return [_placed(each) for each in value]
    return path_of(value) if isinstance(value, Path) else value


def _hint_of_existing(annotation: Any) -> str:
    """What the help calls a parameter that must be a path to something that is there; "" for any other."""
    told = typing.get_args(annotation)[-1] if typing.get_args(annotation) else None
    if told is None or not getattr(told, "exists", False):
        return ""
    named = [str(each) for each in (told.default, *(told.param_decls or ())) if str(each).startswith("--")]
    return repr((named or [told.metavar])[0])


def _may_be_url(annotation: Any) -> Any:
    """The parameter without Typer's own look at the disk, which knows no URL."""
    kind, told = typing.get_args(annotation)
    shown = copy.copy(told)
    shown.exists = False
    return typing.Annotated[kind, shown]


def _is_there(path: Path) -> bool:
    try:
        return path.exists()
    except (OSError, ValueError):  # a name that no file can have
        return False


def _require_existing(value: Any, hint: str) -> None:
    for path in value if isinstance(value, list) else [value]:
        if path is not None and not _is_there(path):
            raise typer.BadParameter(f"path {str(path)!r} does not exist.", param_hint=hint)


def _parameters(kind: Any) -> Iterator[inspect.Parameter]:
    """A parameter for each flag of a group, in the group's help panel."""
    hints = typing.get_type_hints(kind, include_extras=True)
    for field in fields(kind):
        if is_dataclass(hints[field.name]):
            yield from _parameters(hints[field.name])
            continue
        yield inspect.Parameter(
            field.name,
            inspect.Parameter.KEYWORD_ONLY,
            default=inspect.Parameter.empty if field.default is MISSING else field.default,
            annotation=_in_panel(hints[field.name], getattr(kind, "panel", None)),
        )


def _in_panel(annotation: Any, panel: str | None) -> Any:
    kind, told = typing.get_args(annotation)
    if isinstance(told, ArgumentInfo):
        return annotation
    shown = copy.copy(told)
    shown.rich_help_panel = panel
    return typing.Annotated[kind, shown]


def _make(kind: Any, flags: dict[str, Any]) -> Any:
    """The group `kind`, of the flags that are its own; they are taken out of `flags`."""
    hints = typing.get_type_hints(kind)
    return kind(
        **{
            field.name: _make(hints[field.name], flags) if is_dataclass(hints[field.name]) else flags.pop(field.name)
            for field in fields(kind)
        }
    )

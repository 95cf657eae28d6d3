"""Commands and groups of them; a command's module is imported when it is run, so that `--help` stays fast.

Panel("Data", "blossom_data.cli.data", {"pull": "Read raw instructions ..."})     its module: data/pull.py
"""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from typer import Typer
from typer.core import TyperCommand, TyperGroup
from typer.main import get_command

COMMON_PANEL = "Common"


class Panel(NamedTuple):
    """Commands that `--help` shows together: the package of their modules, and each name with its one-line help."""

    title: str
    package: str
    commands: Mapping[str, str]


class Command(TyperCommand):
    """A command whose `--help` stands with the flags that all commands have."""

    def get_help_option(self, ctx: Any) -> Any:
        option = super().get_help_option(ctx)
        if option is not None:
            _as_switch(option).rich_help_panel = COMMON_PANEL
        return option

    def format_help(self, ctx: Any, formatter: Any) -> None:
        _show_help(self, ctx)


class LazyGroup(TyperGroup):
    """Commands whose modules are not imported yet; alone, without a command, it shows its help."""

    packages: Mapping[str, str]

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        return super().parse_args(ctx, args or ["--help"])

    def resolve_command(self, ctx: Any, args: list[str]) -> tuple[str | None, Any, list[str]]:
        name, found, rest = super().resolve_command(ctx, args)
        if name is None or found is None:
            return name, found, rest
        module = importlib.import_module(f"{self.packages[name]}.{name.replace('-', '_')}")
        return name, module.command, rest

    def get_help_option(self, ctx: Any) -> Any:
        option = super().get_help_option(ctx)
        return None if option is None else _as_switch(option)

    def format_help(self, ctx: Any, formatter: Any) -> None:
        _show_help(self, ctx)


def help_texts(docstring: str) -> tuple[str, str]:
    """The help and the example of a docstring; a paragraph is one line, but for the lines of the example."""
    paragraphs = inspect.cleandoc(docstring).split("\n\n")
    told = [" ".join(part.split()) for part in paragraphs if not part.startswith("Example:")]
    return "\n\n".join(told), "\n\n".join(part for part in paragraphs if part.startswith("Example:"))


def lazy_group(app: Typer, panels: Sequence[Panel]) -> LazyGroup:
    """`app`, made with `cls=LazyGroup` and a callback, with the commands of `panels`."""
    group = get_command(app)
    assert isinstance(group, LazyGroup)
    for option in group.params:
        _as_switch(option)
    group.packages = {name: panel.package for panel in panels for name in panel.commands}
    group.commands = {
        name: TyperCommand(name, help=told, rich_help_panel=panel.title)
        for panel in panels
        for name, told in panel.commands.items()
    }
    return group


def _as_switch(option: Any) -> Any:
    """An option of Typer's own as one without a value: not given, it is False, and needs no import to be converted."""
    option.metavar, option.default = "", False
    return option


def _show_help(command: Any, ctx: Any) -> None:
    from blossom_data.cli.help import show_help

    show_help(command, ctx)

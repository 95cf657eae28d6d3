"""Draws a command's `--help` in panels: as Typer does it, at two thirds of the time.

Typer's own drawing imports Markdown and tracebacks, of which no help here has any.

    ╭─ Input and output ───────────────────────────────────────────────╮
    │ * --out -o  FOLDER    Folder that the data set is written to.    │
    │                       [required]                                 │
    ╰──────────────────────────────────────────────────────────────────╯
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from rich.console import Console, RenderableType
from rich.highlighter import RegexHighlighter
from rich.padding import Padding
from rich.panel import Panel
from rich.table import Table
from rich.text import Text
from rich.theme import Theme


class _Flags(RegexHighlighter):
    """Marks flags wherever they are named."""

    highlights = (r"(^|\W)(?P<short>-\w)(?![\w-])", r"(^|\W)(?P<long>--[\w-]+)", r"(?P<usage>^Usage: )")


_THEME = Theme({"short": "bold green", "long": "bold cyan", "usage": "yellow"})
_marked = _Flags()


def show_help(command: Any, ctx: Any) -> None:
    """Prints the help of `command`; raises BrokenPipeError where the reader of stdout has gone."""
    console = Console(theme=_THEME)
    try:
        for part in _parts(command, ctx):
            console.print(part)
    except SystemExit as why:  # rich would leave
        raise BrokenPipeError from why


def _parts(command: Any, ctx: Any) -> Iterator[RenderableType]:
    """Usage, help, a panel for each group of flags and of commands, and the example."""
    yield Padding(_marked(Text(command.get_usage(ctx), style="bold")), 1)
    first, *further = (command.help or "").split("\n\n")
    told = Text(first)
    for paragraph in further:
        told.append(f"\n\n{paragraph}", style="dim")
    yield Padding(_marked(told), (0, 1, 1, 1))
    for title, parameters in _in_panels(command.get_params(ctx)).items():
        yield _panel(title, _flags_table(parameters, ctx))
    yield from _commands(getattr(command, "commands", {}).values())
    if command.epilog:
        yield Padding(_marked(Text(command.epilog)), 1)


def _in_panels(parameters: Any) -> dict[str, list[Any]]:
    """The parameters by the titles of their panels, arguments first."""
    panels: dict[str, list[Any]] = {"Arguments": [], "Options": []}
    for one in (parameter for parameter in parameters if not parameter.hidden):
        is_argument = one.param_type_name == "argument"
        panels.setdefault(one.rich_help_panel or ("Arguments" if is_argument else "Options"), []).append(one)
    return {title: found for title, found in panels.items() if found}


def _flags_table(parameters: list[Any], ctx: Any) -> Table:
    """A line for each parameter: whether it must be given, its names, what it takes, what it is for."""
    is_any_required = any(one.required for one in parameters)
    table = _table(2 + is_any_required)
    for one in parameters:
        names, kind = " ".join(sorted(one.opts, key=len, reverse=True)), one.display_type_rich(ctx)
        if one.param_type_name == "argument":
            names, kind = one.display_name_raw, ""  # what an argument is, its help says better than its type
        table.add_row(
            *([Text("*" if one.required else "", style="red")] if is_any_required else []),
            _marked(names),
            Text(kind or "", style="bold yellow", overflow="fold"),
            _marked(one.get_help_record(ctx)[1]),
        )
    return table


def _commands(commands: Any) -> Iterator[Panel]:
    """A panel of commands for each title, in which all names take the same width."""
    width = max((len(one.name) for one in commands), default=0)
    tables: dict[str, Table] = {}
    for one in commands:
        title = one.rich_help_panel
        if title not in tables:
            tables[title] = _table(1)
        tables[title].add_row(Text(one.name.ljust(width), style="bold cyan"), _marked(one.help))
    return (_panel(title, table) for title, table in tables.items())


def _table(narrow_columns: int) -> Table:
    """A table whose last column, behind `narrow_columns`, takes what width is left."""
    table = Table(box=None, show_header=False, expand=True, pad_edge=False)
    for _ in range(narrow_columns):
        table.add_column()
    table.add_column(ratio=1)
    return table


def _panel(title: str, table: Table) -> Panel:
    return Panel(table, title=title, title_align="left", border_style="dim")

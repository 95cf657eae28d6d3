"""A command group whose commands live in modules of their own, imported when one is used.

@click.group(cls=LazyGroup, lazy={"pull": "Read raw instructions ..."})     pull: blossom_data.cli.pull.command
"""

from __future__ import annotations

import difflib
import importlib
from collections.abc import Mapping
from typing import Any

import click


class LazyGroup(click.Group):
    """Commands by name with their one-line help; `prefix` stands before the name of a command's module.

    `--help` of the group imports none of them, which keeps it fast.
    """

    def __init__(self, *args: Any, lazy: Mapping[str, str], prefix: str = "blossom_data.cli.", **further: Any) -> None:
        super().__init__(*args, **further)
        self._lazy, self._prefix = lazy, prefix

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(self._lazy)

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        if name not in self._lazy:
            near = difflib.get_close_matches(name, self._lazy, n=1)
            hint = f" Did you mean {near[0]!r}?" if near else ""
            raise click.UsageError(f"No such command {name!r}.{hint}", ctx)
        command = importlib.import_module(self._prefix + name.replace("-", "_")).command
        assert isinstance(command, click.Command)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(self._lazy.items()))

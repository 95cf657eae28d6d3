"""blossom-data train: a group whose commands live in modules of their own, imported when one is used.

`train pack` is blossom_data/cli/train_pack.py, and so on; each module exposes `command`.
"""

from __future__ import annotations

import difflib
import importlib

import click

COMMANDS = {
    "pack": "Encode chats with a template, mask what is not learnt, pack them into rows.",
    "preview": "Look at what the model will see, with the supervised parts marked.",
}


class TrainGroup(click.Group):
    """The group of the commands in COMMANDS."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        if name not in COMMANDS:
            near = difflib.get_close_matches(name, COMMANDS, n=1)
            hint = f" Did you mean {near[0]!r}?" if near else ""
            raise click.UsageError(f"No such command {name!r}.{hint}", ctx)
        module = importlib.import_module(f"blossom_data.cli.train_{name.replace('-', '_')}")
        command = module.command
        assert isinstance(command, click.Command)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))


@click.group("train", cls=TrainGroup)
def command() -> None:
    """Fine-tune a base model on records: pack them, look at them, train, export.

    \b
    Example: blossom-data train pack sft/gsm8k -o packed/gsm8k --tokenizer models/base --template chatml
    """

"""blossom-data synthesize: a group whose commands live in modules of their own, imported when one is used."""

from __future__ import annotations

import typer

from blossom_data.cli.lazy import LazyGroup, Panel, help_texts, lazy_group

_HELP, _EXAMPLE = help_texts(
    """Make new instructions and chats where there are none, on the same ledger and budget as every other stage.

    Example: blossom-data synthesize self-instruct seeds.jsonl -o made/tasks -n 1000 --model qwen2.5-72b
    """
)
COMMANDS = {
    "self-instruct": "New tasks out of seed tasks, each unlike all that are there.",
    "evol": "Harder and rarer requests out of those that are there, in rounds.",
    "chat": "Chats of a simulated user, with a persona and a goal, and a model that answers.",
    "from-text": "Questions and answers out of documents, each supported by its text.",
}
_app = typer.Typer(cls=LazyGroup, add_completion=False, subcommand_metavar="COMMAND ...")


@_app.callback(help=_HELP, epilog=_EXAMPLE)
def _synthesize() -> None:
    """What comes before a command of `synthesize`."""


command = lazy_group(_app, (Panel("Commands", "blossom_data.cli.synthesis", COMMANDS),))
command.name = "synthesize"

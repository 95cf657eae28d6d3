"""blossom-data train: a group whose commands live in modules of their own, imported when one is used."""

from __future__ import annotations

import typer

from blossom_data.cli.lazy import LazyGroup, Panel, help_texts, lazy_group

_HELP, _EXAMPLE = help_texts(
    """Fine-tune a base model on records: pack them, look at them, train, export.

    Example: blossom-data train pack sft/gsm8k -o packed/gsm8k --tokenizer models/base --template chatml
    """
)
COMMANDS = {
    "add-tokens": "Give a base model the chat tokens that it lacks.",
    "pack": "Encode chats with a template, mask what is not learnt, pack them into rows.",
    "preview": "Look at what the model will see, with the supervised parts marked.",
    "recipe": "Print a recipe that comes along: bloom-560m, qwen2.5-0.5b.",
    "plan": "Say what a recipe takes: tokens, steps, memory; refuse what cannot fit.",
    "run": "Train as a recipe says, in stages; the same command again goes on.",
    "merge": "Merge LoRA adapters into the weights of their base model.",
    "export": "Write a trained model as a folder that other programs load, with its chat template.",
    "chat": "Talk to a trained model in the terminal; also `blossom-data chat`.",
    "report": "Draw loss, learning rate and throughput of a run as one page.",
}
_app = typer.Typer(cls=LazyGroup, add_completion=False, subcommand_metavar="COMMAND ...")


@_app.callback(help=_HELP, epilog=_EXAMPLE)
def _train() -> None:
    """What comes before a command of `train`."""


command = lazy_group(_app, (Panel("Commands", "blossom_data.cli.training", COMMANDS),))
command.name = "train"

"""blossom-data train chat."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import click

from blossom_data.cli import output
from blossom_data.cli.options import common
from blossom_data.errors import ConfigError
from blossom_data.records import Message


@click.command("chat")
@click.argument("model", type=click.Path(path_type=Path))
@click.option("--prompt", help="Ask this once and leave; without it, what a pipe holds, or a terminal turn by turn.")
@click.option("--system", default="", help="System text of the chat.")
@click.option("--template", default="", help="How chats are written, where MODEL was not exported by blossom-data.")
@click.option("--temperature", type=click.FloatRange(min=0), default=0.7, show_default=True, help="0: the likeliest.")
@click.option("--top-p", type=click.FloatRange(min=0, max=1), default=0.9, show_default=True)
@click.option("--max-tokens", type=click.IntRange(min=1), default=1024, show_default=True, help="Of one reply.")
@click.option("--seed", type=int, default=0, show_default=True)
@common
def command(
    model: Path,
    prompt: str | None,
    system: str,
    template: str,
    temperature: float,
    top_p: float,
    max_tokens: int,
    seed: int,
    **flags: Any,
) -> int:
    """Talk to the MODEL folder in the terminal; replies appear as they are made. An empty line or Ctrl-D leaves.

    \b
    Example: blossom-data train chat models/blossom --prompt "What is 6 times 7?"
    """
    from blossom_data.train.template.tokens import missing_extra

    if prompt is None and not sys.stdin.isatty():
        prompt = sys.stdin.read().strip()
    if prompt == "":
        raise ConfigError("nothing is asked", hint="give --prompt TEXT, or write into standard input")
    try:
        from blossom_data.train.handoff.chat import Sampling, Talker
    except ImportError as why:
        raise missing_extra() from why
    talker = Talker.open(model, template=template)
    sampling = Sampling(temperature=temperature, top_p=top_p, max_tokens=max_tokens, seed=seed)
    messages = [Message("system", system)] if system else []
    while (
        asked := prompt if prompt is not None else click.prompt(">", default="", show_default=False, prompt_suffix=" ")
    ):
        messages.append(Message("user", asked))
        said = ""
        for piece in talker.reply(messages, sampling):
            said += piece
            if not flags["is_json"]:
                click.echo(output.clean(piece), nl=False)
        messages.append(Message("assistant", said))
        if flags["is_json"]:
            output.json_result({"reply": said})
        else:
            output.result("")
        if prompt is not None:
            break
    return 0

"""blossom-data train chat."""

from __future__ import annotations

import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated

import typer

from blossom_data.cli import output
from blossom_data.cli.flags.common import Common
from blossom_data.cli.flags.groups import as_command
from blossom_data.errors import ConfigError
from blossom_data.records import Message


@dataclass(frozen=True, slots=True, kw_only=True)
class Drawing:
    """How the next token is drawn."""

    temperature: Annotated[float, typer.Option("--temperature", min=0, metavar="T", help="0: the likeliest.")] = 0.7
    top_p: Annotated[
        float, typer.Option("--top-p", min=0, max=1, metavar="P", help="Share of the likelihood that is drawn from.")
    ] = 0.9
    max_tokens: Annotated[int, typer.Option("--max-tokens", min=1, metavar="N", help="Of one reply.")] = 1024
    seed: Annotated[int, typer.Option("--seed", metavar="N", help="Of the draw.")] = 0


@as_command("chat")
def command(
    model: Annotated[Path, typer.Argument(metavar="MODEL", help="Folder that `train export` wrote, or of the hub.")],
    drawing: Drawing,
    common: Common,
    prompt: Annotated[
        str | None,
        typer.Option(
            "--prompt",
            metavar="TEXT",
            help="Ask this once and leave; without it, what a pipe holds, or a terminal turn by turn.",
        ),
    ] = None,
    system: Annotated[str, typer.Option("--system", metavar="TEXT", help="System text of the chat.")] = "",
    template: Annotated[
        str,
        typer.Option(
            "--template",
            metavar="NAME",
            help="How chats are written, where MODEL was not exported by blossom-data.",
        ),
    ] = "",
) -> int:
    """Talk to the MODEL folder in the terminal; replies appear as they are made. An empty line or Ctrl-D leaves.

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
    sampling = Sampling(**asdict(drawing))
    messages = [Message("system", system)] if system else []
    while (
        asked := prompt if prompt is not None else typer.prompt(">", default="", show_default=False, prompt_suffix=" ")
    ):
        messages.append(Message("user", asked))
        said = ""
        for piece in talker.reply(messages, sampling):
            said += piece
            if not common.is_json:
                output.result_part(piece)
        messages.append(Message("assistant", said))
        if common.is_json:
            output.json_result({"reply": said})
        else:
            output.result("")
        if prompt is not None:
            break
    return 0

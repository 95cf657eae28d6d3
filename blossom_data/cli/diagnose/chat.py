"""blossom-data chat, and its older name blossom-data train chat."""

from __future__ import annotations

import asyncio
import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from blossom_data.cli import output
from blossom_data.cli.flags.common import Common
from blossom_data.cli.flags.groups import as_command
from blossom_data.cli.flags.talkers import TalkerFlags, Talkers
from blossom_data.errors import BlossomError, ConfigError, system_hint
from blossom_data.records import Message

if TYPE_CHECKING:
    from blossom_data.train.handoff.sampling import Sampling
    from blossom_data.view.chat.talkers import Talker


@dataclass(frozen=True, slots=True, kw_only=True)
class Drawing:
    """How the next token is drawn."""

    temperature: Annotated[float, typer.Option("--temperature", min=0, metavar="T", help="0: the likeliest.")] = 0.7
    top_p: Annotated[
        float, typer.Option("--top-p", min=0, max=1, metavar="P", help="Share of the likelihood that is drawn from.")
    ] = 0.9
    max_tokens: Annotated[int, typer.Option("--max-tokens", min=1, metavar="N", help="Of one reply.")] = 1024
    seed: Annotated[int, typer.Option("--seed", metavar="N", help="Of the draw, where MODEL is a folder.")] = 0


def talk(
    model: Annotated[
        str,
        typer.Argument(
            metavar="MODEL",
            help="Folder that `train export` wrote, GGUF file, or the name of a model at --base-url.",
        ),
    ],
    drawing: Drawing,
    endpoint: TalkerFlags,
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
    save: Annotated[
        Path | None,
        typer.Option("--save", metavar="FILE", help="Append the conversation to this file, as a record."),
    ] = None,
) -> int:
    """Talk to MODEL in the terminal; replies appear as they are made. An empty line or Ctrl-D leaves.

    Two models side by side, in the browser: blossom-data view --chat MODEL --chat OTHER.

    Example: blossom-data chat models/blossom --prompt "What is 6 times 7?"
    """
    if prompt is None and not sys.stdin.isatty():
        prompt = sys.stdin.read().strip()
    if prompt == "":
        raise ConfigError("nothing is asked", hint="give --prompt TEXT, or write into standard input")
    from blossom_data.train.handoff.sampling import Sampling

    talkers = Talkers(endpoint)
    try:
        talker = talkers.make(model)
        messages = [Message("system", system)] if system else []
        asyncio.run(_talk(talker, messages, Sampling(**asdict(drawing)), prompt, common))
    finally:
        talkers.close()
    if save is not None and any(turn.role == "assistant" for turn in messages):
        _save(save, messages, talker.name)
    return 0


command = as_command("chat")(talk)


async def _talk(
    talker: Talker, messages: list[Message], sampling: Sampling, prompt: str | None, common: Common
) -> None:
    """Asks and answers in turn; `messages` grows by what was said."""
    async with talker:
        while asked := prompt if prompt is not None else _ask():
            messages.append(Message("user", asked))
            said = thought = ""
            async for piece in talker.reply(messages, sampling):
                said, thought = said + piece.text, thought + piece.thinking
                if not common.is_json:
                    output.result_part(piece.text)
            messages.append(Message("assistant", said, thought))
            if common.is_json:
                output.json_result({"reply": said, **({"thinking": thought} if thought else {})})
            else:
                output.result("")
            if prompt is not None:
                break


def _ask() -> str:
    """The next question of a terminal; "" leaves."""
    try:
        return str(typer.prompt(">", default="", show_default=False, prompt_suffix=" "))
    except typer.Abort:
        return ""


def _save(file: Path, messages: list[Message], model: str) -> None:
    from blossom_data.view.chat.conversations import as_record

    try:
        with file.open("ab") as out:
            out.write(as_record(messages, model).to_line())
    except OSError as why:
        raise BlossomError(f"cannot write {file}: {why.strerror}", hint=system_hint(why)) from why
    output.say(f"saved to {file}")

"""blossom-data synthesize chat."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, ClassVar

import typer

from blossom_data.cli.flags.common import CommonOfLong
from blossom_data.cli.flags.endpoint import Asking
from blossom_data.cli.flags.groups import as_command
from blossom_data.cli.synthesis.making import (
    Answering,
    Making,
    Seed,
    build_answers,
    load_prompts,
    refuse_early,
    run_rounds,
)
from blossom_data.errors import ConfigError

if TYPE_CHECKING:
    from blossom_data.records import Record
    from blossom_data.rows import BadRow
    from blossom_data.stages.synthesize.personas import Persona

_PROMPT = "simulate_user"
_PERSONAS = "bundled:personas.jsonl"
_SPAN = re.compile(r"(\d{1,2})(?:-(\d{1,2}))?")
_MOST_TURNS = 20


def turns(value: str) -> str:
    """Fewest and most turns of a user as `3-6`, of `3-6` or `4`."""
    found = _SPAN.fullmatch(value.strip())
    least, most = (int(found[1]), int(found[2] or found[1])) if found else (0, 0)
    if not 1 <= least <= most <= _MOST_TURNS:
        raise typer.BadParameter(f"{value!r} is not a number of turns such as 3-6, at most {_MOST_TURNS}")
    return f"{least}-{most}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Simulating:
    """Who talks, and for how long."""

    panel: ClassVar[str] = "Simulated user"

    number: Annotated[
        int | None, typer.Option("-n", "--number", min=1, metavar="N", help="Chats that are played; all without it.")
    ] = None
    turns: Annotated[
        str,
        typer.Option("--turns", parser=turns, metavar="N-M", help="Turns of the user, as its patience bears."),
    ] = "3-6"
    lang: Annotated[
        str,
        typer.Option("--lang", metavar="TAG", help="Language of the chats; en for personas, else that of the seed."),
    ] = ""
    personas: Annotated[
        str,
        typer.Option(
            "--personas", metavar="FILE", help="With seeds: personas that are drawn to them; 200 that come along else."
        ),
    ] = _PERSONAS
    simulator: Annotated[
        str, typer.Option("--simulator", metavar="NAME", help="Model that plays the user; the one that answers else.")
    ] = ""
    seed: Seed = 0
    prompt: Annotated[
        str, typer.Option("--prompt", metavar="PROMPT", help="How the user is played: prompt name or .toml file.")
    ] = _PROMPT


@as_command("chat")
def command(
    making: Making,
    asking: Asking,
    answering: Answering,
    common: CommonOfLong,
    simulating: Simulating,
    records: Annotated[
        str,
        typer.Argument(
            metavar="SEEDS|PERSONAS",
            help=f"Records whose first request is the goal of a user, or a JSONL of personas; {_PERSONAS} comes along.",
        ),
    ],
) -> int:
    """Let a simulated user talk to the model that answers, each chat with a persona and a goal.

    The user asks, never answers, and stops when its goal is met or its patience ends. A system turn of a seed, or the
    role of a persona, is what the model that answers is to be. A killed run goes on in the middle of a chat.

    Example: blossom-data synthesize chat bundled:personas.jsonl -o made/chats --lang zh --turns 3-6 --model qwen2.5-72b
    """
    if records == "-":
        raise ConfigError("personas and seeds are read more than once", hint="write them to a file first")
    replacement = refuse_early("chat", [records], making, is_dry_run=asking.endpoint.dry_run, limit=simulating.number)
    from blossom_data.languages.tags import canonical
    from blossom_data.stages.synthesize.chat import Chat
    from blossom_data.synthesize.chats import Chats, is_personas, read_personas

    lang = canonical(simulating.lang) if simulating.lang else ""
    has_personas = is_personas(records)
    personas, bad = read_personas(records if has_personas else simulating.personas, lang or "en")
    answers = build_answers(answering)
    least, most = map(int, simulating.turns.split("-"))
    stage = Chat(
        prompts=load_prompts(simulating.prompt, _PROMPT),
        annotate=answers,
        personas=personas,
        least=least,
        most=most,
        seed=simulating.seed,
        simulator=simulating.simulator,
    )
    scenes = _scenes(records, personas, simulating, lang, has_personas=has_personas)
    chats = Chats(list(scenes) if asking.endpoint.dry_run else scenes, stage, bad=bad)
    return run_rounds(
        "chat",
        chats,
        stages=("chat",),
        prompts=[*stage.prompts.values(), answers.prompt],
        settings={"turns": simulating.turns, "lang": lang, "seed": simulating.seed},
        replacement=replacement,
        making=making,
        asking=asking,
        common=common,
        total=_count(records, personas, simulating.number, has_personas=has_personas),
    )


def _count(records: str, personas: dict[str, Persona], number: int | None, *, has_personas: bool) -> int | None:
    """The chats that are played, None where only reading would tell."""
    from blossom_data.rows.facts import count_records

    there = sum(len(persona.goals) for persona in personas.values()) if has_personas else count_records(records)
    return min(there, number) if there and number else there


def _scenes(
    records: str, personas: dict[str, Persona], simulating: Simulating, lang: str, *, has_personas: bool
) -> Iterable[Record | BadRow]:
    """What is played, in order."""
    from blossom_data.sources.advice.raw import read_only_records
    from blossom_data.synthesize.chats import scenes_from, scenes_of

    found: Iterable[Record | BadRow]
    if has_personas:
        found = scenes_of(personas, lang or "en")
    else:
        found = scenes_from(read_only_records(records), list(personas.values()), lang=lang, seed=simulating.seed)
    return itertools.islice(found, simulating.number)

"""blossom-data synthesize self-instruct."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar

import typer

from blossom_data.cli.flags.common import CommonOfLong
from blossom_data.cli.flags.endpoint import Asking
from blossom_data.cli.flags.groups import as_command
from blossom_data.cli.flags.values import share
from blossom_data.cli.synthesis.making import Making, Seed, StopBelow, load_prompts, refuse_early, run_rounds

_PROPOSE, _INSTANCE = "self_instruct", "instance"


def _threshold(value: str | float) -> float:
    """A share above 0: at 0 nothing is new."""
    if (found := share(value)) <= 0:
        raise typer.BadParameter("at 0 no task is new; 0.7 is what the paper takes")
    return found


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposing:
    """How tasks are proposed, and which are taken."""

    panel: ClassVar[str] = "New tasks"

    number: Annotated[int, typer.Option("-n", "--number", min=1, metavar="N", help="Records that are kept at the end.")]
    lang: Annotated[
        str, typer.Option("--lang", metavar="TAG", help="Language of the new tasks; that of most seeds without it.")
    ] = ""
    novelty: Annotated[
        float,
        typer.Option(
            "--novelty",
            parser=_threshold,
            metavar="SHARE",
            show_default="0.7",
            help="ROUGE-L with any task that is there from which on a new one is not taken.",
        ),
    ] = 0.7
    a_prompt: Annotated[
        int, typer.Option("--tasks-a-prompt", min=1, max=32, metavar="N", help="Tasks that one call asks for.")
    ] = 8
    temperature: Annotated[
        float, typer.Option("--temperature", min=0, max=2, metavar="T", help="Of the calls that invent tasks.")
    ] = 0.7
    seed: Seed = 0
    prompt: Annotated[
        str, typer.Option("--prompt", metavar="PROMPT", help="How tasks are invented: prompt name or .toml file.")
    ] = _PROPOSE
    stop_below: StopBelow = 0.0


@as_command("self-instruct")
def command(
    making: Making,
    asking: Asking,
    common: CommonOfLong,
    proposing: Proposing,
    seeds: Annotated[
        str,
        typer.Argument(
            metavar="SEEDS",
            help="Seed tasks: JSONL, JSON or Parquet of instructions or records, a data set folder, a .txt of lines.",
        ),
    ],
) -> int:
    """Invent N tasks unlike the seeds and unlike each other, each with an input and an answer.

    A prompt shows six seeds and two tasks that were made before; what comes back is a reject where its ROUGE-L with any
    task that is there is 0.7 or more. Tasks that sort something are made from their label.

    Example: blossom-data synthesize self-instruct seeds.jsonl -o made/tasks -n 1000 --lang zh --model qwen2.5-72b
    """
    replacement = refuse_early(
        "self-instruct", [seeds], making, is_dry_run=asking.endpoint.dry_run, limit=proposing.number
    )
    from blossom_data.languages.tags import canonical
    from blossom_data.stages.synthesize.propose import MakeInstance, Propose
    from blossom_data.synthesize.seeds import read_seeds
    from blossom_data.synthesize.self_instruct import SelfInstruct

    tasks, bad = read_seeds(seeds)
    langs = [task.lang for task in tasks]
    lang = canonical(proposing.lang) if proposing.lang else max(langs, key=langs.count)
    propose = Propose(
        prompts=load_prompts(proposing.prompt, _PROPOSE),
        number=proposing.a_prompt,
        temperature=proposing.temperature,
    )
    instance = MakeInstance(prompts=load_prompts(_INSTANCE, _INSTANCE))
    rounds = SelfInstruct(
        tasks,
        propose,
        instance,
        number=proposing.number,
        lang=lang,
        seed=proposing.seed,
        threshold=proposing.novelty,
        stop_below=proposing.stop_below,
        bad=bad,
    )
    return run_rounds(
        "self-instruct",
        rounds,
        stages=("self-instruct", "instance"),
        prompts=[*propose.prompts.values(), *instance.prompts.values()],
        settings={"number": proposing.number, "lang": lang, "novelty": proposing.novelty, "seed": proposing.seed},
        replacement=replacement,
        making=making,
        asking=asking,
        common=common,
    )

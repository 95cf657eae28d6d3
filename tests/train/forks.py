"""Runs in processes of their own, and the places at which they are killed.

run_group(recipe, out, world=2, kill="step:7")      every process is killed with SIGKILL after step 7
"""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import Any

import forked


def run_group(recipe: Path, out: Path, *, world: int = 1, kill: str = "", timeout_s: float = 300) -> list[int]:
    """Runs `recipe` in `world` processes; gives their exit codes, negative for a signal."""
    return call(world, "forks", "train_once", str(recipe), str(out), kill, timeout_s=timeout_s)


def call(world: int, module: str, function: str, *arguments: Any, timeout_s: float = 300) -> list[int]:
    """Calls module.function(*arguments) in `world` processes of one group."""
    return forked.call(module, function, *arguments, world=world, timeout_s=timeout_s)


def train_once(recipe: str, out: str, kill: str = "") -> None:
    """One run, ended at the place that `kill` names; an error is written to OUT.error."""
    from blossom_data.errors import BlossomError
    from blossom_data.train.run import train

    _arm(kill)
    try:
        train(Path(recipe), Path(out), tell=lambda line: None)
    except BlossomError as why:
        Path(f"{out}.error").write_text(str(why))
        raise


def train_apart(recipe: str, out: str) -> None:
    """One run in which every process has a folder of its own."""
    from blossom_data.train.preflight import lock

    lock._SEEN_WITHIN_S = 0
    train_once(recipe, f"{out}-{os.environ['RANK']}")


def train_further(recipe: str, out: str, run: str, kill: str = "") -> None:
    """A run that goes on from a finished one."""
    from blossom_data.train.run import train

    _arm(kill)
    train(Path(recipe), Path(out), tell=lambda line: None, continues=Path(run))


def train_scored(recipe: str, out: str) -> None:
    """A run whose scorer likes the model less and less, and says what it was given."""
    from blossom_data.train.run import train

    asked: list[str] = []

    def score(network: object, tokenizer: object) -> float:
        asked.append(f"{type(network).__name__} {type(tokenizer).__name__}")
        Path(f"{out}.asked").write_text("\n".join(asked))
        return -float(len(asked))

    train(Path(recipe), Path(out), tell=lambda line: None, scorer=score)


def train_by_suites(recipe: str, out: str) -> None:
    """A run whose scorer asks the suites that its recipe names."""
    from blossom_data.train.handoff.suite_scorer import recipe_scorer
    from blossom_data.train.run import train

    train(Path(recipe), Path(out), tell=lambda line: None, scorer=recipe_scorer(Path(recipe), None))


def train_several(pairs: list[tuple[str, str]]) -> None:
    """Several runs one after the other."""
    import torch

    from blossom_data.train.run import train

    destroy = torch.distributed.destroy_process_group
    torch.distributed.destroy_process_group = lambda: None
    for recipe, out in pairs:
        train(Path(recipe), Path(out), tell=lambda line: None)
    if torch.distributed.is_initialized():
        torch.distributed.barrier()
        destroy()


def _arm(kill: str) -> None:
    """Makes this process end at step:N, term:N, reference:N, or at writing:N, sealed:N, renamed:N in the Nth save."""
    place, _, number = kill.partition(":")
    if not place:
        return
    from blossom_data.train.loop import loop, reference
    from blossom_data.train.parallel import checkpoint

    count = [0]
    where: dict[str, tuple[Any, str]] = {
        "step": (loop.Loop, "_step"),
        "term": (loop.Loop, "_step"),
        "writing": (checkpoint.torch, "save"),
        "sealed": (checkpoint, "_sealed"),
        "renamed": (checkpoint, "write_atomic"),
        "reference": (reference, "write_atomic"),
    }
    owner, name = where[place]
    before = getattr(owner, name)

    def counted(*arguments: Any, **named: Any) -> Any:
        count[0] += 1
        is_last = count[0] == int(number)
        if is_last and place == "renamed":
            os.kill(os.getpid(), signal.SIGKILL)
        given = before(*arguments, **named)
        if is_last:
            os.kill(os.getpid(), signal.SIGTERM if place == "term" else signal.SIGKILL)
        return given

    setattr(owner, name, counted)

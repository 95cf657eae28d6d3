"""blossom-data train run."""

from __future__ import annotations

import contextlib
import os
import sys
import traceback
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, ClassVar, NoReturn

import typer

from blossom_data.cli import output
from blossom_data.cli.flags.common import Common
from blossom_data.cli.flags.evaluating import BenchDir
from blossom_data.cli.flags.groups import as_command
from blossom_data.cli.flags.values import switch
from blossom_data.errors import BlossomError
from blossom_data.train.launch import WAIT_S


@dataclass(frozen=True, slots=True, kw_only=True)
class Processes:
    """Which processes train together."""

    panel: ClassVar[str] = "Processes and machines"

    gpus: Annotated[int, typer.Option("--gpus", min=1, metavar="N", help="Processes on each machine.")] = 1
    nodes: Annotated[int, typer.Option("--nodes", min=1, metavar="N", help="Machines.")] = 1
    node_rank: Annotated[int, typer.Option("--node-rank", min=0, metavar="N", help="Which machine this is.")] = 0
    rendezvous: Annotated[
        str, typer.Option("--rendezvous", metavar="HOST:PORT", help="Of the first machine, where several meet.")
    ] = ""
    rendezvous_timeout: Annotated[
        int,
        typer.Option(
            "--rendezvous-timeout",
            min=1,
            metavar="SECONDS",
            help="How long machines wait for each other at the beginning.",
        ),
    ] = WAIT_S
    local_rank: Annotated[
        int | None,
        typer.Option("--local_rank", hidden=True, help="Given by the deepspeed launcher; the environment says it."),
    ] = None


@as_command("run")
def command(
    recipe: Annotated[Path, typer.Argument(metavar="RECIPE", help="Recipe file (TOML).")],
    out: Annotated[Path, typer.Option("-o", "--out", metavar="FOLDER", help="Folder of the run.")],
    processes: Processes,
    common: Common,
    continues: Annotated[
        Path | None,
        typer.Option("--continue", metavar="RUN", help="Go on from the weights of this finished run."),
    ] = None,
    ignore_memory_plan: Annotated[
        bool, switch("--ignore-memory-plan", help="Go on where a step is planned to take more than is free.")
    ] = False,
    bench_dir: BenchDir = None,
) -> int:
    """Train as RECIPE says; the same command again goes on from the newest checkpoint.

    Everything that can be checked is checked before the first step: the hashes of the data, the tokenizer, the stop
    token, lengths, attention inside documents, memory, the disk. SIGTERM and Ctrl-C end the step, save and leave.

    Example: blossom-data train run recipe.toml -o runs/blossom --gpus 8
    """
    from blossom_data.train.template.tokens import missing_extra

    try:
        from blossom_data.train.handoff.suite_scorer import recipe_scorer
        from blossom_data.train.launch import Machines, check_machines, launch
        from blossom_data.train.parallel.processes import is_first_process, is_launched
        from blossom_data.train.run import train
    except ImportError as why:
        raise missing_extra() from why
    tell = (lambda line: None) if common.is_quiet else output.say
    scorer = recipe_scorer(recipe, bench_dir)
    if processes.gpus * processes.nodes > 1 and not is_launched():
        machines = Machines(
            processes=processes.gpus,
            nodes=processes.nodes,
            node_rank=processes.node_rank,
            rendezvous=processes.rendezvous,
            wait_s=processes.rendezvous_timeout,
        )
        arguments = ["train", "run", str(recipe), "-o", str(out)]
        given = {"--quiet": common.is_quiet, "--debug": common.is_debug, "--json": common.is_json}
        given["--ignore-memory-plan"] = ignore_memory_plan
        arguments += ["--continue", str(continues)] if continues is not None else []
        arguments += ["--bench-dir", str(bench_dir)] if bench_dir is not None else []
        arguments += [flag for flag, is_given in given.items() if is_given]
        check_machines(machines, recipe, out, tell=tell, continues=continues)
        return launch(machines, arguments, tell=tell)
    # Libraries that are imported on the way log to standard output, which is for the result alone.
    with _handing_over(is_debug=common.is_debug), contextlib.redirect_stdout(sys.stderr):
        result = train(
            recipe, out, tell=tell, ignore_memory_plan=ignore_memory_plan, continues=continues, scorer=scorer
        )
    if common.is_json and is_first_process():
        output.json_result(result)
    elif not common.is_quiet and is_first_process():
        output.result(render_run(result))
    if is_launched():
        # Everything is saved and the group is left; torch's gloo threads may abort an interpreter that tears down.
        _leave(0)
    return 0


@contextlib.contextmanager
def _handing_over(*, is_debug: bool) -> Iterator[None]:
    """Hands what goes wrong to our launcher, if one started this process: it tells one error for all processes."""
    from blossom_data.train.parallel.failures import hand_over, is_handed_over
    from blossom_data.train.parallel.processes import end_with_launcher, is_launched

    if is_launched():
        end_with_launcher()
    if not is_handed_over():
        yield
        return
    try:
        yield
    except Exception as why:
        if is_debug:
            traceback.print_exc()
        error = why if isinstance(why, BlossomError) else output.unforeseen(why)
        if not hand_over(error):
            output.error(error, is_json=False)
        _leave(error.exit_code)


def _leave(code: int) -> NoReturn:
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


def render_run(result: dict[str, Any]) -> str:
    """What was trained, for people."""
    lines = [f"{result['out']}: {result['steps']:,} steps, {result['tokens']:,} tokens, loss {result['loss']:.4f}"]
    for stage in result["stages"]:
        replayed = f" and {stage['replay']:,} replayed" if stage["replay"] else ""
        held = f", {stage['held_out']:,} held out" if stage["held_out"] else ""
        lines.append(f"  {stage['name']}  {stage['data']:,} {stage['unit']}{replayed}{held}")
    if best := result.get("best"):
        lines.append(f"  best  stage {best['stage']}, {'score' if 'score' in best else 'loss'} {_value(best):.4f}")
    return "\n".join([*lines, f"  newest checkpoint  {result['checkpoint']}"])


def _value(best: dict[str, Any]) -> float:
    return float(best["score"] if "score" in best else best["loss"])

"""blossom-data train run."""

from __future__ import annotations

import contextlib
import os
import sys
import traceback
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NoReturn

import click

from blossom_data.cli import output
from blossom_data.cli.options import common
from blossom_data.errors import BlossomError
from blossom_data.train.launch import WAIT_S


@click.command("run")
@click.argument("recipe", type=click.Path(path_type=Path))
@click.option("-o", "--out", type=click.Path(path_type=Path), required=True, help="Folder of the run.")
@click.option("--gpus", type=click.IntRange(min=1), default=1, show_default=True, help="Processes on each machine.")
@click.option("--nodes", type=click.IntRange(min=1), default=1, show_default=True, help="Machines.")
@click.option("--node-rank", type=click.IntRange(min=0), default=0, show_default=True, help="Which machine this is.")
@click.option("--rendezvous", default="", help="HOST:PORT of the first machine, where several meet.")
@click.option(
    "--rendezvous-timeout",
    type=click.IntRange(min=1),
    default=WAIT_S,
    show_default=True,
    help="Seconds that machines wait for each other at the beginning.",
)
@click.option("--ignore-memory-plan", is_flag=True, help="Go on where a step is planned to take more than is free.")
@click.option("--local_rank", type=int, hidden=True, help="Given by the deepspeed launcher; the environment says it.")
@common
def command(
    recipe: Path,
    out: Path,
    gpus: int,
    nodes: int,
    node_rank: int,
    rendezvous: str,
    rendezvous_timeout: int,
    ignore_memory_plan: bool,
    local_rank: int,
    **flags: Any,
) -> int:
    """Train as RECIPE says; the same command again goes on from the newest checkpoint.

    Everything that can be checked is checked before the first step: the hashes of the data, the tokenizer, the stop
    token, lengths, attention inside documents, memory, the disk. SIGTERM and Ctrl-C end the step, save and leave.

    \b
    Example: blossom-data train run recipe.toml -o runs/blossom --gpus 8
    """
    from blossom_data.train.template.tokens import missing_extra

    try:
        from blossom_data.train.launch import Machines, check_machines, launch
        from blossom_data.train.parallel.processes import is_first_process, is_launched
        from blossom_data.train.run import train
    except ImportError as why:
        raise missing_extra() from why
    tell = (lambda line: None) if flags["quiet"] else output.say
    if gpus * nodes > 1 and not is_launched():
        machines = Machines(
            processes=gpus, nodes=nodes, node_rank=node_rank, rendezvous=rendezvous, wait_s=rendezvous_timeout
        )
        arguments = ["train", "run", str(recipe), "-o", str(out)]
        given = {f"--{name}": flags[name] for name in ("quiet", "debug")}
        given |= {"--json": flags["is_json"], "--ignore-memory-plan": ignore_memory_plan}
        arguments += [flag for flag, is_given in given.items() if is_given]
        check_machines(machines, recipe, out, tell=tell)
        return launch(machines, arguments, tell=tell)
    # Libraries that are imported on the way log to standard output, which is for the result alone.
    with _handing_over(is_debug=flags["debug"]), contextlib.redirect_stdout(sys.stderr):
        result = train(recipe, out, tell=tell, ignore_memory_plan=ignore_memory_plan)
    if flags["is_json"] and is_first_process():
        output.json_result(result)
    elif not flags["quiet"] and is_first_process():
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
    return "\n".join([*lines, f"  newest checkpoint  {result['checkpoint']}"])

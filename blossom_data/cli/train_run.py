"""blossom-data train run."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

import click

from blossom_data.cli import output
from blossom_data.cli.options import common


@click.command("run")
@click.argument("recipe", type=click.Path(path_type=Path))
@click.option("-o", "--out", type=click.Path(path_type=Path), required=True, help="Folder of the run.")
@click.option("--gpus", type=click.IntRange(min=1), default=1, show_default=True, help="Processes on each machine.")
@click.option("--nodes", type=click.IntRange(min=1), default=1, show_default=True, help="Machines.")
@click.option("--node-rank", type=click.IntRange(min=0), default=0, show_default=True, help="Which machine this is.")
@click.option("--rendezvous", default="", help="HOST:PORT of the first machine, where several meet.")
@click.option("--local_rank", type=int, hidden=True, help="Given by the deepspeed launcher; the environment says it.")
@common
def command(
    recipe: Path, out: Path, gpus: int, nodes: int, node_rank: int, rendezvous: str, local_rank: int, **flags: Any
) -> int:
    """Train as RECIPE says; the same command again goes on from the newest checkpoint.

    Everything that can be checked is checked before the first step: the hashes of the data, the tokenizer, the stop
    token, lengths, attention inside documents, the disk. SIGTERM and Ctrl-C end the step, save and leave.

    \b
    Example: blossom-data train run recipe.toml -o runs/blossom --gpus 8
    """
    from blossom_data.train.tokens import missing_extra

    try:
        from blossom_data.train.launch import Machines, launch
        from blossom_data.train.processes import is_first_process, is_launched
        from blossom_data.train.run import train
    except ImportError as why:
        raise missing_extra() from why
    tell = (lambda line: None) if flags["quiet"] else output.say
    if gpus * nodes > 1 and not is_launched():
        from blossom_data.train.prepare import prepare

        prepare(recipe, out, tell=tell)
        arguments = ["train", "run", str(recipe), "-o", str(out)]
        arguments += [flag for flag, name in (("--json", "is_json"), ("--quiet", "quiet")) if flags[name]]
        machines = Machines(processes=gpus, nodes=nodes, node_rank=node_rank, rendezvous=rendezvous)
        return launch(machines, arguments, tell=tell)
    result = train(recipe, out, tell=tell)
    if flags["is_json"] and is_first_process():
        output.json_result(result)
    elif not flags["quiet"] and is_first_process():
        output.result(render_run(result))
    if is_launched():
        # Everything is saved and the group is left; torch's gloo threads may abort an interpreter that tears down.
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(0)
    return 0


def render_run(result: dict[str, Any]) -> str:
    """What was trained, for people."""
    lines = [f"{result['out']}: {result['steps']:,} steps, {result['tokens']:,} tokens, loss {result['loss']:.4f}"]
    for stage in result["stages"]:
        replayed = f" and {stage['replay']:,} replayed" if stage["replay"] else ""
        held = f", {stage['held_out']:,} held out" if stage["held_out"] else ""
        lines.append(f"  {stage['name']}  {stage['data']:,} documents{replayed}{held}")
    return "\n".join([*lines, f"  newest checkpoint  {result['checkpoint']}"])

"""blossom-data train plan."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from blossom_data.cli import output
from blossom_data.cli.options import common


@click.command("plan")
@click.argument("recipe", type=click.Path(path_type=Path))
@click.option("--gpus", type=click.IntRange(min=1), default=1, show_default=True, help="Devices in all.")
@click.option(
    "--memory-gib", type=click.FloatRange(min=0.001), help="Memory of a device; without it that of the GPU found."
)
@click.option("--tokens-per-s", type=click.FloatRange(min=1), help="Measured speed of all devices, for the time.")
@common
def command(recipe: Path, gpus: int, memory_gib: float | None, tokens_per_s: float | None, **flags: Any) -> int:
    """Say what RECIPE takes: parameters, tokens, steps, the memory of a step; exit code 2 where it cannot fit.

    \b
    Example: blossom-data train plan recipe.toml --memory-gib 80
    """
    from blossom_data.train.tokens import missing_extra

    try:
        import torch

        from blossom_data.train.plan import make_plan, refuse_misfit
        from blossom_data.train.prepare import prepare
    except ImportError as why:
        raise missing_extra() from why
    if memory_gib is None and torch.cuda.is_available():
        memory_gib = torch.cuda.get_device_properties(0).total_memory / 2**30
    prepared = prepare(recipe, None, tell=output.say)
    plan = make_plan(prepared, gpus=gpus, memory_gib=memory_gib, tokens_per_s=tokens_per_s)
    if not flags["is_json"]:
        if not flags["quiet"]:
            output.result(render_plan(plan))
        refuse_misfit(plan)
        return 0
    output.json_result(plan)
    return 2 if plan["memory"]["fits"] is False else 0


def render_plan(plan: dict[str, Any]) -> str:
    """The plan, for people."""
    trained = f", {plan['trained']:,} trained" if plan["trained"] != plan["parameters"] else ""
    lines = [f"{plan['parameters']:,} parameters{trained}, {plan['steps']:,} steps, {plan['tokens']:,} tokens"]
    for stage in plan["stages"]:
        replayed = f" + {stage['replay']:,} replayed" if stage["replay"] else ""
        lines.append(
            f"  {stage['name']}  {stage['data']:,}{replayed} documents x {stage['epochs']}, {stage['tokens']:,} tokens "
            f"({stage['supervised']:,} supervised), {stage['rows']:,} rows {stage['fill']:.1%} full, "
            f"{stage['steps']:,} steps"
        )
    memory = plan["memory"]
    lines.append(
        f"  memory  {memory['peak_gib']:.2f} GiB a device, of it {memory['states_gib']:.2f} weights and states"
    )
    if plan["memory_gib"] is None:
        lines.append("          no GPU found to compare with: give --memory-gib")
    else:
        lines.append(f"          {'fits' if memory['fits'] else 'does not fit'} in {plan['memory_gib']:.1f} GiB")
    lines.append(f"  disk    {plan['checkpoint_gib']:.2f} GiB a checkpoint")
    if plan["hours"] is not None:
        lines.append(f"  time    {plan['hours']:.2f} hours at the stated speed")
    return "\n".join(lines)

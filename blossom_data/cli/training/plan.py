"""blossom-data train plan."""

from __future__ import annotations

import statistics
import tempfile
from pathlib import Path
from typing import Annotated, Any

import typer

from blossom_data.cli import output
from blossom_data.cli.flags.common import Common
from blossom_data.cli.flags.evaluating import BenchDir
from blossom_data.cli.flags.groups import as_command
from blossom_data.errors import InputError


@as_command("plan")
def command(
    recipe: Annotated[Path, typer.Argument(metavar="RECIPE", help="Recipe file (TOML).")],
    common: Common,
    gpus: Annotated[
        int | None,
        typer.Option("--gpus", min=1, metavar="N", help="Devices in all; without it those found here, or one."),
    ] = None,
    memory_gib: Annotated[
        float | None,
        typer.Option(
            "--memory-gib", min=0.001, metavar="GIB", help="Memory of a device; without it that of the GPU found."
        ),
    ] = None,
    tokens_per_s: Annotated[
        float | None,
        typer.Option("--tokens-per-s", min=1, metavar="N", help="Speed of all devices together, for the time."),
    ] = None,
    speed_of: Annotated[
        Path | None,
        typer.Option("--speed-of", metavar="RUN", help="Take the speed that this run logged last."),
    ] = None,
    bench_dir: BenchDir = None,
) -> int:
    """Say what RECIPE takes: parameters, tokens, steps, time, and the memory of a step under this and other settings.

    Settings are compared that train the same rows in a step: smaller micro-batches, checkpointing, ZeRO, offloading.
    Exit code 2 where the recipe does not fit; the error names the first setting that does.

    Example: blossom-data train plan recipe.toml --gpus 8 --memory-gib 80 --tokens-per-s 300000
    """
    from blossom_data.train.template.tokens import load_tokenizer, missing_extra

    score_s = None
    if speed_of is not None:
        tokens_per_s, score_s = _speed_of(speed_of)
    try:
        import torch

        from blossom_data.train.handoff.suite_scorer import recipe_scorer
        from blossom_data.train.preflight.plan import make_plan, refuse_misfit
        from blossom_data.train.preflight.prepare import prepare
    except ImportError as why:
        raise missing_extra() from why
    has_gpu = torch.cuda.is_available()
    if memory_gib is None and has_gpu:
        memory_gib = torch.cuda.get_device_properties(0).total_memory / 2**30
    scorer = recipe_scorer(recipe, bench_dir)
    with tempfile.TemporaryDirectory() as scratch:
        prepared = prepare(recipe, None, tell=output.say, scratch=Path(scratch))
        plan = make_plan(
            prepared,
            gpus=gpus or (torch.cuda.device_count() if has_gpu else 1),
            memory_gib=memory_gib,
            tokens_per_s=tokens_per_s,
            all_settings=True,
            suites=scorer.cost(load_tokenizer(prepared.recipe.base_model)) if scorer is not None else None,
            score_s=score_s,
        )
    if not common.is_json:
        if not common.is_quiet:
            output.result(render_plan(plan))
        refuse_misfit(plan)
        return 0
    output.json_result(plan)
    return 2 if plan["memory"]["fits"] is False else 0


def _speed_of(run: Path) -> tuple[float, float | None]:
    """Tokens a second, the median of what a run logged in its last stage; seconds of an evaluation by suites."""
    from blossom_data.train.loop.metrics import read_metrics

    metrics = list(read_metrics(run))
    lines = [line for line in metrics if line["kind"] == "train"]
    if not lines:
        raise InputError(f"{run} logged no speed", hint="name the folder of a run, or give --tokens-per-s")
    speed = statistics.median(line["tokens_per_s"] for line in lines if line["stage"] == lines[-1]["stage"])
    scored = [line["score_s"] for line in metrics if "score_s" in line]
    return float(speed), statistics.median(scored) if scored else None


def render_plan(plan: dict[str, Any]) -> str:
    """The plan, for people."""
    from blossom_data.train.preflight.plan import describe

    trained = f", {plan['trained']:,} trained" if plan["trained"] != plan["parameters"] else ""
    lines = [f"{plan['parameters']:,} parameters{trained}, {plan['steps']:,} steps, {plan['tokens']:,} tokens"]
    for stage in plan["stages"]:
        replayed = f" + {stage['replay']:,} replayed" if stage["replay"] else ""
        time = f", {stage['hours']:.2f} h" if stage["hours"] is not None else ""
        lines.append(
            f"  {stage['name']}  {stage['data']:,}{replayed} {stage['unit']} x {stage['epochs']}, "
            f"{stage['tokens']:,} tokens ({stage['supervised']:,} supervised), "
            f"{stage['rows']:,} rows {stage['fill']:.1%} full, "
            f"{stage['steps']:,} steps{time}"
        )
    if suites := plan.get("suites"):
        time = f", {suites['hours']:.2f} h beside the training" if suites["hours"] is not None else ""
        lines.append(
            f"  suites  {suites['evaluations']:,} evaluations of {suites['questions']:,} questions, "
            f"shared by the processes: at most {suites['tokens']:,} tokens{time}"
        )
    memory = plan["memory"]
    lines.append(
        f"  memory  {memory['peak_gib']:.2f} GiB a device, of it {memory['states_gib']:.2f} weights and states"
    )
    if plan["memory_gib"] is None:
        lines.append("          no GPU found to compare with: give --memory-gib")
    else:
        lines.append(f"          {'fits' if memory['fits'] else 'does not fit'} in {plan['memory_gib']:.1f} GiB")
    lines += _settings_table(plan)
    if plan["proposed"] not in (None, memory):
        lines.append(f"  proposed  {describe(plan['proposed'])}")
    lines.append(f"  disk    {plan['checkpoint_gib']:.2f} GiB a checkpoint")
    if plan["hours"] is not None:
        lines.append(f"  time    {plan['hours']:.2f} hours at {plan['tokens_per_s']:,.0f} tokens a second")
    return "\n".join(lines)


def _settings_table(plan: dict[str, Any]) -> list[str]:
    """A line for each batch, a column for each way to hold the states; `!` marks what does not fit."""
    engines = list(dict.fromkeys((one["zero"], one["offload"]) for one in plan["settings"]))
    peaks = {
        (one["micro_batch"], one["accumulation"], one["checkpointing"], one["zero"], one["offload"]): one
        for one in plan["settings"]
    }
    names = [_engine_name(*engine) for engine in engines]
    lines = ["  the same rows a step, GiB a device", f"    {'':32}" + "".join(f"{name:>17}" for name in names)]
    for micro, accumulation, checkpointing in dict.fromkeys(key[:3] for key in peaks):
        told = f"{micro} x {accumulation}{', checkpointing' if checkpointing else ''}"
        cells = []
        for engine in engines:
            one = peaks[(micro, accumulation, checkpointing, *engine)]
            cells.append(f"{one['peak_gib']:.2f}{'!' if one['fits'] is False else ' '}")
        lines.append(f"    {told:32}" + "".join(f"{cell:>17}" for cell in cells))
    return lines


def _engine_name(zero: int | None, offload: str) -> str:
    if zero is None:
        return "plain"
    return f"ZeRO-{zero}{' offloaded' if offload != 'none' else ''}"

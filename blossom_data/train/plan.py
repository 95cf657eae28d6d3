"""What a recipe takes before it runs: tokens, steps, memory and, at a stated speed, time.

plan = make_plan(prepared, gpus=1, memory_gib=80.0)
plan["memory"]     {"micro_batch": 8, "checkpointing": false, "peak_gib": 96.3, "fits": false}
plan["would_fit"]  {"micro_batch": 8, "checkpointing": true, ...}
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from blossom_data.errors import ConfigError
from blossom_data.train.loop import Plan
from blossom_data.train.memory import step_memory
from blossom_data.train.prepare import Prepared, checkpoint_bytes
from blossom_data.train.recipe import DeepSpeed, Recipe

_GIB = 2.0**30
_SPARE = 0.94
"""Share of a device's memory that a step may take: the rest is context and what the allocator cannot use."""


def make_plan(prepared: Prepared, *, gpus: int, memory_gib: float | None, tokens_per_s: float | None) -> dict[str, Any]:
    """The plan of a recipe on `gpus` devices of `memory_gib` each (None: nothing is compared)."""
    recipe = prepared.recipe
    stages = [_stage(draw, recipe.micro_batch * recipe.accumulation * gpus) for draw in prepared.draws]
    tokens = sum(stage["tokens"] for stage in stages)
    share = max(stage["supervised"] / stage["tokens"] for stage in stages)
    plan: dict[str, Any] = {
        "parameters": prepared.parameters,
        "trained": prepared.trained,
        "gpus": gpus,
        "stages": stages,
        "tokens": tokens,
        "steps": sum(stage["steps"] for stage in stages),
        "checkpoint_gib": round(checkpoint_bytes(recipe, prepared.trained) / _GIB, 3),
        "memory_gib": memory_gib,
        "memory": _memory(prepared, recipe, gpus, share, memory_gib),
        "would_fit": None,
        "hours": round(tokens / tokens_per_s / 3600, 2) if tokens_per_s else None,
    }
    if memory_gib is not None and not plan["memory"]["fits"]:
        tried = (_memory(prepared, other, gpus, share, memory_gib) for other in _alternatives(recipe, gpus))
        plan["would_fit"] = next((one for one in tried if one["fits"]), None)
    return plan


def refuse_misfit(plan: dict[str, Any]) -> None:
    """Raises ConfigError where the recipe does not fit, with a setting that does."""
    if plan["memory"]["fits"] is False:
        other = plan["would_fit"]
        raise ConfigError(
            f"a step takes {plan['memory']['peak_gib']:.1f} GiB of the {plan['memory_gib']:.1f} GiB that a device has",
            hint=f"this fits: {describe(other)}" if other else "nothing fits: train with [lora], or a smaller model",
        )


def describe(setting: dict[str, Any]) -> str:
    """A setting as recipe keys."""
    told = f"micro_batch = {setting['micro_batch']}, checkpointing = {str(setting['checkpointing']).lower()}"
    if setting["zero"] is not None:
        told += f", [deepspeed] stage = {setting['zero']} offload = {setting['offload']!r}"
    return f"{told} ({setting['peak_gib']:.1f} GiB)"


def _stage(draw: Any, rows_per_step: int) -> dict[str, Any]:
    table = Plan(draw, rows_per_step)
    tokens = sum(rows.tokens(0, len(rows)) for rows in table.epochs)
    rows = sum(map(len, table.epochs))
    return {
        "name": draw.recipe.name,
        **draw.counts,
        "epochs": draw.recipe.epochs,
        "rows": rows,
        "tokens": tokens,
        "supervised": sum(rows.targets(0, len(rows)) for rows in table.epochs),
        "fill": round(tokens / (rows * draw.seq_len), 4),
        "steps": table.steps,
    }


def _alternatives(recipe: Recipe, gpus: int) -> list[Recipe]:
    """Settings with the same result, cheapest in speed first: checkpointing, smaller batches, sharding, offloading."""
    found = []
    engines: list[DeepSpeed | None] = [recipe.deepspeed]
    if gpus > 1:
        engines += [DeepSpeed(stage=2), DeepSpeed(stage=3)]
    engines += [DeepSpeed(stage=2, offload="cpu"), DeepSpeed(stage=3, offload="cpu")]
    for engine in engines:
        for checkpointing in sorted({recipe.checkpointing, True}):
            micro = recipe.micro_batch
            while micro >= 1:
                factor = recipe.micro_batch // micro
                found.append(
                    replace(
                        recipe,
                        deepspeed=engine,
                        checkpointing=checkpointing,
                        micro_batch=micro,
                        accumulation=recipe.accumulation * factor,
                    )
                )
                micro //= 2
    return found[1:]


def _memory(prepared: Prepared, recipe: Recipe, gpus: int, share: float, memory_gib: float | None) -> dict[str, Any]:
    found = step_memory(
        recipe,
        prepared.config,
        micro_batch=recipe.micro_batch,
        checkpointing=recipe.checkpointing,
        supervised=share,
        world=gpus,
    )
    return {
        "micro_batch": recipe.micro_batch,
        "accumulation": recipe.accumulation,
        "checkpointing": recipe.checkpointing,
        "zero": recipe.deepspeed.stage if recipe.deepspeed else None,
        "offload": recipe.deepspeed.offload if recipe.deepspeed else "none",
        "states_gib": round(found.states / _GIB, 3),
        "peak_gib": round(found.peak / _GIB, 3),
        "fits": None if memory_gib is None else found.peak / _GIB <= memory_gib * _SPARE,
    }

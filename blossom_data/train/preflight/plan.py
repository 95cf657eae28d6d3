"""What a recipe takes before it runs: tokens, steps, memory under this and other settings, and time at a given speed.

plan = make_plan(prepared, gpus=1, memory_gib=80.0)
plan["memory"]     {"micro_batch": 8, "accumulation": 2, "checkpointing": false, "zero": null, "peak_gib": 96.3, ...}
plan["settings"]   the same for every setting that trains the same rows in a step, fastest first
plan["proposed"]   the first of them that fits; None where nothing does, or no memory is given
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from blossom_data.errors import ConfigError
from blossom_data.train.data.data_order import StageDraw
from blossom_data.train.loop.loop import Plan
from blossom_data.train.preflight.memory import Measured, measure_step, sharded
from blossom_data.train.preflight.prepare import Prepared, checkpoint_bytes
from blossom_data.train.recipe.methods import DeepSpeed
from blossom_data.train.recipe.recipe import Recipe

_GIB = 2.0**30
_SPARE = 0.94
"""Share of a device's memory that a step may take: the rest is context and what the allocator cannot use."""
_BATCHES = 4
"""Different micro-batches that are looked at, beside the recipe's own and 1."""


def make_plan(
    prepared: Prepared,
    *,
    gpus: int,
    memory_gib: float | None,
    tokens_per_s: float | None,
    is_gpu: bool = True,
    all_settings: bool = False,
    suites: Mapping[str, int] | None = None,
    score_s: float | None = None,
) -> dict[str, Any]:
    """The plan of a recipe on `gpus` devices of `memory_gib` each (None: nothing is compared).

    Args:
        tokens_per_s: of all devices together; None: no time is given.
        is_gpu: False where devices are processes that share main memory.
        all_settings: measure every setting; else only as many as it takes to find one that fits.
        suites: what one evaluation by suites takes, as SuiteScorer.cost says.
        score_s: seconds of one evaluation by suites; None: no time of them is given.
    """
    recipe = prepared.recipe
    stages = [_stage(draw, recipe.micro_batch * recipe.accumulation * gpus, tokens_per_s) for draw in prepared.draws]
    tokens = sum(stage["tokens"] for stage in stages)
    # Stages of chats and of preference pairs take different memory; of one kind, the one that learns most counts.
    shares: dict[bool, float] = {}
    for stage in stages:
        is_pairs, share = stage["unit"] != "documents", stage["supervised"] / stage["tokens"]
        shares[is_pairs] = max(shares.get(is_pairs, 0.0), share)
    settings = _Settings(prepared, gpus, shares, memory_gib, is_gpu=is_gpu)
    own = settings.describe(recipe)
    plan: dict[str, Any] = {
        "parameters": prepared.parameters,
        "trained": prepared.trained,
        "gpus": gpus,
        "stages": stages,
        "tokens": tokens,
        "supervised": sum(stage["supervised"] for stage in stages),
        "steps": sum(stage["steps"] for stage in stages),
        "checkpoint_gib": round(checkpoint_bytes(recipe, prepared.trained) / _GIB, 3),
        "memory_gib": memory_gib,
        "memory": own,
        "settings": list(settings.others()) if all_settings else [],
        "proposed": None,
        "tokens_per_s": tokens_per_s,
        "hours": _hours(tokens, sum(stage["reference_tokens"] for stage in stages), tokens_per_s),
    }
    if suites is not None:
        plan["suites"] = _suites(suites, plan["stages"], recipe.eval_every, score_s)
    if memory_gib is not None and (all_settings or not own["fits"]):
        plan["proposed"] = next((one for one in settings.others() if one["fits"]), None)
    return plan


def refuse_misfit(plan: dict[str, Any], *, of: str = "that a device has", further: str = "") -> None:
    """Raises ConfigError where the recipe does not fit, with a setting that does.

    Args:
        of: what the memory is that it was compared with.
        further: what else can be done.
    """
    if plan["memory"]["fits"] is False:
        other = plan["proposed"]
        smaller = "a smaller model" if plan["trained"] != plan["parameters"] else "[lora], or a smaller model"
        told = f"this fits: {describe(other)}" if other else f"nothing fits: train {smaller}, or shorter rows"
        raise ConfigError(
            f"a step takes {plan['memory']['peak_gib']:.2f} GiB, too much for the {plan['memory_gib']:.2f} GiB {of}",
            hint=told + further,
        )


def describe(setting: dict[str, Any]) -> str:
    """A setting as recipe keys."""
    told = f"micro_batch = {setting['micro_batch']}, accumulation = {setting['accumulation']}"
    told += f", checkpointing = {str(setting['checkpointing']).lower()}"
    if setting["zero"] is not None:
        told += f", [deepspeed] stage = {setting['zero']} offload = {setting['offload']!r}"
    return f"{told} ({setting['peak_gib']:.2f} GiB)"


def _stage(draw: StageDraw, rows_per_step: int, tokens_per_s: float | None) -> dict[str, Any]:
    table = Plan(draw, rows_per_step)
    tokens = sum(rows.tokens(0, len(rows)) for rows in table.epochs)
    rows = sum(map(len, table.epochs))
    preference = draw.recipe.preference
    has_reference = preference is not None and preference.has_reference
    reference = int(draw.documents.tokens.sum() + draw.held_out.tokens.sum()) if has_reference else 0
    return {
        "name": draw.recipe.name,
        "unit": draw.recipe.unit,
        **draw.counts,
        "epochs": draw.recipe.epochs,
        "rows": rows,
        "tokens": tokens,
        "supervised": sum(rows.targets(0, len(rows)) for rows in table.epochs),
        "fill": round(tokens / (rows * draw.seq_len), 4),
        "steps": table.steps,
        "reference_tokens": reference,
        "hours": _hours(tokens, reference, tokens_per_s),
    }


def _suites(
    cost: Mapping[str, int], stages: Sequence[Mapping[str, Any]], every: int, score_s: float | None
) -> dict[str, Any]:
    """What the questions of the suites take over the whole run, which may end stages earlier."""
    total, evaluations = 0, 0
    for stage in stages:
        ends = total + stage["steps"]
        evaluations += 1 + ((ends - 1) // every - total // every if every else 0)
        total = ends
    return {
        **cost,
        "evaluations": evaluations,
        "tokens": evaluations * (cost["prompt_tokens"] + cost["answer_tokens"]),
        "hours": None if score_s is None else round(evaluations * score_s / 3600, 2),
    }


def _hours(tokens: int, reference_tokens: int, tokens_per_s: float | None) -> float | None:
    """The time of training; the reference of preference pairs is a forward pass, a third of a step's work."""
    return round((tokens + reference_tokens / 3) / tokens_per_s / 3600, 2) if tokens_per_s else None


class _Settings:
    """The memory of a recipe under several settings; each batch is measured once, whatever shards it."""

    def __init__(
        self, prepared: Prepared, gpus: int, shares: Mapping[bool, float], memory_gib: float | None, *, is_gpu: bool
    ) -> None:
        self._prepared, self._gpus, self._shares = prepared, gpus, shares
        self._memory_gib, self._is_gpu = memory_gib, is_gpu
        self._measured: dict[tuple[int, bool], Measured] = {}

    def describe(self, recipe: Recipe) -> dict[str, Any]:
        """What a step of `recipe` takes, and whether it fits."""
        key = (recipe.micro_batch, recipe.checkpointing)
        if key not in self._measured:
            steps = (
                measure_step(
                    recipe,
                    self._prepared.config,
                    micro_batch=key[0],
                    checkpointing=key[1],
                    supervised=share,
                    pairs=pairs,
                )
                for pairs, share in self._shares.items()
            )
            self._measured[key] = max(steps, key=lambda step: step.memory.peak)
        found = sharded(self._measured[key], recipe, self._gpus, is_gpu=self._is_gpu)
        return {
            "micro_batch": recipe.micro_batch,
            "accumulation": recipe.accumulation,
            "checkpointing": recipe.checkpointing,
            "zero": recipe.deepspeed.stage if recipe.deepspeed else None,
            "offload": recipe.deepspeed.offload if recipe.deepspeed else "none",
            "states_gib": round(found.states / _GIB, 3),
            "peak_gib": round(found.peak / _GIB, 3),
            "fits": None if self._memory_gib is None else found.peak / _GIB <= self._memory_gib * _SPARE,
        }

    def others(self) -> Iterator[dict[str, Any]]:
        """Settings with the same result, the cheapest in speed first: as it is, recomputing, sharding, offloading."""
        recipe = self._prepared.recipe
        rows = recipe.micro_batch * recipe.accumulation
        engines: list[DeepSpeed | None] = [recipe.deepspeed]
        if self._gpus > 1:
            engines += [DeepSpeed(stage=2), DeepSpeed(stage=3)]
        if self._is_gpu:
            engines += [DeepSpeed(stage=2, offload="cpu"), DeepSpeed(stage=3, offload="cpu")]
        for engine in engines:
            for checkpointing in (False, True):
                for micro in micro_batches(rows, recipe.micro_batch):
                    batch = replace(recipe, micro_batch=micro, accumulation=rows // micro)
                    yield self.describe(replace(batch, deepspeed=engine, checkpointing=checkpointing))


def micro_batches(rows: int, own: int) -> list[int]:
    """Micro-batches that make a step of `rows` rows, largest first: from twice `own` downwards, `own` and 1."""
    whole = [micro for micro in range(min(rows, 2 * own), 0, -1) if rows % micro == 0]
    return sorted({*whole[:_BATCHES], own, 1}, reverse=True)

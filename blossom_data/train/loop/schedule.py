"""The learning rate of every step of a stage.

    learning_rate(StageRecipe(name="a", learning_rate=1.0, schedule="linear", warmup=0.1), step=0, steps=100)   0.1

The first step already learns, and so does the last: the rate reaches the floor one step after the end.
"""

from __future__ import annotations

import math

from blossom_data.train.recipe.stages import StageRecipe


def learning_rate(stage: StageRecipe, step: int, steps: int) -> float:
    """The learning rate of `step` (from 0) out of `steps`."""
    return stage.peak_rate * (stage.floor + (1 - stage.floor) * _height(stage, step, steps))


def _height(stage: StageRecipe, step: int, steps: int) -> float:
    """How far above the floor: 1 at the top, 0 at the floor."""
    warmup = math.ceil(stage.warmup * steps)
    if step < warmup:
        return (step + 1) / warmup
    left = (steps - step) / max(1, steps - warmup)
    match stage.schedule:
        case "cosine":
            return 0.5 * (1 - math.cos(math.pi * left))
        case "linear":
            return left
        case "wsd":
            decay = math.ceil(stage.decay * steps)
            return min(1.0, (steps - step) / decay) if decay else 1.0
        case "constant":
            return 1.0

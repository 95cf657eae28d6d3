"""The adapter that a recipe names: plain torch, or DeepSpeed where it has a [deepspeed] table."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext

from blossom_data.train.model.loss_model import LossModel
from blossom_data.train.parallel.adapter import Adapter
from blossom_data.train.parallel.processes import Group
from blossom_data.train.recipe.recipe import Recipe


def loading(recipe: Recipe, group: Group) -> AbstractContextManager[None]:
    """The block in which a run's model is loaded: under ZeRO-3 each process takes its share of each weight alone."""
    if recipe.deepspeed is None or recipe.deepspeed.stage < 3:
        return nullcontext()
    from blossom_data.train.parallel.deepspeed import sharding

    return sharding(recipe, group)


def make_adapter(recipe: Recipe, model: LossModel, group: Group) -> Adapter:
    """The adapter that the recipe names."""
    if recipe.deepspeed:
        from blossom_data.train.parallel.deepspeed import DeepSpeedAdapter

        return DeepSpeedAdapter(recipe, model, group)
    from blossom_data.train.parallel.plain import PlainAdapter

    return PlainAdapter(recipe, model, group)

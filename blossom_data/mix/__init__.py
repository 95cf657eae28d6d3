"""Blends finished data sets into training sets: chosen by counts, weights or shares, drawn and shuffled by a seed.

    [[mix]]
    name = "stage1"
    part = [{data = "data/orca", count = 40000}, {data = "data/math", share = 0.5}]

    [[mix]]
    name = "stage2"
    part = [{data = "data/chat", count = 12000}]
    replay = [{of = "stage1", share = 0.2}]

A module per concern: plan.py is the settings, recipe.py reads them from TOML, keys.py says what is drawn and which
prompts are the same; inputs.py reads, sampling.py selects, order.py shuffles, layouts.py and shapes.py give rows their
form, files.py writes them, trainers.py and card.py say how to train on them, write.py does it all in two passes.
"""

from __future__ import annotations

from blossom_data.mix.plan import Mix, Part
from blossom_data.mix.recipe import load_recipe, read_mixes
from blossom_data.mix.write import write_mix

__all__ = ["Mix", "Part", "load_recipe", "read_mixes", "write_mix"]

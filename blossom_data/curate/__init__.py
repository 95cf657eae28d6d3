"""Measures over a whole set, before anything is paid for it: a stream of items in, the same stream out, judged.

    steps = [Dedup(threshold=0.7), Decontaminate(tests)]
    for step in steps:
        items = step(items)        # (Record | BadRow | Ruled, tag) in input order

A measure looks at records alone; what an earlier one ruled out, and rows that could not be read, go through it as they
are. `tag` is the caller's (which stages come next). No measure asks a model, prints, or writes a file that outlives
it. A folder each: dedup/ and decontaminate/; conflicts.py counts what contradicts itself, style.py the voices of a set.
"""

from __future__ import annotations

from blossom_data.curate.item import Item, Ruled, Step

__all__ = ["Item", "Ruled", "Step"]

"""The order in which a part gives its records where `sample_by` is diversity: what covers what is asked comes first.

    pool = DiversePool(40_000)
    pool.add(draw, place, record)      the records with the lowest draws are kept
    pool.ranks(seed)                   [(place, -2**63), (place, -2**63 + 1), ...]: draws that lie below all others

Of a large part the pool is a uniform draw, and what is taken beyond it is uniform, too. Memory: about 7 kB for each
record of the pool, of which a part has ten times its count, 50,000 at most, and never less than twice its count up to
100,000 records.
"""

from __future__ import annotations

import heapq

from blossom_data.curate.sample.order import diverse_order
from blossom_data.curate.verb_objects import instruction_and_input
from blossom_data.records import Record

_TIMES, _USUAL_MOST, _LEAST_TIMES, _MOST = 10, 50_000, 2, 100_000
_FIRST = -(2**63)
"""The lowest draw that there is; ranks count up from it."""
_TEXT_MOST = 2_000


class DiversePool:
    """The records of one part among which an order is found.

    Args:
        count: records that the part gives; None: not known yet.
    """

    def __init__(self, count: int | None) -> None:
        self._size = _USUAL_MOST
        if count is not None:
            self._size = min(_MOST, max(min(_TIMES * count, _USUAL_MOST), _LEAST_TIMES * count))
        self._heap: list[tuple[int, int, str, str, str]] = []

    def add(self, draw: int, place: int, record: Record) -> None:
        """One candidate of the part."""
        if len(self._heap) >= self._size and -draw <= self._heap[0][0]:
            return
        asked = record.asked[:_TEXT_MOST]
        entry = (-draw, place, record.lang, instruction_and_input(record)[0][:_TEXT_MOST], asked)
        if len(self._heap) < self._size:
            heapq.heappush(self._heap, entry)
        else:
            heapq.heapreplace(self._heap, entry)

    def ranks(self, seed: int) -> list[tuple[int, int]]:
        """The place of each record of the pool, with the draw that puts it where it belongs."""
        # By draw, so that rows in another order give the same.
        pool = sorted(self._heap, key=lambda entry: (-entry[0], entry[1]))
        order = diverse_order([entry[3:] for entry in pool], strata=[entry[2] for entry in pool], seed=seed % 2**32)
        return [(pool[at][1], _FIRST + rank) for rank, at in enumerate(order)]

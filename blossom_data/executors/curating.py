"""Measures over a whole set as a part of a job: its work goes through them before the first stage.

    work = curated(work, [Dedup()], counters)       (Record, stages), (Rejected("dedup", "near", ...), stages), ...

A measure may have to read all of the work before it gives the first of it: let such a job read in a thread of its own
(`Job.is_piped`), so that signals are heard meanwhile.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from blossom_data.asks import Stage
from blossom_data.counters import Counters
from blossom_data.curate import Item, Ruled, Step
from blossom_data.engine import Rejected, Settled, Work


def curated(work: Iterable[Work], steps: Sequence[Step], counters: Counters) -> Iterator[Work]:
    """`work`, in its order, with what the measures rule out as Rejected."""
    routes: dict[int, Sequence[Stage]] = {}
    tags: dict[int, int] = {}

    def items() -> Iterator[Item]:
        for content, stages in counters.counted("reading", work, total=counters.records_total):
            assert not isinstance(content, Rejected | Settled), "nothing is judged before the measures"
            tag = tags.setdefault(id(stages), len(tags))
            # Held, so that no other list gets its identity.
            routes[tag] = stages
            yield content, tag

    stream: Iterator[Item] = items()
    for step in steps:
        stream = step(stream)
    for content, tag in stream:
        if isinstance(content, Ruled):
            why = content.reject
            yield Rejected(content.measure, why.code, why.detail, record=content.record), routes[tag]
        else:
            yield content, routes[tag]

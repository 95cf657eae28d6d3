"""Measures over a whole set as a part of a job: its work goes through them before the first stage.

    work = curated(work, [Dedup()], counters)       (Record, stages), (Rejected("dedup", "near", ...), stages), ...

A measure may have to read all of the work before it gives the first of it: let such a job read in a thread of its own
(`Job.is_piped`), so that signals are heard meanwhile.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace

from blossom_data.asks import Stage
from blossom_data.counters import Counters
from blossom_data.curate import Item, Ruled, Step
from blossom_data.curate.decontaminate.decontaminate import Doubts
from blossom_data.curate.decontaminate.ngrams import Hit
from blossom_data.engine import Rejected, Settled, Work
from blossom_data.records import Record
from blossom_data.stages.judge_leak.stage import JudgeLeak, Suspect


def curated(
    work: Iterable[Work],
    steps: Sequence[Step],
    counters: Counters,
    judging: Callable[[Record], Sequence[Stage]] = lambda record: (),
) -> Iterator[Work]:
    """`work`, in its order, with what the measures rule out as Rejected.

    Args:
        judging: the stages that decide on a record of which the measures were not sure; they come before its own.
    """
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
        elif isinstance(content, Record) and (deciding := judging(content)):
            yield content, (*deciding, *routes[tag])
        else:
            yield content, routes[tag]


def deciding(stage: JudgeLeak, doubts: Doubts) -> Callable[[Record], Sequence[Stage]]:
    """The stages that decide on a record: `stage` with its suspects, for each of which `doubts` has any."""

    def stages_for(record: Record) -> Sequence[Stage]:
        likely = doubts.pop(record.id, ())
        suspects = tuple(Suspect(each.item.text, Hit(each.item, "meaning", each.score).told) for each in likely)
        return (replace(stage, suspects=suspects),) if suspects else ()

    return stages_for

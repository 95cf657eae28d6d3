"""What goes through a measure: records, rows that could not be read, and records that were ruled out.

(Record("9f2c..."), 0)
(Ruled("dedup", Record("77ab..."), Reject("near", "stays: 9f2c... score 0.91 ...")), 0)
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from blossom_data.records import Record, Reject
from blossom_data.rows import BadRow


@dataclass(frozen=True, slots=True)
class Ruled:
    """A record that a measure leaves out, and why; `measure` is its name as rejects carry it."""

    measure: str
    record: Record
    reject: Reject


Item = tuple[Record | BadRow | Ruled, int]
Step = Callable[[Iterable[Item]], Iterator[Item]]

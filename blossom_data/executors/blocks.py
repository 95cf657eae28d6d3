"""The input of a run, block by block: what an earlier run has settled is recognised and passed over.

A block, the input records of one shard, is recognised by its content and all that decides what comes of it: the
records themselves, the stages with their prompts and settings, the models, and the code. A changed row, prompt or
setting makes another digest, and the block is worked on anew, its replies coming from the ledger. A row that is added
or taken away moves all rows behind it, so all blocks behind it are worked on anew.
"""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Generator, Iterable, Iterator, Sequence
from dataclasses import dataclass

from blossom_data.asks import Stage
from blossom_data.counters import Counters
from blossom_data.engine import Settled, Work
from blossom_data.records import Record
from blossom_data.shards import BlockNotes, Note

_MARK_RECORDS = 64
"""Records between two marks: so many are held back at most once a block differs from the one that is noted."""
_STAGES_KEPT = 256
"""Lists of stages whose digest is known; records that a judge decides on each have one of their own."""


@dataclass(frozen=True, slots=True)
class Identity:
    """By what a block is recognised: the digest of the whole, and eight digits of the digest at each mark."""

    digest: str
    marks: str


class Blocks:
    """Passes on `work`, settled blocks as one item each.

    `identities` holds that of each block that was read whole and is not settled yet, by its number. Memory: one block
    of records while a block that may be settled is read, else none.

    Args:
        decides: all that decides what comes of a record beside the record and its stages (identity.py).
        size: records in a block.
    """

    def __init__(
        self, work: Iterable[Work], notes: BlockNotes, counters: Counters, *, decides: bytes, size: int
    ) -> None:
        self._work, self._notes, self._counters, self._decides, self._size = work, notes, counters, decides, size
        self._stages: dict[int, tuple[Sequence[Stage], bytes]] = {}
        self.identities: dict[int, Identity] = {}

    def __iter__(self) -> Iterator[Work]:
        block = 0
        work = iter(self._work)
        while True:
            read = yield from self.block(block, work)
            if read < self._size:
                return
            block += 1

    def block(self, block: int, work: Iterator[Work]) -> Generator[Work, None, int]:
        """Hands on the block that comes next in `work`, and gives the number of items that it had."""
        digest, marks = hashlib.blake2b(self._decides, digest_size=16), ""
        known = self._notes.of(block)
        held: list[Work] = []
        read = 0
        for read, item in enumerate(itertools.islice(work, self._size), 1):
            self._counters.read += 1
            digest.update(self._identity(item))
            if read % _MARK_RECORDS == 0:
                marks += digest.hexdigest()[:8]
                known = [note for note in known if note.marks.startswith(marks)]
            if read == self._size:
                # Before the last item goes out: its outcome settles the block.
                self.identities[block] = Identity(digest.hexdigest(), marks)
            if known:
                held.append(item)
                continue
            if held:
                yield from held
                held = []
            yield item
        if held and (note := _intact(known, digest.hexdigest())) is not None:
            self.identities.pop(block, None)
            yield Settled(block, read, note), ()
            return read
        if 0 < read < self._size:
            self.identities[block] = Identity(digest.hexdigest(), marks)
        yield from held
        return read

    def _identity(self, work: Work) -> bytes:
        item, stages = work
        seen = self._stages.get(id(stages))
        if seen is None or seen[0] is not stages:
            if len(self._stages) >= _STAGES_KEPT:
                self._stages.clear()
            seen = (stages, hashlib.blake2b(repr(stages).encode(), digest_size=16).digest())
            self._stages[id(stages)] = seen
        return seen[1] + (item.to_line() if isinstance(item, Record) else repr(item).encode())


def _intact(known: Iterable[Note], digest: str) -> Note | None:
    return next((note for note in known if note.digest == digest and note.is_intact()), None)

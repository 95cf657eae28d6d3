"""The input of a run, block by block: what an earlier, killed run has settled is recognised and passed over.

A block is recognised by its input (the records themselves and the stages with their prompts and settings): a changed
row, prompt or setting makes another digest, and the block is worked on anew, its replies coming from the ledger.
"""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Generator, Iterable, Iterator, Sequence

from blossom_data.asks import Stage
from blossom_data.counters import Counters
from blossom_data.engine import Settled, Work
from blossom_data.records import Record
from blossom_data.shards import DatasetWriter


class Blocks:
    """Passes on `work`, settled blocks as one item each.

    `digests` holds the digest of each block that was read whole and is not settled yet, by its number. Memory: one
    block of records while a block that may be settled is read, else none.
    """

    def __init__(self, work: Iterable[Work], writer: DatasetWriter, counters: Counters, models: Sequence[str]) -> None:
        self._work, self._writer, self._counters = work, writer, counters
        self._models = repr(models).encode()
        self._stages: dict[int, tuple[Sequence[Stage], bytes]] = {}
        self.digests: dict[int, str] = {}

    def __iter__(self) -> Iterator[Work]:
        block = 0
        work = iter(self._work)
        while True:
            read = yield from self._block(block, work)
            if read < self._writer.shard_records:
                return
            block += 1

    def _block(self, block: int, work: Iterator[Work]) -> Generator[Work, None, int]:
        """Hands on one block, and gives the number of items that it had."""
        digest = hashlib.blake2b(self._models, digest_size=16)
        known = self._writer.settled(block)
        held: list[Work] = []
        read = 0
        for read, item in enumerate(itertools.islice(work, self._writer.shard_records), 1):
            self._counters.read += 1
            digest.update(self._identity(item))
            if read == self._writer.shard_records and not known:
                # Before the last item goes out: its outcome settles the block.
                self.digests[block] = digest.hexdigest()
            if known:
                held.append(item)
            else:
                yield item
        is_whole = read == self._writer.shard_records
        if known and held and known == digest.hexdigest():
            yield Settled(block, len(held)), ()
        elif read and (known or not is_whole):
            # A whole block had its digest told above, and may have been settled by now.
            self.digests[block] = digest.hexdigest()
            yield from held
        return read

    def _identity(self, work: Work) -> bytes:
        item, stages = work
        seen = self._stages.get(id(stages))
        if seen is None or seen[0] is not stages:
            seen = (stages, hashlib.blake2b(repr(stages).encode(), digest_size=16).digest())
            self._stages[id(stages)] = seen
        return seen[1] + (item.to_line() if isinstance(item, Record) else repr(item).encode())

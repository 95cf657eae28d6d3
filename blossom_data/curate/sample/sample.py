"""The measure `sample`: K records, the same for the same set, seed and K, whatever the order of the rows.

`uniform` takes those with the lowest hashes of seed and id. `diversity` takes a large uniform draw first (the pool),
puts it into clusters by the words of the instruction, gives every cluster of a stratum the same number of places as far
as it can fill them, and takes from a cluster the records whose whole text is farthest from those already taken. Strata
keep their shares of the whole set. One pass over the set; memory is that of the pool: ten times K, or what K leaves of
50,000, and never less than twice K.
"""

from __future__ import annotations

import hashlib
import heapq
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np

from blossom_data.curate.item import Item
from blossom_data.curate.sample.coverage import coverage
from blossom_data.curate.sample.vectors import Array, clusters, vectors
from blossom_data.curate.verb_objects import instruction_and_input
from blossom_data.records import Record

NAME = "sample"
_POOL_TIMES, _POOL_MOST, _POOL_LEAST_TIMES = 10, 50_000, 2
_RECORDS_A_CLUSTER = 4
MOST_CLUSTERS = 1_024


class Sample:
    """Draws `number` records.

    Args:
        by: one of config.SAMPLE_WAYS.
        strata: names out of config.SAMPLE_STRATA whose values keep their shares; of a record's tags the first counts.
        left_out: told of each record that is not drawn.
    """

    def __init__(
        self,
        number: int,
        *,
        by: str,
        seed: int = 0,
        strata: Sequence[str] = ("lang",),
        left_out: Callable[[], None] = lambda: None,
    ) -> None:
        self._number, self._by, self._seed, self._strata, self._left_out = number, by, seed, strata, left_out
        self.compared: dict[str, dict[str, Any]] = {}
        """Of a `diversity` sample: the coverage of the sample, and of a uniform one of the same size."""

    def __call__(self, items: Iterable[Item]) -> Iterator[Item]:
        """What is no record as it comes, then the drawn records in their order."""
        size = self._number if self._by == "uniform" else self._pool_size()
        pool: list[tuple[int, int, Item]] = []
        counts: Counter[tuple[str, ...]] = Counter()
        for place, item in enumerate(items):
            if not isinstance(item[0], Record):
                yield item
                continue
            counts[self._stratum(item[0])] += 1
            entry = (-self._order(item[0].id), -place, item)
            if len(pool) < size:
                heapq.heappush(pool, entry)
            else:
                heapq.heappushpop(pool, entry)
                self._left_out()
        # In the order of the draw, not of the rows, that the clusters begin with the same ones in any order.
        ranked = sorted(pool, reverse=True)
        drawn = self._diverse(ranked, counts) if self._by == "diversity" and len(pool) > self._number else ranked
        for _, _, item in sorted(drawn, key=lambda entry: -entry[1]):
            yield item

    def _pool_size(self) -> int:
        return max(min(_POOL_TIMES * self._number, _POOL_MOST), _POOL_LEAST_TIMES * self._number)

    def _order(self, identifier: str) -> int:
        key = f"sample/{self._seed}".encode()
        digest = hashlib.blake2b(identifier.encode(errors="surrogatepass"), key=key, digest_size=8).digest()
        return int.from_bytes(digest, "big")

    def _stratum(self, record: Record) -> tuple[str, ...]:
        values = {"lang": record.lang, "source": record.source, "tag": record.tags[0] if record.tags else ""}
        return tuple(values[name] for name in self._strata)

    def _diverse(
        self, pool: Sequence[tuple[int, int, Item]], counts: Mapping[tuple[str, ...], int]
    ) -> list[tuple[int, int, Item]]:
        """The diverse records of the pool, which stands in the order of the draw; the rest is left out."""
        records = [item[0] for _, _, item in pool if isinstance(item[0], Record)]
        instructions = vectors([instruction_and_input(record)[0] for record in records])
        texts = vectors([record.asked for record in records])
        number = min(MOST_CLUSTERS, max(2, self._number // _RECORDS_A_CLUSTER))
        found = clusters(instructions, number, seed=self._seed)
        members: dict[tuple[str, ...], dict[int, list[int]]] = defaultdict(lambda: defaultdict(list))
        for at in range(len(records)):
            members[self._stratum(records[at])][int(found[at])].append(at)
        sizes = {name: sum(map(len, group.values())) for name, group in members.items()}
        shares = split_by_shares(self._number, {name: counts[name] for name in members}, sizes)
        chosen: set[int] = set()
        for name, group in sorted(members.items()):
            places = split_evenly(shares[name], {key: len(group[key]) for key in sorted(group)})
            for key, take in places.items():
                chosen.update(farthest_first(texts, group[key], take))
        for way, drawn in (("diversity", sorted(chosen)), ("uniform", list(range(self._number)))):
            self.compared[way] = asdict(coverage([records[at] for at in drawn], [int(found[at]) for at in drawn]))
        for _ in range(len(pool) - len(chosen)):
            self._left_out()
        return [pool[at] for at in sorted(chosen)]


def split_by_shares(number: int, shares: Mapping[Any, int], most: Mapping[Any, int]) -> dict[Any, int]:
    """`number` places split in proportion to `shares`, none more than its `most`."""
    total = sum(shares.values())
    exact = {name: number * share / total for name, share in shares.items()}
    given = {name: min(most[name], int(exact[name])) for name in shares}
    while (left := min(number, sum(most.values())) - sum(given.values())) > 0:
        open_ones = [name for name in given if given[name] < most[name]]
        for name in sorted(open_ones, key=lambda name: (given[name] - exact[name], name))[:left]:
            given[name] += 1
    return given


def split_evenly(number: int, most: Mapping[int, int]) -> dict[int, int]:
    """`number` places split so that the smallest share is as large as it can be, none more than its `most`."""
    given, left = {}, number
    smallest_first = sorted(most, key=lambda key: (most[key], key))
    for at, key in enumerate(smallest_first):
        given[key] = min(most[key], left // (len(most) - at))
        left -= given[key]
    return given


def farthest_first(points: Array, members: Sequence[int], take: int) -> list[int]:
    """`take` of the members: the first, then always the one least like those already taken."""
    if take >= len(members):
        return list(members)
    rows = points[list(members)]
    chosen: list[int] = []
    closeness = np.full(len(members), -2.0, dtype=np.float32)
    at = 0
    for _ in range(take):
        chosen.append(members[at])
        closeness = np.maximum(closeness, rows @ rows[at])
        closeness[at] = np.inf
        at = int(closeness.argmin())
    return chosen

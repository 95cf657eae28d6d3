"""An order of requests in which every beginning covers what all of them ask: a draw of any size takes the first ones.

    diverse_order([("Write a poem.", "Write a poem.\\nAbout cats"), ...], strata=["en", ...], seed=0)  [17, 3, 120, ...]

Clusters of instructions take turns, within one the request comes next that is least like those before it; strata come
in their shares. Source: as sample.py, of which this is the form for a draw whose size is not known yet.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from blossom_data.curate.sample.sample import MOST_CLUSTERS, farthest_first
from blossom_data.curate.sample.vectors import clusters, vectors

_REQUESTS_A_CLUSTER = 40


def diverse_order(requests: Sequence[tuple[str, str]], *, strata: Sequence[str], seed: int) -> list[int]:
    """The places of `requests` in their order.

    Args:
        requests: the instruction and the whole text of each.
        strata: what keeps its share in every beginning, of each.
    """
    if not requests:
        return []
    texts = vectors([text for _, text in requests])
    number = min(MOST_CLUSTERS, max(2, len(requests) // _REQUESTS_A_CLUSTER))
    found = clusters(vectors([instruction for instruction, _ in requests]), number, seed=seed)
    members: dict[str, dict[int, list[int]]] = defaultdict(lambda: defaultdict(list))
    for place, stratum in enumerate(strata):
        members[stratum][int(found[place])].append(place)
    positions: list[tuple[float, str, int]] = []
    for stratum, group in members.items():
        turns = [
            (turn, cluster, place)
            for cluster, own in group.items()
            for turn, place in enumerate(farthest_first(texts, own, len(own)))
        ]
        positions += [((at + 0.5) / len(turns), stratum, place) for at, (_, _, place) in enumerate(sorted(turns))]
    return [place for _, _, place in sorted(positions)]

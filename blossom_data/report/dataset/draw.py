"""Records drawn at random while a set streams by: so many of each language and source, in bounded memory.

draw = Draw()
draw.take("en", "gsm8k", row)        for every row
draw.groups()                        {("en", "gsm8k"): [Drawn(id="9f2c...", request="...", answer="..."), ...]}
"""

from __future__ import annotations

import heapq
import random
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

MOST_OF_A_GROUP = 500
_MOST_IN_ALL, _LEAST_OF_A_GROUP, _MOST_GROUPS = 6_000, 30, 100
_MOST_CHARACTERS = 4_000


@dataclass(frozen=True, slots=True)
class Drawn:
    """What is kept of a record: the beginnings of its first request and of the answer to it."""

    id: str
    request: str
    answer: str
    gold: str


class Draw:
    """A random draw from each group; with many groups fewer of each, and none of those beyond the first hundred."""

    def __init__(self, seed: int = 0) -> None:
        self._dice = random.Random(seed).random
        self._drawn: dict[tuple[str, str], list[tuple[float, int, Drawn]]] = {}
        self._place = 0
        self._most = MOST_OF_A_GROUP

    def take(self, lang: str, source: str, row: Mapping[str, Any]) -> None:
        """Draws `row`, or does not."""
        ticket = -self._dice()
        self._place += 1
        heap = self._drawn.get((lang, source))
        if heap is None:
            if len(self._drawn) == _MOST_GROUPS:
                return
            heap = self._drawn[lang, source] = []
            self._most = max(_LEAST_OF_A_GROUP, min(MOST_OF_A_GROUP, _MOST_IN_ALL // len(self._drawn)))
        if len(heap) < self._most:
            heapq.heappush(heap, (ticket, self._place, _kept(row)))
        elif ticket > heap[0][0]:
            heapq.heapreplace(heap, (ticket, self._place, _kept(row)))

    def groups(self) -> dict[tuple[str, str], list[Drawn]]:
        """What was drawn, in the order of the set."""
        found = {}
        for group, heap in self._drawn.items():
            kept = heapq.nlargest(self._most, heap)
            found[group] = [drawn for _, _, drawn in sorted(kept, key=lambda entry: entry[1])]
        return found


def _kept(row: Mapping[str, Any]) -> Drawn:
    texts = {"user": "", "assistant": ""}
    for turn in row["messages"]:
        role, content = turn.get("role"), turn.get("content")
        if texts.get(role) == "" and isinstance(content, str):
            texts[role] = content[:_MOST_CHARACTERS]
    record_id, gold = str(row.get("id", ""))[:200], str(row.get("gold") or "")[:200]
    return Drawn(record_id, texts["user"], texts["assistant"], gold)

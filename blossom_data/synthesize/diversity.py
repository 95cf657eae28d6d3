"""What the rounds of a synthesis brought: counts by round and operator, and how much of it was new.

    figures.take(1, "deepening", outcome)
    figures.new_share(1)            0.83: of the records that round 1 kept, 83 % do what no record before them does

A cluster is what an instruction does to what (curate/verb_objects.py); seeds count as known.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable
from typing import Any

from blossom_data.curate.tokens import Tokenizer
from blossom_data.curate.verb_objects import verb_object
from blossom_data.engine import Outcome
from blossom_data.stages.synthesize.origin import first_request


class Figures:
    """Counts as they come."""

    def __init__(self) -> None:
        self._tokenizer = Tokenizer()
        self._seen: set[tuple[str, str]] = set()
        self._kept: Counter[int] = Counter()
        self._rejected: defaultdict[int, Counter[str]] = defaultdict(Counter)
        self._new: Counter[int] = Counter()
        self._pairs: defaultdict[int, set[tuple[str, str]]] = defaultdict(set)
        self._operators: defaultdict[str, Counter[str]] = defaultdict(Counter)

    def know(self, requests: Iterable[str]) -> None:
        """These are there from the beginning."""
        self._seen.update(pair for text in requests if (pair := verb_object(self._tokenizer, _head(text))))

    def take(self, number: int, operator: str, outcome: Outcome) -> None:
        """Counts what is written of one piece of work of round `number`; `operator` "" for none."""
        codes = [rejected.code for rejected in outcome.rejected if rejected.stage != "read"]
        self._kept[number] += len(outcome.kept)
        self._rejected[number].update(codes)
        if operator:
            self._operators[operator].update(codes)
            self._operators[operator]["kept"] += len(outcome.kept)
        for record in outcome.kept:
            pair = verb_object(self._tokenizer, _head(first_request(record)))
            if pair is not None:
                self._pairs[number].add(pair)
                self._new[number] += pair not in self._seen
                self._seen.add(pair)

    def kept(self, number: int) -> int:
        """Records that round `number` kept."""
        return self._kept[number]

    def new_share(self, number: int) -> float:
        """Of the records that round `number` kept, the share that opened a new cluster; 0 where none was kept."""
        return self._new[number] / self._kept[number] if self._kept[number] else 0.0

    def describe(self) -> dict[str, Any]:
        """Rows for people and scripts, in order."""
        rounds = [
            {
                "round": number,
                "kept": self._kept[number],
                "rejected": dict(sorted(self._rejected[number].items())),
                "verb_objects": len(self._pairs[number]),
                "new_clusters": round(self.new_share(number), 4),
            }
            for number in sorted(self._kept)
        ]
        operators = {name: dict(sorted(counts.items())) for name, counts in sorted(self._operators.items())}
        return {"rounds": rounds, **({"operators": operators} if operators else {})}


def _head(request: str) -> str:
    """The first paragraph: what is asked, without what it is asked of."""
    return request.strip().partition("\n")[0]

"""Finds the refusal that would meet every record: one sentence for twenty records, and no answer in between.

"Value 4096 is above the limit of 2048 (request req_91f2)"  is the same sentence as with other numbers and ids
"""

from __future__ import annotations

import re

from blossom_data.asks import Ask
from blossom_data.errors import RecordRefused

MOST_ALIKE = 20
_QUOTED = re.compile(r"'[^']*'|\"[^\"]*\"|`[^`]*`|“[^”]*”|‘[^’]*’|「[^」]*」")
_WITH_DIGIT = re.compile(r"[\w-]*\d[\w-]*")


def sentence_of(refusal: RecordRefused) -> str:
    """What two refusals have in common that differ in numbers, ids and what they quote."""
    return f"{refusal.status} {_WITH_DIGIT.sub('#', _QUOTED.sub('#', str(refusal)))}"


class Refusals:
    """The refusals of one endpoint since its last answer, by stage."""

    def __init__(self) -> None:
        self._met: dict[str, dict[str, set[int]]] = {}

    def count(self, ask: Ask, refusal: RecordRefused) -> int:
        """How many different questions of this stage have met this sentence by now."""
        alike = self._met.setdefault(ask.stage, {}).setdefault(sentence_of(refusal), set())
        alike.add(hash(ask.messages))
        return len(alike)

    def answered(self, stage: str) -> None:
        """A question of `stage` was answered."""
        if self._met:
            self._met.pop(stage, None)

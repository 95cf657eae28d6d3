"""Finds the refusal that would meet every record: one sentence for twenty records, and no answer in between.

"Value 4096 is above the limit of 2048 (request req_91f2)"  is the same sentence as with other numbers and ids
"""

from __future__ import annotations

import re
from collections.abc import Hashable

from blossom_data.errors import EndpointMismatch, RecordRefused

MOST_ALIKE = 20
_QUOTED = re.compile(r"'[^']*'|\"[^\"]*\"|`[^`]*`|“[^”]*”|‘[^’]*’|「[^」]*」")
_WITH_DIGIT = re.compile(r"[\w-]*\d[\w-]*")


def sentence_of(refusal: RecordRefused) -> str:
    """What two refusals have in common that differ in numbers, ids and what they quote."""
    return f"{refusal.status} {_WITH_DIGIT.sub('#', _QUOTED.sub('#', str(refusal)))}"


def same_for_all(label: str, stage: str, refusal: RecordRefused) -> EndpointMismatch:
    """The error of one that would meet every record."""
    return EndpointMismatch(
        f"endpoint {label} gives the same refusal to every {stage} request: {refusal}",
        hint="nothing was answered in between; mend what it names (settings, prompt or input) and run again",
    )


class Refusals:
    """The refusals of one endpoint since its last answer, by stage."""

    def __init__(self) -> None:
        self._met: dict[str, dict[str, set[int]]] = {}

    def count(self, stage: str, question: Hashable, refusal: RecordRefused) -> int:
        """How many different questions of `stage` have met this sentence by now."""
        alike = self._met.setdefault(stage, {}).setdefault(sentence_of(refusal), set())
        alike.add(hash(question))
        return len(alike)

    def answered(self, stage: str) -> None:
        """A question of `stage` was answered."""
        if self._met:
            self._met.pop(stage, None)

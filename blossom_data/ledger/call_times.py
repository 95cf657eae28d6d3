"""How long calls took and what came of each try, counted by steps of ten seconds: few rows, however many calls.

    calls(at, job, stage, model, outcome, bin, tries)     outcome: "" for an answer, else the cause of the failure

A bin is a quarter of an octave of the time that a try took, from a millisecond on. The table is only added to, a row
for each step, stage, outcome and bin; a killed process loses the counts of the step that it was in, and nothing else.
"""

from __future__ import annotations

import itertools
import math
import time
from collections import Counter
from collections.abc import Iterable

STEP_S = 10
_BINS_OF_AN_OCTAVE = 4
_LEAST_S = 0.001

Row = tuple[int, str, str, str, str, int, int]


class CallTimes:
    """What is not stored yet of the calls of `job`."""

    def __init__(self, job: str) -> None:
        self._job, self._at = job, 0
        self._tries: Counter[tuple[str, str, str, int]] = Counter()

    def note(self, stage: str, model: str, outcome: str, took_s: float) -> list[Row]:
        """Counts one try; gives what is to be stored, where a step is over."""
        at = int(time.time()) // STEP_S * STEP_S
        done = self.rest() if at != self._at else []
        self._at = at
        self._tries[stage, model, outcome, bin_of(took_s)] += 1
        return done

    def rest(self) -> list[Row]:
        """What is still to be stored."""
        rows = [(self._at, self._job, *group, tries) for group, tries in self._tries.items()]
        self._tries.clear()
        return rows


def bin_of(took_s: float) -> int:
    """The bin of a time in seconds."""
    return round(_BINS_OF_AN_OCTAVE * math.log2(max(took_s, _LEAST_S) / _LEAST_S))


def quantile_s(bins: Iterable[tuple[int, int]], share: float) -> float:
    """The time in seconds that `share` of the calls did not exceed, to 9 %; `bins` are (bin, tries), and not empty."""
    ordered = sorted(bins)
    wanted = share * sum(tries for _, tries in ordered)
    passed = itertools.accumulate(tries for _, tries in ordered)
    time_bin = next(time_bin for (time_bin, _), tries in zip(ordered, passed, strict=True) if tries >= wanted)
    return float(_LEAST_S * 2.0 ** (time_bin / _BINS_OF_AN_OCTAVE))

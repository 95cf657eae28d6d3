"""How sure a share or a mean is: the 95 % interval that is said beside it.

    wilson(37, 100)                          (0.282, 0.468)
    bootstrap([[8, 7], [9], [3, 4]])         2.5 and 97.5 percentiles of the mean over questions drawn anew

Source: Wilson 1927; Efron and Tibshirani, An Introduction to the Bootstrap, chapter 13 (percentile intervals).
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from math import sqrt

DRAWS = 2_000
_Z = 1.959964
"""Standard normal quantile of a two-sided interval of 95 %."""


def wilson(right: int, of: int) -> tuple[float, float] | None:
    """The 95 % interval of a share; None of nothing."""
    if not of:
        return None
    share, spread = right / of, _Z * _Z / of
    middle = (share + spread / 2) / (1 + spread)
    half = _Z * sqrt(share * (1 - share) / of + spread / (4 * of)) / (1 + spread)
    return max(0.0, middle - half), min(1.0, middle + half)


def bootstrap(by_question: Sequence[Sequence[float]]) -> tuple[float, float] | None:
    """The 95 % interval of the mean over all scores, questions being drawn anew (seed 0); None of fewer than two."""
    if len(by_question) < 2:
        return None
    sums = [(sum(scores), len(scores)) for scores in by_question]
    draw, means = random.Random(0), []
    for _ in range(DRAWS):
        drawn = draw.choices(sums, k=len(sums))
        means.append(sum(total for total, _ in drawn) / sum(number for _, number in drawn))
    means.sort()
    return means[round(0.025 * DRAWS)], means[round(0.975 * DRAWS) - 1]

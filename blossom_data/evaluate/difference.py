"""Whether one model is better than another: the same questions, paired, and how much of the difference is noise.

    differ({"81": 8.0, "82": 7.5}, {"81": 6.0, "82": 7.5})    Difference(n=2, mean=1.0, wins=1, ...)

Questions are drawn anew in pairs (bootstrap, seed 0): what both models find hard does not blur the difference. It is
called noise where the 95 % interval holds 0.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import fmean
from typing import Any

import orjson

from blossom_data.errors import InputError
from blossom_data.evaluate.aggregate import by_question
from blossom_data.evaluate.judgements import read_judgements
from blossom_data.evaluate.results import JUDGEMENTS, SCORES
from blossom_data.report.intervals import bootstrap


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """Of the first model to the second, over the questions that both have a score on."""

    n: int
    mean: float
    interval: tuple[float, float] | None
    """95 %; None of fewer than two questions."""
    wins: int
    losses: int
    ties: int

    @property
    def is_noise(self) -> bool:
        """Whether the interval holds 0."""
        return self.interval is None or self.interval[0] <= 0 <= self.interval[1]

    @property
    def win_rate(self) -> float:
        """Share of the questions that the first model is better on, ties as halves."""
        return (self.wins + self.ties / 2) / self.n

    def to_dict(self) -> dict[str, Any]:
        return {**asdict(self), "is_noise": self.is_noise, "win_rate": self.win_rate}

    def told(self, first: str, second: str) -> str:
        """The difference in words."""
        if self.interval is None:
            return f"{self.n} question that both answered is too few to tell {first} and {second} apart"
        span = f"95 % {self.interval[0]:+.3g} to {self.interval[1]:+.3g}, {self.n} questions"
        games = f"better on {self.wins}, worse on {self.losses}, equal on {self.ties}"
        if self.ties == self.n:
            return f"{first} and {second} have the same score on each of {self.n} questions"
        if self.is_noise:
            return (
                f"no difference that can be told: {first} and {second} differ by {self.mean:+.3g}, which is smaller "
                f"than the noise ({span}); {first} is {games}"
            )
        better, worse = (first, second) if self.mean > 0 else (second, first)
        return f"{better} is better than {worse} by {abs(self.mean):.3g} ({span}); {first} is {games}"


def differ(first: Mapping[str, float], second: Mapping[str, float]) -> Difference | None:
    """The paired difference of the scores by question; None where no question has both."""
    shared = sorted(first.keys() & second.keys())
    if not shared:
        return None
    gaps = [first[question] - second[question] for question in shared]
    return Difference(
        n=len(gaps),
        mean=fmean(gaps),
        interval=bootstrap([[gap] for gap in gaps]),
        wins=sum(gap > 0 for gap in gaps),
        losses=sum(gap < 0 for gap in gaps),
        ties=sum(gap == 0 for gap in gaps),
    )


def read_scores(folder: Path) -> dict[str, Any]:
    """The scores of a finished evaluation.

    Raises:
        InputError: `folder` holds none.
    """
    try:
        scores: dict[str, Any] = orjson.loads((folder / SCORES).read_bytes())
    except (OSError, ValueError) as why:
        raise InputError(
            f"{folder} is no finished evaluation: it has no {SCORES} that can be read",
            hint="give the folder that `blossom-data evaluate ... -o FOLDER` wrote",
        ) from why
    return scores


def question_scores(folder: Path, suite: str) -> dict[str, float]:
    """The mean score of each question of a suite, over its turns; verdicts of -1 are left out."""
    rows = read_judgements([folder / JUDGEMENTS / f"{suite}.jsonl"], needs_category=False)
    return {name: fmean(scores) for name, scores in by_question(row for row in rows if row.score != -1).items()}

"""Scores whatever answers chats, such as a checkpoint in training: a callable in, numbers out; nothing is bought.

    scorer = Scorer(["gsm8k:100"], bench_dir=None)             reads the questions, once
    scorer(lambda messages: "The answer is 18.")               {"gsm8k": {"accuracy": 0.01, "correct": 1, ...}}
    Scorer.value(scores)                                       0.01, the mean over the suites; larger is better

The stages and rules are those of `evaluate`. Suites that need a judge are refused: a checkpoint is scored many times,
and a score that depends on an endpoint is none of training's.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from statistics import fmean
from typing import Any

from blossom_data.asks import Ask, Reply, Stage
from blossom_data.errors import ConfigError
from blossom_data.evaluate.checking import SCORE
from blossom_data.evaluate.suites import parse_suites
from blossom_data.evaluate.work import Manner, plan_work
from blossom_data.records import Message, Record
from blossom_data.report.intervals import wilson

Generate = Callable[[Sequence[Message]], str | Reply]
"""Gives the answer to a chat that ends in a turn of the user: a text that ended by itself, or a reply that says."""


class Scorer:
    """The questions of some suites, to be answered by whoever is scored.

    Args:
        suites: as `evaluate` takes them: names, files, each with `:N` for its first N questions.

    Raises:
        ConfigError: no such suite, or one that needs a judge.
        InputError: a question that cannot be read.
    """

    def __init__(self, suites: Sequence[str], *, bench_dir: Path | None = None) -> None:
        if not suites:
            raise ConfigError("no suite is named to score by", hint='such as suites = ["gsm8k:100"]')
        chosen = parse_suites(suites, bench_dir)
        try:
            self._work = plan_work(chosen, Manner(), has_judge=False).work
        except ConfigError as why:
            hint = "score by suites with gold labels (gsm8k, math23k, a file with gold); judge the finished model"
            raise ConfigError(str(why), hint=hint) from why

    def __call__(self, generate: Generate) -> dict[str, dict[str, Any]]:
        """Has every question answered, and gives for each suite accuracy, its interval, right answers and questions."""
        return self.scores([self.right(generate)])

    @property
    def questions(self) -> list[Sequence[Message]]:
        """What is asked, in order."""
        return [record.messages for record, _ in self._work]

    def right(self, generate: Generate, *, rank: int = 0, world: int = 1) -> dict[str, list[bool]]:
        """Has the questions of one of `world` processes answered; for each suite whether each answer is right."""
        found: dict[str, list[bool]] = {}
        for record, stages in self._work[rank::world]:
            answered = record
            for stage in stages:
                answered = _driven(stage, answered, generate)
            found.setdefault(record.source, []).append(f"{SCORE}1:1" in answered.tags)
        return found

    @staticmethod
    def scores(shares: Sequence[Mapping[str, Sequence[bool]]]) -> dict[str, dict[str, Any]]:
        """What all processes together found, whichever of them answered a question."""
        found: dict[str, list[bool]] = {}
        for share in shares:
            for suite, right in share.items():
                found.setdefault(suite, []).extend(right)
        return {
            suite: {
                "accuracy": fmean(right),
                "interval": wilson(sum(right), len(right)),
                "correct": sum(right),
                "n": len(right),
            }
            for suite, right in found.items()
        }

    @staticmethod
    def value(scores: Mapping[str, Mapping[str, Any]]) -> float:
        """One number of all suites, by which checkpoints are compared: the mean of their accuracies."""
        return fmean(each["accuracy"] for each in scores.values())


def _driven(stage: Stage, record: Record, generate: Generate) -> Record:
    """What `stage` makes of `record`, its questions answered by `generate`."""
    steps, answer = stage.run(record), None
    try:
        while True:
            question = steps.send(answer)
            said = generate(question.messages) if isinstance(question, Ask) else None
            answer = Reply(text=said) if isinstance(said, str) else said
    except StopIteration as end:
        made: Record = end.value
        return made

"""Rounds of `evol`: each request of the pool is evolved once a round, by an operator that the seed draws.

A request that came out right takes the place of the one it was made of, and is evolved further in the next round; one
that did not goes back as it was. Memory: the pool, that is the requests of the input.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Any

from blossom_data.engine import Outcome, Work
from blossom_data.records import Record
from blossom_data.rows import BadRow
from blossom_data.stages.synthesize.evolve import JUDGED_AS, OPERATORS, Evolve
from blossom_data.stages.synthesize.keyed_draw import keyed_draw
from blossom_data.stages.synthesize.origin import first_request, seeds_of
from blossom_data.stages.translate.segments import estimate_tokens, message_tokens
from blossom_data.synthesize.diversity import Figures
from blossom_data.synthesize.rounds import Expected

_GROWTH = 1.4
"""Tokens of an evolved request for one of the request before, and tokens of an answer for one of an evolved request."""
_ANSWER_TIMES = 3.0


class Evolution:
    """The rounds (rounds.py) over one pool.

    Args:
        records: the input; a run goes over it once.
        stage: the stage with its settings; operator and round are put in by each round.
        stop_below: smallest share of new clusters in a round after which another begins.
    """

    def __init__(
        self,
        records: Iterable[Record | BadRow],
        stage: Evolve,
        *,
        rounds: int,
        seed: int = 0,
        operators: Sequence[str] = OPERATORS,
        stop_below: float = 0.0,
    ) -> None:
        self._records, self._rounds, self._stop_below = records, rounds, stop_below
        self._seed, self._operators = seed, operators
        self._stage = stage
        self._pool: list[Record] = []
        self._number = self._at = 0
        self._stages: dict[str, list[Evolve]] = {}
        self.figures = Figures()

    def begin(self) -> Iterator[Work] | None:
        """The pool, each request with the operator of this round."""
        if self._number == self._rounds or (self._number and not self._pool):
            return None
        if self._number and self.figures.new_share(self._number) < self._stop_below:
            return None
        self._number += 1
        self._at = 0
        self._stages = {name: [replace(self._stage, operator=name, round=self._number)] for name in self._operators}
        if self._number == 1:
            return self._first()
        self._pool = [record for record in self._pool if first_request(record)]
        # A copy: what came of a request takes its place while the round goes on.
        return ((record, self._stages[self._operator(record)]) for record in list(self._pool))

    def hear(self, work: Work, outcome: Outcome) -> tuple[Outcome, Sequence[Work]]:
        """Puts what was kept into the pool."""
        stages = work[1]
        if isinstance(work[0], BadRow) or not stages:
            return outcome, ()
        if outcome.kept:
            self._pool[self._at] = outcome.kept[0]
        self._at += 1
        operator = stages[0].operator if isinstance(stages[0], Evolve) else ""
        self.figures.take(self._number, operator, outcome)
        return outcome, ()

    def describe(self) -> dict[str, Any]:
        """Rounds and operators."""
        return self.figures.describe()

    def expected(self) -> list[Expected]:
        """Three calls a request and round, each one a little longer than the round before."""
        tokens = [estimate_tokens(first_request(record)) for record in self._records if isinstance(record, Record)]
        before, calls = float(sum(tokens)), len(tokens)
        prompt = message_tokens(self._stage.prompts[""].prefix)
        judge = message_tokens(self._stage.judge.prefix)
        style = message_tokens(self._stage.annotate.prompt.prefix)
        rows = {"evol": [0.0, 0.0], JUDGED_AS: [0.0, 0.0], "annotate": [0.0, 0.0]}
        for _ in range(self._rounds):
            after = before * _GROWTH
            for name, tokens_in, tokens_out in (
                ("evol", calls * prompt + before, after),
                (JUDGED_AS, calls * judge + before + after, calls * 30.0),
                ("annotate", calls * style + after, after * _ANSWER_TIMES),
            ):
                rows[name][0] += tokens_in
                rows[name][1] += tokens_out
            before = after
        model = {JUDGED_AS: self._stage.judge_model}
        return [
            Expected(
                stage=name,
                calls=calls * self._rounds,
                tokens_in=round(tokens_in),
                tokens_out=round(tokens_out),
                model=model.get(name, ""),
            )
            for name, (tokens_in, tokens_out) in rows.items()
        ]

    def _first(self) -> Iterator[Work]:
        """The input as it is read, which becomes the pool."""
        for record in self._records:
            if isinstance(record, BadRow):
                yield record, ()
                continue
            self._pool.append(record)
            self.figures.know([first_request(record)])
            yield record, self._stages[self._operator(record)]

    def _operator(self, record: Record) -> str:
        return self._operators[keyed_draw(self._seed, self._number, seeds_of(record)[0]) % len(self._operators)]

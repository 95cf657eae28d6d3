"""What a stage asks beside its own questions, as a plan expects it: verdicts on translations, annotations to judge.

beside = Beside()
beside.expect(stage, record)          books what the stage foresees for a record that is not asked yet
beside.rows("translate")              [("judge", Expected(...))]
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from blossom_data.asks import Ask, Foreseen, Stage
from blossom_data.engine import Outcome
from blossom_data.executors.limits import ASKED_BY
from blossom_data.records import Record
from blossom_data.stages.translate.segments import estimate_tokens

_NAMES = frozenset({"judge"})
"""Of the names in ASKED_BY, those under which a stage asks more than it asks under its own."""


@dataclass(slots=True)
class Expected:
    """Calls of one kind that are likely to come; all but `known` are expectations, not whole numbers."""

    records: float = 0.0
    known: int = 0
    """Records whose replies of this kind are in the ledger."""
    calls: float = 0.0
    tokens_in: float = 0.0
    tokens_last: float = 0.0
    model: str = ""


class Beside:
    """The calls that stages make beside their own, by the stage of the Asks."""

    def __init__(self) -> None:
        self._expected: dict[tuple[str, str], Expected] = {}

    def rows(self, stage: str) -> Iterator[tuple[str, Expected]]:
        """What `stage` asks beside its own questions."""
        yield from ((name, each) for (asking, name), each in self._expected.items() if asking == stage)

    def note(self, outcome: Outcome) -> None:
        """Books a record that needs no call."""
        for name in {stage for stage, _, _ in outcome.used} & _NAMES:
            self._of(ASKED_BY[name], name).known += 1

    def expect(self, stage: Stage, record: Record, times: int = 1) -> None:
        """Books what `stage` is likely to ask about `times` records such as `record`."""
        foresee = getattr(stage, "foresee", None)
        for foreseen in foresee(record) if foresee is not None else ():
            self._add(stage.name, foreseen, times)

    def is_missing(self, asked: Sequence[Ask]) -> bool:
        """Books questions that have no reply, if they are asked beside others."""
        if asked[0].stage not in _NAMES:
            return False
        sent = [[estimate_tokens(turn.content) for turn in ask.messages] for ask in asked]
        whole, last = sum(map(sum, sent)), sum(each[-1] for each in sent)
        model = asked[0].model
        foreseen = Foreseen(stage=asked[0].stage, calls=len(asked), tokens_in=whole, tokens_last=last, model=model)
        self._add(ASKED_BY[foreseen.stage], foreseen, 1)
        return True

    def _of(self, asking: str, name: str) -> Expected:
        return self._expected.setdefault((asking, name), Expected())

    def _add(self, asking: str, foreseen: Foreseen, times: int) -> None:
        expected = self._of(asking, foreseen.stage)
        expected.records += min(1.0, foreseen.calls) * times
        expected.calls += foreseen.calls * times
        expected.tokens_in += foreseen.tokens_in * times
        expected.tokens_last += foreseen.tokens_last * times
        expected.model = foreseen.model

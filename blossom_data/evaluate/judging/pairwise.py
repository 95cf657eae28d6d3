"""Stage `compare`: a judge says which of two models' answers is better, in both orders.

    A = ours, B = theirs   ->  [[A]]          A = theirs, B = ours   ->  [[B]]         tag  pair:1:model_1:model_1

Only who wins in both orders has won; one win in each order is a tie of the judge's position bias, and is counted as
such. The tag names who won in the first order and in the second: model_1 is ours.

Source: FastChat's `gen_judgment.py` (play_a_match_pair) and `show_result.py` (a pair that does not agree is a tie).
"""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass, replace
from typing import Any

from blossom_data.asks import Ask, Note, Question
from blossom_data.evaluate.answering import answers_of
from blossom_data.evaluate.judging.grading import UNREADABLE, warnings
from blossom_data.evaluate.judging.judge_prompts import Asking
from blossom_data.evaluate.judging.verdicts import CHOICE_HINT, CHOICE_OBJECT_HINT, CHOICE_SCHEMA, Choosing, ask_verdict
from blossom_data.records import Lineage, Record

PAIR = "pair:"
OURS, THEIRS, TIE, ERROR = "model_1", "model_2", "tie", "error"
"""The winner of one order, as FastChat's files name it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Compare:
    """Record with answers -> the same record with who won each judged turn as a tag."""

    asking: Asking
    rival: tuple[str, ...]
    """The other model's answers to the judged turns."""
    max_tokens: int | None = None
    name: str = "compare"
    version: int = 1

    def calls_for(self, record: Record) -> int:
        """Verdicts that a record takes, where the judge is understood at once."""
        return 2 * self.asking.turns

    def run(self, record: Record) -> Generator[Question, Any, Record]:
        """Asks for both verdicts of each turn."""
        ours, tags, keys, judge = answers_of(record, self.asking.turns), list(record.tags), list[str](), ""
        hint = CHOICE_OBJECT_HINT if self.asking.is_typed else CHOICE_HINT
        read = Choosing((*ours, *self.rival)).read
        for turn, prompt in enumerate(self.asking.prompts, 1):
            winners = []
            for shown, names in (((ours, self.rival), (OURS, THEIRS)), ((self.rival, ours), (THEIRS, OURS))):
                ask = Ask(
                    stage=self.name,
                    version=self.version,
                    messages=self.asking.messages(record, turn, shown),
                    temperature=0.0,
                    max_tokens=self.max_tokens,
                    response_schema=CHOICE_SCHEMA if self.asking.is_typed else None,
                    prompt_hash=prompt.hash,
                )
                better, reply, problem = yield from ask_verdict(ask, read, hint=hint)
                winners.append({"A": names[0], "B": names[1], "C": TIE}.get(better or "", ERROR))
                if better is None:
                    tags.append(f"{UNREADABLE}{turn}:{problem}")
                    yield Note(f"verdict {problem}")
                keys.append(reply.key)
                judge = reply.model
            tags.append(f"{PAIR}{turn}:{':'.join(winners)}")
        yield from warnings(record, ours, judge, tags)
        step = Lineage(self.name, self.version, self.asking.prompts[-1].hash, judge, ",".join(keys))
        return replace(record, tags=tuple(tags), lineage=(*record.lineage, step))

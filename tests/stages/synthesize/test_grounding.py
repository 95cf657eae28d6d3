"""Grounding of `synthesize from-text`: 100 supported answers, 100 with a planted claim, and a judge that may err."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from blossom_data.asks import Ask, Reply
from blossom_data.languages.detect import language_of
from blossom_data.prompts import load_prompt
from blossom_data.records import Message, Record, Reject
from blossom_data.stages.synthesize.from_text import JUDGED_AS, Ground
from blossom_data.stages.synthesize.grounding import missing_quote

HERE = Path(__file__).parent


def cases() -> Iterator[tuple[str, str, str, str, str]]:
    """Kind (S or U), passage, answer, what the judge does, the words that it gives."""
    passage = ""
    for line in (HERE / "grounding_cases.tsv").read_text(encoding="utf-8").splitlines()[1:]:
        kind, text, *more = line.split("\t")
        if kind == "P":
            passage = text
        elif kind == "S":
            yield kind, passage, text, "points", more[0]
        else:
            yield kind, passage, text, *more


def refusal(passage: str, answer: str, judge: str, quote: str) -> str:
    """The code that the stage refuses an answer with, "" where it believes it; the second try says the same."""

    def reply(ask: Ask) -> str:
        if ask.stage == JUDGED_AS:
            claim = {"claim": answer, "quote": quote, "is_supported": judge != "sees"}
            return json.dumps({"claims": [claim], "needs_text": False})
        return json.dumps({"answer": answer, "quote": passage[:20]})

    question = "那是怎么回事？" if language_of(passage) == "zh" else "How is that?"
    turns = (Message("system", passage), Message("user", question), Message("assistant", answer))
    record = Record("r", "from-text", language_of(passage), turns, gold=passage[:20])
    stage = Ground(judge=load_prompt("judge_grounding"), repair=load_prompt("repair_answer"))
    steps = stage.run(record)
    try:
        ask = next(steps)
        while True:
            ask = steps.send(Reply(text=reply(ask)))
    except StopIteration:
        return ""
    except Reject as why:
        assert len(why.history) == 2
        return why.code


def test_planted_claims_are_refused_and_supported_answers_are_not() -> None:
    rows = list(cases())
    assert [sum(row[0] == kind for row in rows) for kind in "SU"] == [100, 100]
    found = [(kind, answer, refusal(passage, answer, judge, quote)) for kind, passage, answer, judge, quote in rows]
    believed = [answer for kind, answer, code in found if kind == "U" and not code]
    doubted = [(answer, code) for kind, answer, code in found if kind == "S" and code]
    assert len(believed) <= 5, believed
    assert len(doubted) <= 5, doubted


@pytest.mark.parametrize(
    "quote",
    [
        "keeps for two weeks",
        "Keeps  for\ntwo weeks",
        "“keeps for two weeks.”",
        "in a fridge ... two weeks",
        "ｋｅｅｐｓ for two weeks",
        "flour – and water",
    ],
)
def test_a_quotation_may_be_typeset_otherwise(quote: str) -> None:
    assert missing_quote(quote, "Flour — and water. In a fridge it keeps for two weeks.") == ""


@pytest.mark.parametrize(
    "quote",
    ["keeps for three weeks", "keep for two weeks", "two weeks ... in a fridge", "", "it", "keeps for many weeks"],
)
def test_a_quotation_of_other_words_is_none(quote: str) -> None:
    assert missing_quote(quote, "Flour — and water. In a fridge it keeps for two weeks.")

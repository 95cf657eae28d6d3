"""Elimination of `synthesize evol`: 200 labelled evolutions (en, zh), through the stage, with a judge that is right."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import pytest

from blossom_data.asks import Ask, Reply
from blossom_data.prompts import load_prompt
from blossom_data.records import Message, Record, Reject
from blossom_data.stages.annotate.stage import Annotate
from blossom_data.stages.synthesize.evolve import JUDGED_AS, OPERATORS, Evolve

HERE = Path(__file__).parent


def cases(lang: str) -> list[tuple[str, str, str, str]]:
    """Label, request before, request after, answer."""
    lines = (HERE / f"elimination_{lang}.tsv").read_text(encoding="utf-8").splitlines()[1:]
    rows = [line.split("\t") for line in lines]
    return [(label, before, repeated(after), answer) for label, before, after, answer in rows]


def repeated(text: str) -> str:
    text, _, times = text.replace("\\n", "\n").partition("×")
    return text * int(times or 1)


def evolver(operator: str = "constraints", **more: object) -> Evolve:
    style = Annotate(prompt=load_prompt("annotate"), tries=1)
    prompts = {"": load_prompt("evolve"), "zh": load_prompt("evolve_zh")}
    judge = load_prompt("judge_evolution")
    return Evolve(prompts=prompts, judge=judge, annotate=style, operator=operator, **{"tries": 1, **more})  # type: ignore[arg-type]


def outcome(lang: str, label: str, before: str, after: str, answer: str) -> str:
    """The code that the stage rejects an evolution with, "ok" where it keeps it."""

    def reply(ask: Ask) -> Reply:
        if ask.stage == JUDGED_AS:
            told = {"reason": "so", "is_request": label != "not_a_request", "asks_for_more": label != "no_gain"}
            return Reply(text=json.dumps(told))
        return Reply(text=json.dumps({"request": after}) if ask.stage == "evol" else answer.replace("\\n", "\n"))

    return driven(evolver(), Record("r", "s", lang, (Message("user", before),)), reply)


def driven(stage: Evolve, record: Record, reply: object) -> str:
    steps = stage.run(record)
    try:
        ask = next(steps)
        while True:
            ask = steps.send(reply(ask))  # type: ignore[operator]
    except StopIteration:
        return "ok"
    except Reject as why:
        return why.code


@pytest.mark.parametrize("lang", ["en", "zh"])
def test_elimination_finds_what_is_wrong_and_nothing_else(lang: str) -> None:
    rows = cases(lang)
    assert Counter(label == "ok" for label, *_ in rows) == {True: 50, False: 50}
    found = [(row, outcome(lang, *row)) for row in rows]
    missed = [(row[0], row[2][:60], code) for row, code in found if row[0] != "ok" and code == "ok"]
    wronged = [(row[2][:60], code) for row, code in found if row[0] == "ok" and code != "ok"]
    bad = sum(row[0] != "ok" for row, _ in found)
    caught = bad - len(missed)
    assert caught >= 0.95 * bad, missed
    assert caught >= 0.95 * (caught + len(wronged)), wronged


@pytest.mark.parametrize("operator", OPERATORS)
def test_every_operator_is_named_in_every_prompt(operator: str) -> None:
    for name in ("evolve", "evolve_zh"):
        assert f"\n- {operator}" in load_prompt(name).system

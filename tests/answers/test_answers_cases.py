"""Answers in the styles of real models, in both languages, with the verdict that each one deserves.

`cases.jsonl` holds endings and short answers; `cases_fresh.jsonl` whole solutions and `cases_blind.jsonl` answers with
second thoughts, percentages, times, units and lists, both labelled before they were checked; `is_refused` marks the
right ones among them that are still refused.
"""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from blossom_data.answers import Verdict, check_answer

CASES: list[dict[str, Any]] = [
    json.loads(line)
    for name in ("cases.jsonl", "cases_fresh.jsonl", "cases_blind.jsonl")
    for line in (Path(__file__).parent / name).read_text(encoding="utf-8").splitlines()
]


@pytest.mark.parametrize("case", CASES, ids=[case["id"] for case in CASES])
def test_verdict_is_the_labelled_one(case: dict[str, Any]) -> None:
    result = check_answer(
        case["answer"], case["gold"], question=case["question"], finish_reason=case.get("finish_reason", "stop")
    )
    if case.get("is_refused"):
        assert result.verdict != Verdict.CORRECT, "accepted now: take the mark away"
    elif case["verdict"] == "rejected":
        assert result.verdict != Verdict.CORRECT, result
    else:
        assert result.verdict == case["verdict"], result


def test_cases_cover_both_languages_and_every_verdict() -> None:
    languages = [case["id"][:2] for case in CASES]
    assert min(languages.count("en"), languages.count("zh")) >= 150
    assert {case["verdict"] for case in CASES} == {*Verdict, "rejected"} - {Verdict.UNMARKED}


def test_hardly_any_right_answer_is_refused() -> None:
    right = [case for case in CASES if case["verdict"] == "correct"]
    assert sum(case.get("is_refused", False) for case in right) < 0.015 * len(right)


def test_marked_only_accepts_no_last_sentence_and_no_wrong_answer() -> None:
    verdicts = Counter(
        (check_answer(case["answer"], case["gold"], case["question"], is_marked_only=True).verdict, case["verdict"])
        for case in CASES
        if case.get("finish_reason", "stop") == "stop"
    )
    assert {label for verdict, label in verdicts if verdict == Verdict.CORRECT} == {"correct"}
    assert min(verdicts[Verdict.CORRECT, "correct"], verdicts[Verdict.UNMARKED, "correct"]) > 400
    assert check_answer("So she makes $18 a day.", "18", is_marked_only=True).verdict == Verdict.UNMARKED


@pytest.mark.parametrize(
    ("answer", "route"),
    [
        ("\\boxed{18}", "boxed"),
        ("so 18\n#### 18", "hash"),
        ("<answer>18</answer>", "answer_tag"),
        ('{"answer": 18}', "json"),
        ("**Final Answer:** 18", "final_answer"),
        ("The answer is 18.", "answer_is"),
        ("Answer: 18", "answer"),
        ("9 * 2 = 18\nA: 18", "a_line"),
        ("答：一共18元。", "da"),
        ("答案是18元。", "daan"),
        ("故填：18", "fill"),
        ("So she makes $18 a day.", "last_sentence"),
        ("", ""),
    ],
)
def test_route_tells_how_the_answer_was_found(answer: str, route: str) -> None:
    assert check_answer(answer, "18").route == route


def test_result_carries_payload_value_and_gold() -> None:
    result = check_answer("The answer is $18.50 per day.", "18.5")
    assert result.answer == "$18.50 per day"
    assert result.value is not None and float(result.value) == 18.5
    assert result.gold is not None and (result.gold.text, result.gold.shape) == ("18.5", "decimal")


def test_payload_in_the_result_is_bounded() -> None:
    assert len(check_answer("The answer is 18 " + "very " * 5000, "18").answer) <= 200

"""Answers in the styles of real models, in both languages, with the verdict that each one deserves.

`cases.jsonl` holds endings and short answers; `cases_fresh.jsonl` whole solutions, `cases_blind.jsonl` answers with
second thoughts, percentages, times, units and lists, and `cases_unseen.jsonl` wrong answers made to look right, choices
and numerals. The last three were labelled before they were checked; `is_refused` marks the right ones among them that
are still refused. All were written for this project and share its licence.
"""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from blossom_data.answers import Verdict, check_answer

CASES: dict[str, list[dict[str, Any]]] = {
    name: [json.loads(line) for line in (Path(__file__).parent / name).read_text(encoding="utf-8").splitlines()]
    for name in ("cases.jsonl", "cases_fresh.jsonl", "cases_blind.jsonl", "cases_unseen.jsonl")
}
ALL = [case for cases in CASES.values() for case in cases]


@pytest.mark.parametrize("name", CASES)
def test_verdicts_are_the_labelled_ones(name: str) -> None:
    found: list[str] = []
    for case in CASES[name]:
        finish_reason = case.get("finish_reason", "stop")
        result = check_answer(case["answer"], case["gold"], question=case["question"], finish_reason=finish_reason)
        if case.get("is_refused") and result.verdict == Verdict.CORRECT:
            found.append(f"{case['id']} is accepted now: take the mark away")
        elif case.get("is_refused") or case["verdict"] == "rejected":
            found += [f"{case['id']} is accepted: {result}"] if result.verdict == Verdict.CORRECT else []
        elif result.verdict != case["verdict"]:
            found.append(f"{case['id']} is {case['verdict']}, not {result}")
    assert not found


def test_cases_cover_both_languages_and_every_verdict() -> None:
    languages = [case["id"][:2] for case in ALL]
    assert min(languages.count("en"), languages.count("zh")) >= 150
    assert {case["verdict"] for case in ALL} == {*Verdict, "rejected"} - {Verdict.UNMARKED}


def test_hardly_any_right_answer_is_refused() -> None:
    right = [case for case in ALL if case["verdict"] == "correct"]
    assert sum(case.get("is_refused", False) for case in right) < 0.015 * len(right)


def test_marked_only_accepts_no_last_sentence_and_no_wrong_answer() -> None:
    verdicts = Counter(
        (check_answer(case["answer"], case["gold"], case["question"], is_marked_only=True).verdict, case["verdict"])
        for case in ALL
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


@pytest.mark.parametrize(
    ("answer", "gold", "question"),
    [
        ("答案是一点五亿。", "150000000", ""),
        ("They need half a dozen.", "12", "refused"),
        ("The answer is two dozen.", "24", ""),
        ("Answer: (C)", "94", "What is it? (A) 74 (B) 84 (C) 94"),
        ("12 × 7 = 84\n\nAnswer: C", "84", "refused: What is 12 × 7? (A) 74 (B) 84 (C) 94"),
        ("12×7=84，故选B。", "84", "12×7=？A.74 B.84"),
        ("12×7=84，故选A。", "84", "refused：12×7=？A.74 B.84"),
        ("应付3元5角。", "3.5", "应付多少元？"),
        ("绳长2米3分米5厘米。", "2.35", "绳长多少米？"),
        ("The ride takes 1 h 20 min = 80 minutes.", "80", "How many minutes does the ride take?"),
        ("**Answer:** 60 (80 minutes less the break)", "80", "refused: How many minutes does the ride take?"),
        ("The answer cannot be determined from 3 and 4.", "4", "refused"),
        ("一共有12到15个。", "15", "refused：一共有多少个？"),
        ("第3天卖了18个。", "18", ""),
        ("In step 3 we found 18.", "18", ""),
        ("At 5 p.m. he has 18 left.", "18", "How many are left?"),
        ("这道题十分重要。", "10", "refused"),
        ("一共1亿2千万。", "120000000", ""),
        ("1/3 = 0.333", "1/3", ""),
        ("There are 2^10 = 1024 ways.", "1024", ""),
        ("Each side is 3^2 + 1 = 10, and the area is 100.", "10", "refused: What is the area?"),
        ("#### 18\nNo, that is wrong; it is 20.", "18", "refused"),
    ],
)
def test_kinds_of_writing(answer: str, gold: str, question: str) -> None:
    is_accepted = check_answer(answer, gold, question).verdict == Verdict.CORRECT
    assert is_accepted != question.startswith("refused")


def test_payload_in_the_result_is_bounded() -> None:
    assert len(check_answer("The answer is 18 " + "very " * 5000, "18").answer) <= 200

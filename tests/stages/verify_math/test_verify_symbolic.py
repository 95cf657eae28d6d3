"""Labels that are formulas, compared through Math-Verify in a process that may be killed."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from command import blossom, values, write_lines

pytest.importorskip("math_verify")

from blossom_data.answers.symbolic import SymbolicChecker, SymbolicTimeout, check_symbolic, is_symbolic_gold


@pytest.fixture(scope="module")
def checker() -> Iterator[SymbolicChecker]:
    found = SymbolicChecker()
    yield found
    found.close()


@pytest.mark.parametrize(
    ("gold", "payload", "is_equal"),
    [
        (r"\frac{\sqrt{3}}{2}", r"\sqrt{\frac{3}{4}}", True),
        ("x^2+2x+1", "(x+1)^2", True),
        (r"(-\infty, 2]", r"x \le 2", False),
        (r"\{1,2\}", r"\{2,1\}", True),
        ("2\\sqrt{3}", "2\\sqrt{2}", False),
        (r"\frac{1}{2^{99}}", r"\frac{1}{2^{98}}", False),
        (r"\frac{\sqrt{3}}{2}", "0.866025", False),
        (r"\pi", "3.14159265358979", False),
        ("3x-y+13=0", "3x+4y+14=0", False),
    ],
)
def test_formulas_are_compared_by_value_and_numbers_exactly(
    checker: SymbolicChecker, gold: str, payload: str, is_equal: bool
) -> None:
    assert checker.equal(gold, payload) is is_equal


def test_a_hostile_answer_is_killed_and_the_next_one_is_compared(checker: SymbolicChecker) -> None:
    for hostile in (r"9^{9^{9^9}}", "200000000!", "7^{300000000}-1"):
        with pytest.raises(SymbolicTimeout):
            checker.equal("x^2", hostile)
    assert checker.equal("x^2", "x^2") is True


def test_too_much_memory_and_a_dead_worker_are_timeouts(checker: SymbolicChecker) -> None:
    assert checker.equal("x", "x") is True
    assert checker._worker is not None
    os.kill(checker._worker[0].pid, 9)
    with pytest.raises(SymbolicTimeout):
        checker.equal("x", "x")
    assert checker.equal("x", "x") is True


@pytest.mark.parametrize(
    ("answer", "verdict"),
    [
        (r"So the area is \boxed{2\sqrt{3}}.", "correct"),
        (r"The answer is $\sqrt{12}$.", "correct"),
        (r"因此，面积是 $2\sqrt{3}$ 平方厘米。", "correct"),
        (r"**Answer:** \(3\sqrt{2}\)", "wrong"),
        (r"The answer is $2\sqrt{3}$ or $3\sqrt{2}$.", "ambiguous"),
        (r"We have $2\sqrt{3} = \sqrt{12}$ and $x = 1$.", "ambiguous"),
        ("I do not know.", "no_answer"),
    ],
)
def test_only_the_extracted_answer_is_compared(checker: SymbolicChecker, answer: str, verdict: str) -> None:
    assert check_symbolic(answer, r"2\sqrt{3}", checker=checker).verdict == verdict
    assert check_symbolic(answer, r"2\sqrt{3}", finish_reason="length", checker=checker).verdict == "truncated"


@pytest.mark.parametrize(
    "gold", [r"2\sqrt{3}", "x^2+1", r"\left[0, 1\right)", r"(1, 2)", r"\sin x", r"5\text{ cm}^2\pi"]
)
def test_a_formula_is_a_label(gold: str) -> None:
    assert is_symbolic_gold(gold)


@pytest.mark.parametrize("gold", ["12 or 15", "no solution", "1/0", "", "9**9**9", "因此", "x" * 500])
def test_words_and_broken_numbers_are_no_label(gold: str) -> None:
    assert not is_symbolic_gold(gold)


def test_the_command_compares_formulas_only_on_demand(tmp_path: Path) -> None:
    rows = [
        {"messages": [{"role": "user", "content": "Area?"}, {"role": "assistant", "content": text}], "gold": gold}
        for text, gold in [
            (r"\boxed{\sqrt{12}}", r"2\sqrt{3}"),
            (r"\boxed{\sqrt{13}}", r"2\sqrt{3}"),
            (r"\boxed{9^{9^{9^9}}}", "x^2"),
            (r"\boxed{18}", "18"),
            (r"\boxed{18}", "about eighteen"),
        ]
    ]
    path = write_lines(tmp_path / "in.jsonl", rows)
    done = blossom("verify-math", path, "-o", "out", "--symbolic", "--json", cwd=tmp_path)
    assert done.code == 0, done
    assert [row["gold"] for row in values(tmp_path / "out")] == [r"2\sqrt{3}", "18"]
    assert done.json["rejected"] == {
        "verify-math/bad_gold": 1,
        "verify-math/symbolic_timeout": 1,
        "verify-math/wrong": 1,
    }
    shapes = {group["shape"]: group["labels"] for group in done.json["verify"]["groups"]}
    assert shapes == {"integer": 1, "symbolic": 3, "unreadable": 1}
    plain = blossom("verify-math", path, "-o", "plain", "--json", cwd=tmp_path)
    assert plain.json["rejected"] == {"verify-math/bad_gold": 4}

"""Labels that are formulas, compared through Math-Verify in a process that may be killed."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from command import values, write_lines
from forked import blossom

pytest.importorskip("math_verify")

from blossom_data.answers import NotCompared, check_answer
from blossom_data.answers.symbolic import SymbolicChecker, check_symbolic, is_symbolic_gold

pytestmark = pytest.mark.slow


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
        (r"\begin{pmatrix} 1 & 2 \\ 3 & 4 \end{pmatrix}", r"\begin{bmatrix}1&2\\3&\frac{8}{2}\end{bmatrix}", True),
        (r"\begin{pmatrix} 1 & 2 \\ 3 & 4 \end{pmatrix}", r"\begin{pmatrix} 1 & 2 \\ 3 & 5 \end{pmatrix}", False),
    ],
)
def test_formulas_are_compared_by_value_and_numbers_exactly(
    checker: SymbolicChecker, gold: str, payload: str, is_equal: bool
) -> None:
    assert checker.equal(gold, payload) is is_equal


def test_a_hostile_answer_is_killed_and_the_next_one_is_compared(checker: SymbolicChecker) -> None:
    for hostile in (r"9^{9^{9^9}}", "200000000!", "7^{300000000}-1"):
        with pytest.raises(NotCompared) as why:
            checker.equal("x^2", hostile)
        assert why.value.code == "symbolic_timeout"
    assert checker.equal("x^2", "x^2") is True


def test_the_limit_is_processor_time_so_that_a_stopped_process_may_go_on(checker: SymbolicChecker) -> None:
    assert checker.equal("x", "x") is True
    assert checker._worker is not None
    pid = checker._worker[0].pid
    os.kill(pid, signal.SIGSTOP)
    threading.Timer(1.5, os.kill, (pid, signal.SIGCONT)).start()
    assert checker.equal("x^2", "x^2") is True


def test_a_dead_worker_is_taken_for_one_out_of_memory(checker: SymbolicChecker) -> None:
    assert checker.equal("x", "x") is True
    assert checker._worker is not None
    os.kill(checker._worker[0].pid, 9)
    with pytest.raises(NotCompared) as why:
        checker.equal("x", "x")
    assert why.value.code == "symbolic_memory"
    assert checker.equal("x", "x") is True


@pytest.mark.parametrize(
    ("answer", "verdict"),
    [
        (r"So the area is \boxed{2\sqrt{3}}.", "correct"),
        (r"The answer is $\sqrt{12}$.", "correct"),
        (r"<answer>2\sqrt{3}</answer>", "correct"),
        (r"因此，面积是 $2\sqrt{3}$ 平方厘米。", "correct"),
        (r"**Answer:** \(3\sqrt{2}\)", "wrong"),
        (r"The answer is $2\sqrt{3}$ or $3\sqrt{2}$.", "ambiguous"),
        (r"We have $2\sqrt{3} = \sqrt{12}$ and $x = 1$.", "ambiguous"),
        (r"\boxed{2\sqrt{3}}. Hold on, the other side is $3\sqrt{2}$.", "ambiguous"),
        (r"Either \boxed{2\sqrt{3}} or \boxed{3\sqrt{2}}.", "wrong"),
        ("I do not know.", "no_answer"),
    ],
)
def test_only_the_extracted_answer_is_compared(checker: SymbolicChecker, answer: str, verdict: str) -> None:
    assert check_symbolic(answer, r"2\sqrt{3}", checker=checker).verdict == verdict
    assert check_symbolic(answer, r"2\sqrt{3}", finish_reason="length", checker=checker).verdict == "truncated"


def test_several_boxes_are_compared_together(checker: SymbolicChecker) -> None:
    for answer, verdict in ((r"$\boxed{\sqrt{3}}$ and $\boxed{\sqrt{2}}$", "correct"), (r"\boxed{\sqrt{2}}", "wrong")):
        assert check_symbolic(answer, r"\sqrt{2}, \sqrt{3}", checker=checker).verdict == verdict


def test_a_matrix_is_a_label_and_marked_only_holds_for_formulas(checker: SymbolicChecker) -> None:
    matrix = r"\begin{pmatrix} 1 & 2 \\ 3 & 4 \end{pmatrix}"
    assert check_symbolic(rf"\boxed{{{matrix}}}", matrix, checker=checker).verdict == "correct"
    assert check_symbolic(f"The answer is ${matrix}$.", matrix, checker=checker).verdict == "correct"
    found = check_symbolic(r"The area is $2\sqrt{3}$.", r"2\sqrt{3}", is_marked_only=True, checker=checker)
    assert found.verdict == "unmarked"


@pytest.mark.parametrize("answer", [r"\boxed{198}", r"\boxed{198\%}"])
def test_a_percent_sign_in_latex_may_be_left_out_when_the_question_asks_for_a_percentage(answer: str) -> None:
    assert check_answer(answer, r"198\%", "What percent of the price is it?").verdict == "correct"
    assert check_answer(r"\boxed{198}", "198%", "What percent of the price is it?").verdict == "wrong"
    assert check_answer(r"\boxed{198}", r"198\%", "How many are there?").verdict == "wrong"


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

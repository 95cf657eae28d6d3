"""Nothing that a model can write raises, hangs, eats memory or is taken for the gold by accident."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import tracemalloc
from concurrent.futures import ThreadPoolExecutor
from fractions import Fraction

import pytest
from hostile_answers import SMALL, hostile
from hypothesis import given, settings
from hypothesis import strategies as st

from blossom_data.answers import CheckedAnswer, Verdict, check_answer, parse_gold

PIECES = [
    "\\boxed{", "}", "#### ", "The answer is ", "Answer: ",
    "答案是", "答：", "18", "1,234", "3/4", "2 1/3", "25%", ".5",
    "$", "¥", "元", " dollars", "。", ". ", "\n", "=", " or ", "或",
    "not ", "不是", "≈", "-", "×", "**", "(", ")", "\\frac{",
    "<answer>", "</answer>", "<think>", "</think>", "{", "^", "!",
    "万", "百分之", "三", "twelve", "so ", "因此", "½", "８",
]  # fmt: skip
texts = st.one_of(
    st.text(max_size=200),
    st.text(alphabet=st.characters(exclude_categories=()), max_size=60),
    st.lists(st.sampled_from(PIECES), max_size=14).map("".join),
)


@settings(max_examples=400, deadline=None)
@given(answer=texts, gold=texts, question=texts)
def test_any_text_gets_a_verdict(answer: str, gold: str, question: str) -> None:
    result = check_answer(answer, gold, question=question)
    assert result.verdict in set(Verdict)
    assert (result.verdict == "bad_gold") == (parse_gold(gold) is None)
    assert len(result.answer) <= 200
    if result.verdict == "correct":
        assert result.value is not None and result.route


@settings(max_examples=300, deadline=None)
@given(
    value=st.integers(-(10**12), 10**12),
    other=st.integers(-(10**12), 10**12),
    template=st.sampled_from(
        ["The answer is {}.", "#### {}", "\\boxed{{{}}}", "答案是{}。", "答：一共{}元。", "因此，一共有{}个。"]
    ),
)
def test_an_integer_is_accepted_exactly_for_itself(value: int, other: int, template: str) -> None:
    assert check_answer(template.format(value), str(value)).verdict == "correct"
    assert check_answer(template.format(f"{value:,}"), str(value)).verdict == "correct"
    assert (check_answer(template.format(value), str(other)).verdict == "correct") == (value == other)


@settings(max_examples=300, deadline=None)
@given(
    top=st.integers(1, 9999),
    bottom=st.integers(1, 9999),
    gold=st.fractions(min_value=0, max_value=50, max_denominator=99),
)
def test_a_fraction_is_compared_by_value(top: int, bottom: int, gold: Fraction) -> None:
    label = f"(({gold.numerator})/({gold.denominator}))"
    for written in (f"{top}/{bottom}", f"\\frac{{{top}}}{{{bottom}}}", f"{bottom}分之{top}"):
        verdict = check_answer(f"The answer is {written}.", label).verdict
        assert (verdict == "correct") == (Fraction(top, bottom) == gold)


@pytest.mark.parametrize("text", SMALL)
def test_small_hostile_inputs_are_never_accepted(text: str) -> None:
    for gold in ("9", "1", "0", "99999", "3", "1/2"):
        assert check_answer(text, gold).verdict != "correct"
        assert check_answer(f"The answer is {text}", gold).verdict != "correct"


@pytest.mark.parametrize("length", [2_000, 100_000])
def test_long_hostile_inputs_are_never_accepted_for_another_value(length: int) -> None:
    for name, text in hostile(length):
        assert check_answer(text, "4321", question=text[:5000]).verdict != "correct", name
        parse_gold(text)


@pytest.mark.slow
def test_memory_stays_small_on_a_megabyte() -> None:
    inputs = [text for _, text in hostile(1_000_000)][:60]
    tracemalloc.start()
    try:
        for text in inputs:
            check_answer(text, "18")
            parse_gold(text)
        _, peak_bytes = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak_bytes < 50 * 2**20


def sample() -> list[tuple[str, str]]:
    return [(text, "18") for _, text in hostile(120)] + [(f"答：一共{n}元。", str(n % 7)) for n in range(300)]


def check_all(rows: list[tuple[str, str]]) -> list[CheckedAnswer]:
    return [check_answer(answer, gold) for answer, gold in rows]


def test_same_verdicts_in_eight_threads() -> None:
    rows = sample()
    expected = check_all(rows)
    with ThreadPoolExecutor(8) as pool:
        assert all(result == expected for result in pool.map(check_all, [rows] * 8))


def test_same_verdicts_inside_a_running_loop() -> None:
    rows = sample()

    async def inside() -> list[CheckedAnswer]:
        return check_all(rows)

    assert asyncio.run(inside()) == check_all(rows)


def test_import_brings_no_heavy_module() -> None:
    code = "import sys; import blossom_data.answers; print(' '.join(sys.modules))"
    loaded = set(
        subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    )
    assert not loaded & {
        "sympy",
        "pydantic",
        "aiohttp",
        "pyarrow",
        "asyncio",
        "numpy",
        "signal",
        "subprocess",
        "multiprocessing",
    }

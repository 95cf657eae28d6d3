"""Gold labels of both data sets and of users parse exactly, and junk does not."""

from __future__ import annotations

from collections import Counter
from fractions import Fraction
from pathlib import Path

import pytest
from gold_forms import load_golds

from blossom_data.answers import check_answer, parse_gold


def test_every_gold_of_both_sets_parses_to_its_value(shared: Path) -> None:
    shapes: Counter[str] = Counter()
    for form in load_golds(shared):
        gold = parse_gold(form.gold)
        assert gold is not None and gold.value == form.value, form.gold
        shapes[gold.shape] += 1
    assert shapes == {"integer": 26626, "decimal": 2647, "fraction": 1784, "percent": 640, "mixed": 257}


@pytest.mark.parametrize(
    ("text", "value", "shape"),
    [
        ("72", Fraction(72), "integer"),
        ("She sold 48/2 = <<48/2=24>>24 clips.\n#### 1,234", Fraction(1234), "integer"),
        ("-410.0", Fraction(-410), "decimal"),
        ("37.5%", Fraction(3, 8), "percent"),
        ("((11)/(28))", Fraction(11, 28), "fraction"),
        ("((6)/(8))", Fraction(3, 4), "fraction"),
        ("1((1)/(2))", Fraction(3, 2), "mixed"),
        ("2 1/3", Fraction(7, 3), "mixed"),
        ("\\frac{3}{4}", Fraction(3, 4), "fraction"),
        ("$18.00", Fraction(18), "decimal"),
        ("42元", Fraction(42), "integer"),
        ("3:4", Fraction(3, 4), "ratio"),
        ("２５％", Fraction(1, 4), "percent"),
    ],
)
def test_forms_of_labels(text: str, value: Fraction, shape: str) -> None:
    gold = parse_gold(text)
    assert gold is not None
    assert (gold.value, gold.shape) == (value, shape)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "  ",
        "abc",
        "12 or 15",
        "1/0",
        "((1)/(0))",
        "NaN",
        "12,34",
        "3^2",
        "x = 5",
        "1.2.3",
        "####",
        "9" * 100,
        "a solution of 12 steps",
        "12 15",
        "5!",
        "18 * 2",
        "2024-05-01",
        "> 5",
        "1e999",
        "x" * 500,
    ],
)
def test_junk_is_not_a_label(text: str) -> None:
    assert parse_gold(text) is None
    assert check_answer("The answer is 12.", text).verdict == "bad_gold"

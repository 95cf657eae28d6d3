"""Every gold label of both data sets is accepted in thirty styles, and ten perturbations of it are not.

The suite takes every different label once, with the styles in turn, and all styles for a sample of each shape.
`BLOSSOM_FULL_SELF_TEST=1` (or `benchmarks/verify_math.py --full`) takes everything: some minutes.
"""

from __future__ import annotations

import os
import random
from collections import defaultdict
from itertools import islice
from pathlib import Path

import pytest
from gold_forms import STYLES, Form, failures, load_golds

from blossom_data.answers import check_answer, parse_gold

PER_SHAPE = 40


def verdict(answer: str, gold: str, question: str) -> str:
    return check_answer(answer, gold, question=question).verdict


def sample_of_each_shape(forms: list[Form]) -> list[Form]:
    groups: dict[str, list[Form]] = defaultdict(list)
    for form in forms:
        gold = parse_gold(form.gold)
        assert gold is not None
        groups[f"{gold.shape} {gold.value < 0} {',' in form.grouped}"].append(form)
    chosen = random.Random(4)
    return [form for group in groups.values() for form in chosen.sample(group, min(PER_SHAPE, len(group)))]


@pytest.mark.slow
def test_every_gold_is_accepted_in_its_style_and_wrong_ones_are_not(shared: Path) -> None:
    forms = list(load_golds(shared))
    assert len(forms) == 31954
    found: list[str] = []
    for index, form in enumerate({form.gold: form for form in forms}.values()):
        style = index % len(STYLES)
        found += islice(failures([form], range(style, style + 1), verdict, turn=index // 30), 20 - len(found))
    assert not found


@pytest.mark.slow
def test_all_styles_and_perturbations_for_a_sample_of_each_shape(shared: Path) -> None:
    forms = sample_of_each_shape(list(load_golds(shared)))
    assert len(forms) > 200
    found = list(islice(failures(forms, range(len(STYLES)), verdict), 20))
    assert not found


@pytest.mark.skipif(not os.environ.get("BLOSSOM_FULL_SELF_TEST"), reason="takes minutes; set BLOSSOM_FULL_SELF_TEST=1")
def test_all_styles_and_perturbations_for_every_gold(shared: Path) -> None:
    found = list(islice(failures(list(load_golds(shared)), range(len(STYLES)), verdict), 20))
    assert not found


def test_there_are_thirty_styles() -> None:
    assert len(set(STYLES)) == 30

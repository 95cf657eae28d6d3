"""Documents into rows: nothing lost, nothing over, never more rows than best-fit-decreasing."""

from __future__ import annotations

import math
import random
from itertools import pairwise

import pytest

pytest.importorskip("numpy")

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from blossom_data.train.data.bin_packing import pack_rows

CAPACITY = 97


def naive_best_fit_decreasing(lengths: list[int], capacity: int) -> int:
    rooms: list[int] = []
    for length in sorted(lengths, reverse=True):
        fitting = [room for room in rooms if room >= length]
        if fitting:
            rooms.remove(min(fitting))
            rooms.append(min(fitting) - length)
        else:
            rooms.append(capacity - length)
    return len(rooms)


@given(
    st.lists(st.integers(1, CAPACITY) | st.sampled_from([1, 48, 49, CAPACITY]), min_size=1, max_size=120),
    st.integers(0, 9),
)
@settings(max_examples=300, deadline=None)
def test_every_document_is_in_one_row_and_no_row_is_over(lengths: list[int], seed: int) -> None:
    order, starts = pack_rows(np.array(lengths), CAPACITY, seed)
    assert sorted(order.tolist()) == list(range(len(lengths)))
    rows = [order[start:end].tolist() for start, end in pairwise(starts.tolist())]
    sizes = [sum(lengths[document] for document in row) for row in rows]
    assert all(0 < size <= CAPACITY for size in sizes)
    assert len(rows) <= naive_best_fit_decreasing(lengths, CAPACITY)


def test_the_same_seed_gives_the_same_rows_and_another_one_others() -> None:
    lengths = np.array([random.Random(number).randint(1, 60) for number in range(400)])
    first, again, other = (pack_rows(lengths, CAPACITY, seed) for seed in (1, 1, 2))
    assert first[0].tolist() == again[0].tolist()
    assert first[1].tolist() == again[1].tolist()
    assert first[0].tolist() != other[0].tolist()


@pytest.mark.parametrize(("median", "sigma"), [(180, 0.8), (350, 0.9), (500, 0.8), (700, 0.7), (245, 0.35)])
def test_rows_of_2048_are_nearly_full_on_lengths_like_those_of_chats(median: int, sigma: float) -> None:
    drawn = random.Random(0)
    lengths = np.array([max(8, min(2048, int(drawn.lognormvariate(math.log(median), sigma)))) for _ in range(20_000)])
    order, starts = pack_rows(lengths, 2048, 0)
    assert len(order) == len(lengths)
    assert lengths.sum() / ((len(starts) - 1) * 2048) >= 0.998

"""Which prompts count as the same, and draws that depend on seed and id alone."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from blossom_data.mix.keys import keyed_hash, prompt_key
from blossom_data.records import Message


def key(*texts: str) -> bytes | None:
    return prompt_key([Message("user", text) for text in texts])


@pytest.mark.parametrize(
    "other",
    ["what  is\n2+2?", "WHAT IS 2+2?", "Ｗｈａｔ　ｉｓ　２＋２？", " What is 2+2? ", "What\u00a0is 2+2?"],
)
def test_form_case_and_blanks_make_no_difference(other: str) -> None:
    assert key("What is 2+2?") == key(other)


def test_other_words_other_turns_and_order_do() -> None:
    keys = [key("a b"), key("ab"), key("a", "b"), key("b", "a"), key("a"), key("a", "b", "c")]
    assert len(set(keys)) == len(keys)


def test_only_the_person_counts_and_silence_has_no_key() -> None:
    system, answer = Message("system", "Be brief."), Message("assistant", "4")
    assert prompt_key([system, Message("user", "2+2?"), answer]) == key("2+2?")
    assert prompt_key([system, answer]) is None
    assert key(" \n", "\u3000") is None


@settings(deadline=None)
@given(st.text(max_size=40))
def test_canonically_equal_texts_have_one_key(text: str) -> None:
    assert key("x" + unicodedata.normalize("NFD", text)) == key("x" + unicodedata.normalize("NFC", text))


def test_a_long_run_of_combining_marks_does_not_hang() -> None:
    assert key("a" + "\u0315\u0300" * 1_000_000) != key("a")


def test_draws_differ_by_seed_and_purpose_and_spread_evenly() -> None:
    names = [str(number) for number in range(4000)]
    one, two, other = keyed_hash(1, "draw"), keyed_hash(2, "draw"), keyed_hash(1, "order")
    assert [one(name) for name in names] == [keyed_hash(1, "draw")(name) for name in names]
    assert not {one(name) for name in names} & {function(name) for name in names for function in (two, other)}
    assert 1800 < sum(one(name) < 0 for name in names) < 2200
    assert 850 < sum(one(name) < 0 and two(name) < 0 for name in names) < 1150

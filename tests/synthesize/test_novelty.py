"""Novelty: the set that is kept is the one that comparing every pair by ROUGE-L would keep."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as some
from synthetic_endpoint import phrase

from blossom_data.synthesize.novelty import Novelty, lcs, tokens
from blossom_data.synthesize.seeds import read_seeds


def kept_by(novelty: Novelty, texts: list[str]) -> list[str]:
    kept = []
    for text in texts:
        if novelty.nearest(text) is None:
            novelty.add(text)
            kept.append(text)
    return kept


def is_near(one: list[str], other: list[str]) -> bool:
    return bool(one and other) and 20 * lcs(one, other) >= 7 * (len(one) + len(other))


def exhaustive(texts: list[str]) -> list[str]:
    kept: list[tuple[str, list[str]]] = []
    for text in texts:
        words = tokens(text)
        if not any(is_near(words, other) for _, other in kept):
            kept.append((text, words))
    return [text for text, _ in kept]


@given(some.lists(some.sampled_from("abcdef"), max_size=30), some.lists(some.sampled_from("abcdef"), max_size=30))
def test_common_subsequences_and_scores_are_those_of_rouge_score(one: list[str], other: list[str]) -> None:
    rouge = pytest.importorskip("rouge_score.rouge_scorer")
    assert lcs(one, other) == rouge._lcs_table(one, other)[-1][-1]
    score = rouge._score_lcs(one, other).fmeasure
    assert is_near(one, other) == (score >= 0.7 - 1e-9)


def test_tokens_are_words_and_characters_of_han_and_kana() -> None:
    assert tokens("Write 一首诗, a poem_2 かな!") == ["write", "一", "首", "诗", "a", "poem", "2", "か", "な"]


def test_real_instructions_against_rouge_score_itself(shared: Path) -> None:
    rouge = pytest.importorskip("rouge_score.rouge_scorer")
    files = ("self_instruct_seed_tasks.jsonl", "belle_zh_seed_tasks.jsonl")
    texts = [task.instruction for file in files for task in read_seeds(str(shared / "data/raw" / file))[0][:90]]
    texts += [phrase(n * 7_919) for n in range(60)]
    random.Random(1).shuffle(texts)
    kept: list[tuple[str, list[str]]] = []
    for text in texts:
        words = tokens(text)
        if not any(rouge._score_lcs(other, words).fmeasure >= 0.7 - 1e-9 for _, other in kept):
            kept.append((text, words))
    assert kept_by(Novelty(), texts) == [text for text, _ in kept]
    assert len(kept) < len(texts)


def test_many_instructions_take_a_fiftieth_of_the_comparisons() -> None:
    texts = [phrase(n * n * 7_919) for n in range(600)]
    texts += [
        f"请用{n % 7 + 3}句话介绍{chr(0x4E00 + n * 37 % 9000)}{chr(0x4E00 + n * 91 % 9000)}的历史" for n in range(600)
    ]
    random.Random(2).shuffle(texts)
    novelty = Novelty()
    assert kept_by(novelty, texts) == exhaustive(texts)
    assert novelty.compared * 50 <= novelty.pairs


@pytest.mark.parametrize("threshold", [0.3, 0.5, 0.9, 1.0])
def test_other_thresholds(threshold: float) -> None:
    texts = [phrase(n * 7_919) for n in range(120)]
    kept: list[list[str]] = []
    wanted = []
    for text in texts:
        words = tokens(text)
        if not any(2 * lcs(words, other) >= threshold * (len(words) + len(other)) - 1e-9 for other in kept):
            kept.append(words)
            wanted.append(text)
    assert kept_by(Novelty(threshold), texts) == wanted

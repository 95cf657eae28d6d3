"""What stands in another's place: a noun of its kind, a member of a closed family; and what may be put otherwise."""

from __future__ import annotations

import pytest

from blossom_data.stages.translate.guard.pairs import check_pair
from blossom_data.stages.translate.lexicon.taxonomy import NEAR, OTHER, relation


@pytest.mark.parametrize(
    ("word", "keys", "told"),
    [
        ("violins", {"cello"}, OTHER),
        ("sparrow", {"bird"}, NEAR),
        ("cello", {"cheesecak"}, ""),
        ("patience", {"honesti"}, ""),
        ("quickly", {"cello"}, ""),
    ],
)
def test_two_nouns_are_of_a_kind_or_near(word: str, keys: set[str], told: str) -> None:
    assert relation(word, keys) == told


@pytest.mark.parametrize(
    ("source", "output", "langs", "code"),
    [
        (
            "The shop is shut on Tuesdays, so come on Wednesday.",
            "商店周二不营业，所以请周四来。",
            "en zh",
            "speech_act",
        ),
        ("Walk north along the river.", "沿着河向南走。", "en zh", "speech_act"),
        ("她的儿子今年五岁。", "Her daughter is five years old this year.", "zh en", "speech_act"),
        ("Walk north along the river.", "沿着河向北走。", "en zh", ""),
        ("Buy three dozen pencils.", "买36支铅笔。", "en zh", ""),
        ("Buy three dozen pencils.", "买30支铅笔。", "en zh", "numbers"),
        ("村里两成的人是农民。", "20% of the people in the village are farmers.", "zh en", ""),
        ("村里两成的人是农民。", "30% of the people in the village are farmers.", "zh en", "numbers"),
        ("把这个句子改写得更礼貌：快把门关上！", "Rewrite this sentence to be more polite: 快把门关上！", "zh en", ""),
        ("给客户写一封信。快把门关上！", "Write a letter to the customer. 快把门关上！", "zh en", "residue"),
    ],
)
def test_what_is_exchanged_is_doubted_and_what_is_put_otherwise_is_not(
    source: str, output: str, langs: str, code: str
) -> None:
    source_lang, target_lang = langs.split()
    found = {finding.code for finding in check_pair(source, output, source_lang=source_lang, target_lang=target_lang)}
    assert found == ({code} if code else set())

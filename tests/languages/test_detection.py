"""Telling the language of a request."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from blossom_data.languages.detect import chat_language, language_of
from blossom_data.languages.tags import canonical

INSTRUCTIONS = [
    line.split("\t") for line in (Path(__file__).parent / "instructions.tsv").read_text(encoding="utf-8").splitlines()
]


def test_short_instructions_in_nineteen_languages() -> None:
    read = Counter((wanted, language_of(text)) for wanted, text in INSTRUCTIONS)
    languages = {wanted for wanted, _ in INSTRUCTIONS}
    assert len(languages) == 19
    for language in languages:
        # Of eight instructions each, at most two are too short to be sure of; those are in the default.
        assert read[language, language] >= 6, (language, read)
        assert {found for wanted, found in read if wanted == language} <= {language, "en"}, (language, read)
    assert sum(number for (wanted, found), number in read.items() if wanted == found) >= 147


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("小明有5个苹果，吃了2个，还剩几个？", "zh"),
        ("What does 你好 mean?", "en"),
        ("你好", "zh"),
        ("求f(x) = x^2 - 4x + 6的导数。", "zh"),
        ("Python的list和tuple有什么区别", "zh"),
        ("将以下英文短句翻译成中文。\nLife is like a box of chocolates, you never know what you are gonna get.", "zh"),
        ("Translate this into English: 生活就像一盒巧克力，你永远不知道下一颗是什么味道。", "en"),
        (
            "解释这段代码\n```python\ndef binary_search(items, wanted):\n    return bisect_left(items, wanted)\n```",
            "zh",
        ),
        ("```\n打印 结果 到 屏幕\n```\nExplain what this code does", "en"),
        ("1.8*1.9+0.35^2=．", "zh"),
        ("", "en"),
        ("Translate to English: Je voudrais un café, s'il vous plaît.", "en"),
        ("次の文を英語に訳してください：Life is like a box of chocolates.", "ja"),
        ('Translate "avec plaisir" into English\n\navec plaisir', "en"),
        ("東京都庁の住所を教えて", "ja"),
        ("Привет! Как дела сегодня?", "ru"),
        ("Яка столиця України та скільки людей там живе?", "uk"),
        ("پایتخت فرانسه کجاست و چند نفر در آن زندگی می‌کنند؟", "fa"),
        ("Ποια είναι η πρωτεύουσα της Γαλλίας;", "el"),
        ("Dirk sells amulets at a Ren Faire. How many does he sell?", "en"),
        ("dog, cat, hat", "en"),
    ],
)
def test_the_request_decides(text: str, language: str) -> None:
    assert language_of(text) == language


def test_a_text_without_words_takes_the_default_and_a_chinese_source_stays_chinese() -> None:
    assert language_of("6*7=", default="zh") == "zh"
    assert language_of("6*7=", default="ja") == "ja"
    assert language_of("6*7=") == "en"
    assert language_of("有100個足球隊，一共要賽多少場？") == "zh-Hant"
    assert language_of("有100個足球隊，一共要賽多少場？", default="zh") == "zh"


def test_a_chat_is_in_the_language_of_most_turns() -> None:
    assert chat_language(["hi there, friend", "你能介绍一下自己吗？", "谢谢你的回答"]) == "zh"
    assert chat_language(["Tell me a joke please", "用中文再说一遍"]) == "en"


@given(st.text(max_size=200))
def test_any_text_has_a_language(text: str) -> None:
    assert canonical(language_of(text)) == language_of(text)

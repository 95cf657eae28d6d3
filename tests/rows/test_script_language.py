"""Telling Chinese requests from the rest."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from blossom_data.rows import chat_language, script_language


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
        ("日本語の文章を要約してください。", "en"),
        ("한국어로 번역해 주세요", "en"),
        ("", "en"),
        ("Wie heißt die Hauptstadt von Frankreich?", "en"),
    ],
)
def test_the_request_decides(text: str, language: str) -> None:
    assert script_language(text) == language


def test_a_text_without_words_takes_the_default() -> None:
    assert script_language("6*7=", default="zh") == "zh"
    assert script_language("6*7=") == "en"


def test_a_chat_is_in_the_language_of_most_turns() -> None:
    assert chat_language(["hi there, friend", "你能介绍一下自己吗？", "谢谢你的回答"]) == "zh"
    assert chat_language(["Tell me a joke please", "用中文再说一遍"]) == "en"


@given(st.text(st.sampled_from("`\n 中a：."), max_size=200))
def test_any_text_has_a_language(text: str) -> None:
    assert script_language(text) in ("en", "zh")

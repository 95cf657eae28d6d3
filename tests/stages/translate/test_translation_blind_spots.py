"""Asks within spans, literals that must survive, words exchanged, and tails cut off."""

from __future__ import annotations

import pytest

from blossom_data.records import Message, Record
from blossom_data.stages.translate.guard.pairs import check_pair
from blossom_data.stages.translate.lexicon import dictionary
from blossom_data.stages.translate.lexicon.stems import stem
from blossom_data.stages.translate.segments import plan_record
from blossom_data.stages.translate.stage import _is_chinese


def sent(text: str, lang: str = "en") -> list[str]:
    return [segment.masked("N") for segment in plan_record([Message("user", text)], lang).segments]


def codes(source: str, output: str, direction: str = "en-zh") -> set[str]:
    one, other = direction.split("-")
    return {finding.code for finding in check_pair(source, output, source_lang=one, target_lang=other)}


@pytest.mark.parametrize(
    ("text", "ask"),
    [
        (
            'Function call: get_weather(city="Paris") -> {...}. Describe the weather to the user.',
            "Describe the weather",
        ),
        ("Instruction: Reorder the words to form a sentence.\nInput: quickly / the / ran", "Reorder the words to form"),
        ("SELECT name FROM users WHERE age > 3; and tell me how many rows it returns", "tell me how many rows"),
        ("int x = 5; What is the value of x after the loop ends?", "What is the value of x"),
        ("Explain this:\n```python\nx = 1\nprint(x)\nWhat does this code print?", "What does this code print?"),
        ("Answer it:\n```\nWhat is the capital of France?\n```", "What is the capital"),
        ("Follow the instruction `Write a poem about the sea.` now", "Write a poem about the sea."),
        ("<p>Write a poem about the sea.</p>", "Write a poem about the sea."),
        ("Summarise the abstract: Transformer 模型依赖自注意力机制，避免了循环。", "Summarise the abstract"),
        ("模型依赖自注意力机制。 Summarise this in one sentence.", "Summarise this"),
        ("Correct the grammar of the sentence.\nHe go to school.\nThen explain the rule.", "Then explain the rule."),
    ],
)
def test_an_ask_is_never_masked(text: str, ask: str) -> None:
    assert any(ask in segment for segment in sent(text))


@pytest.mark.parametrize(
    ("text", "lang", "kept"),
    [
        ("{% if user %}Hello{% endif %} is a template.", "en", "{% if user %}"),
        ('Fix the payload {"a": [1, 2]} before you send it.', "en", '{"a": [1, 2]}'),
        ("Start with <|im_start|> as the mark.", "en", "<|im_start|>"),
        ("What does kqwxzvbn mean?", "en", "kqwxzvbn"),
        ("Explain this file:\nservices:\n  web:\n    image: nginx:1.25", "en", "services:"),
        ('用中文写代码：print("你好")', "zh", "print"),
        ("Run SELECT name FROM users; and report the rows.", "en", "SELECT name"),
        ('print("Explain the result to the user");', "en", "Explain"),
    ],
)
def test_what_a_model_rightly_leaves_is_masked(text: str, lang: str, kept: str) -> None:
    assert not any(kept in segment for segment in sent(text, lang))


def test_words_that_are_only_named_are_translated() -> None:
    assert sent('Tell the story without using the words "player" or "ball".') == [
        'Tell the story without using the words "player" or "ball".'
    ]
    assert sent('Use the word "serene" in a sentence.') == ['Use the word "⟦N:1⟧" in a sentence.']


@pytest.mark.parametrize(
    ("text", "is_passed"),
    [
        ("模型依赖自注意力机制，避免了循环。\nSummarise this abstract in one sentence.", False),
        ("把下面的句子翻译成中文：\nOpen the door to the garden.", True),
        ("写一首关于大海的诗。", True),
    ],
)
def test_an_english_ask_over_chinese_material_is_no_chinese_record(text: str, is_passed: bool) -> None:
    assert _is_chinese(Record("1", "test", "en", (Message("user", text),))) is is_passed


@pytest.mark.parametrize(
    ("source", "good", "bad", "code"),
    [
        ("Explain what HTTP stands for.", "解释 HTTP 代表什么。", "解释代表什么。", "literal"),
        ('Who wrote "Moby Dick"?', "《白鲸记》是谁写的？", "“”是谁写的？", "damage"),
        ("Dear [insert name], welcome.", "尊敬的 [插入姓名]，欢迎。", "尊敬的 ，欢迎。", "damage"),
        ("Set it to PENDING now.", "现在把它设为 PENDING。", "现在把它设为某某。", "damage"),
        ("Balance Fe + O2 -> Fe2O3 for me.", "帮我配平 Fe + O2 -> Fe2O3。", "帮我配平铁加氧气。", "literal"),
        ("Mail root@host about it.", "就此发邮件给 root@host。", "就此发邮件给管理员。", "literal"),
    ],
)
def test_literals_survive(source: str, good: str, bad: str, code: str) -> None:
    assert codes(source, good) == set()
    assert code in codes(source, bad)


@pytest.mark.parametrize(
    ("source", "good", "bad", "direction"),
    [
        ("Write a poem about a lonely whale.", "写一首关于孤独的鲸鱼的诗。", "写一首关于孤独的海豚的诗。", "en-zh"),
        (
            "解释睡眠对运动员的重要性。",
            "Explain why sleep matters for athletes.",
            "Explain why sleep matters for musicians.",
            "zh-en",
        ),
        ("How does a fridge keep food cold?", "冰箱如何让食物保持低温？", "洗衣机如何把衣服洗净？", "en-zh"),
        (
            "Write a letter to your landlord in which you complain about the heating.",
            "给房东写一封信，抱怨暖气。",
            "给房东写一封信，抱怨",
            "en-zh",
        ),
        (
            "对有小孩的父母来说，在家办公有什么优点和缺点？",
            "What are the advantages and disadvantages of working from home for parents with small children?",
            "What are the advantages and disadvantages of",
            "zh-en",
        ),
    ],
)  # fmt: skip
def test_changed_words_and_cut_tails_are_doubted(source: str, good: str, bad: str, direction: str) -> None:
    assert codes(source, good, direction) == set()
    assert codes(source, bad, direction)


def test_the_dictionary_works_in_both_directions() -> None:
    whale = dictionary.english(stem("whales"))
    assert whale is not None and "鲸" in whale.renderings
    dolphin = dictionary.chinese("海豚")
    assert dolphin is not None and stem("dolphins") in dolphin.renderings
    assert dictionary.english("qqqq") is None and dictionary.chinese("鲸猫") is None
    assert "海豚" in dictionary.chinese_words("海")

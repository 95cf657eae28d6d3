"""What a check sees without the word tables: parts that are gone, acts that changed, and words that it never knew."""

from __future__ import annotations

import pytest

from blossom_data.stages.translate.guard.pairs import check_pair
from blossom_data.stages.translate.guard.vocabulary import verbs, words


def codes(source: str, output: str, direction: str = "en-zh") -> set[str]:
    source_lang, _, target_lang = direction.partition("-")
    return {finding.code for finding in check_pair(source, output, source_lang=source_lang, target_lang=target_lang)}


@pytest.mark.parametrize(
    ("source", "output", "direction"),
    [
        ("Preheat the oven to 200°C, then add the eggs.", "将烤箱预热至 200°C。", "en-zh"),
        ("You are a waiter. A guest is rude. Stay calm. Speak slowly.", "你是一名服务员。有位客人很粗鲁。", "en-zh"),
        ("Describe the storm. Explain its causes and effects briefly.", "描述这场暴风雨。", "en-zh"),
        ("写一道谜语，并解释答案。", "Write a riddle.", "zh-en"),
    ],
)
def test_a_part_that_is_gone_is_found(source: str, output: str, direction: str) -> None:
    assert codes(source, output, direction) == {"speech_act"}


@pytest.mark.parametrize(
    ("source", "output", "direction"),
    [
        ("What does it do? Explain why it matters.", "它的作用是储存数据。请解释它为何重要。", "en-zh"),
        ("Happy New Year, dear neighbours.", "谢谢！也祝你们新年快乐。", "en-zh"),
        ("True or false: a tomato is a fruit.", "正确：番茄是一种水果。", "en-zh"),
        ("Pick three colours from the passage.", "从文中选出三种颜色：红、黄、蓝。", "en-zh"),
        ("Sort by size: China, Japan, Brazil, Canada", "按大小排序：中国、巴西、加拿大、日本", "en-zh"),
        ("给我一份素食清单。", "Beans, tofu, lentils and nuts.", "zh-en"),
    ],
)
def test_an_answer_is_found_by_what_it_has(source: str, output: str, direction: str) -> None:
    assert codes(source, output, direction) == {"speech_act"}


@pytest.mark.parametrize(
    ("source", "output", "direction"),
    [
        ("Name three rivers in Spain.", "西班牙有哪些河流？说出三条。", "en-zh"),
        ("Show me how to undo a commit.", "怎么撤销提交？演示一下。", "en-zh"),
        ("List the Monkey King's tricks in Journey to the West.", "列出《西游记》里孙悟空的本领。", "en-zh"),
        ("How did H.G. Wells see the future?", "H.G. Wells 是怎么看待未来的？", "en-zh"),
        ("我记不清那本书的书名了。", "I can't remember the title of that book.", "zh-en"),
        ("根据您的成绩，您的平均分是 3.6。", "Going by your grades, your average is 3.6.", "zh-en"),
    ],
)
def test_a_rendering_in_another_shape_passes(source: str, output: str, direction: str) -> None:
    assert codes(source, output, direction) == set()


@pytest.mark.parametrize(
    ("source", "output", "word"),
    [
        ("Suggest a title for my essay on winter.", "为我那篇写冬天的文章拟一个标题。", "suggest"),
        ("Suggest a title for my essay on winter.", "为我那篇写冬天的文章拟一个标题。", "title"),
        ("Write a short story about a lonely robot.", "请写一篇关于孤独机器人的短篇故事。", "story"),
        ("Describe the museum and its garden.", "描述这座博物馆及其花园。", "museum"),
        ("What are the benefits of regular exercise?", "经常锻炼有哪些好处？", "benefit"),
    ],
)
def test_one_word_that_the_tables_lack_is_no_finding(
    source: str, output: str, word: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for table in (words(), verbs()):
        if word in table:
            monkeypatch.setitem(table, word, ())
    assert codes(source, output) == set()

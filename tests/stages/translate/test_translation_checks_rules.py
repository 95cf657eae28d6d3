"""General rules of the checks: free renderings pass, and what only looks like one does not."""

from __future__ import annotations

import re
import tomllib
from importlib import resources
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import blossom_data
from blossom_data.records import Message
from blossom_data.stages.translate import lexicon
from blossom_data.stages.translate.guard.act.orders import is_ordered
from blossom_data.stages.translate.guard.pairs import check_pair, explain_pair
from blossom_data.stages.translate.guard.vocabulary import singular, words
from blossom_data.stages.translate.segments import plan_record


def codes(source: str, output: str, source_lang: str = "en", target_lang: str = "zh") -> set[str]:
    return {finding.code for finding in check_pair(source, output, source_lang=source_lang, target_lang=target_lang)}


@pytest.mark.parametrize(
    ("source", "output"),
    [
        ("Write a list of tips for new drivers.", "列出给新手司机的一些建议。"),
        ("Make a summary of the report.", "请概括这份报告。"),
        ("Explain what a neutron star is.", "什么是中子星？请解释一下。"),
        ("What is an example of a renewable resource?", "举例说明一种可再生资源。"),
        ("A train covers 36 km in 9 minutes. What is its speed?", "一列火车 9 分钟行驶 36 千米，求其速度。"),
        ("Name the sights in Rome that should not be missed.", "列举罗马必看的景点。"),
        ("Return the top-5 words of the file.", "返回文件中排名前 5 的词。"),
        ("Is alpha decay dangerous to humans?", "α衰变对人有危险吗？"),
        ('Choose between "tea" and "milk".', "在“茶”和“牛奶”之间选择。"),
        ("What information would you need from me to plan the trip?", "要规划行程，你需要我提供哪些信息？"),
        ("Ann has 3 more pens than Bob. How many does she have?", "安比鲍勃多 3 支笔。她有多少支？"),
        ("Sales rose 25% in Q3 over the previous quarter.", "第三季度销售额比上一季度增长了 25%。"),
        ("Suggest some games for a rainy day.", "雨天可以玩哪些游戏？请推荐一些。"),
        ("Write a headline about solar energy prices.", "为一篇关于太阳能发电价格的文章拟一个标题。"),
        ("Which two words are most frequent?\nThe cat sat on the mat.", "哪两个词最常见？\nThe cat sat on the mat."),
        ("Answer it.\n\nQ. Who wrote it?\nA. Ann\nB. Bob", "请作答。\n\n问：是谁写的？\nA. 安\nB. 鲍勃"),
        ("Is kafka pub sub better than redis?", "kafka pub sub 比 redis 好吗？"),
        ("Take me through the museum.", "带我参观这座博物馆。"),
        (
            "Facts:\n- PersonX likes tea.\n- PersonX hates rain.\n- PersonX moved to Rome.\n- PersonX paints.",
            "事实：\n- PersonX 喜欢茶。\n- PersonX 讨厌雨。\n- PersonX 搬到了罗马。\n- PersonX 画画。",
        ),
    ],
)
def test_a_free_rendering_passes(source: str, output: str) -> None:
    assert codes(source, output) == set()


@pytest.mark.parametrize(
    ("source", "output", "code"),
    [
        ("Ann has 3 more pens than Bob. How many does she have?", "安比鲍勃少 3 支笔。她有多少支？", "speech_act"),
        ("Sort the list in O(n log n) time.", "在 O(n) 时间内对列表排序。", "numbers"),
        ("Rotate this:\n[1,2]\n[3,4]", "旋转：\n[3,1]\n[4,2]", "numbers"),
        ("Rate these:\n1. 300 euros\n2. 20 euros", "评价：\n1. 20 欧元\n2. 300 欧元", "numbers"),
        ("Sales rose in Q3 of 2021.", "2021 年第二季度销售额上升。", "numbers"),
        ("Where can I get my laptop repaired?", "请问您的电脑是什么型号？", "ask"),
        ("Give me feedback on my letter.", "请把您的信发给我。", "ask"),
        ("How do I renew a library card online?", "如何 renew 图书馆卡 online？", "residue"),
        ("Do not mention the price of the machine.", "请特别提及这台机器的价格。", "speech_act"),
        ("Recommend a pizza to me, I am hungry.", "我推荐玛格丽特披萨。", "speech_act"),
        ('Proofread this: "Their going home."', "校对：“他们要回家。”", "lang_task"),
    ],
)
def test_a_near_miss_is_found(source: str, output: str, code: str) -> None:
    assert code in codes(source, output)


@pytest.mark.parametrize(
    ("source", "output", "is_right"),
    [
        ("研究印度最常见的自然灾害。", "Research the most common natural disasters in India.", True),
        ("研究印度最常见的自然灾害。", "India is often hit by floods and cyclones.", False),
        ("给我推荐一款披萨。", "Recommend a pizza to me.", True),
        ("给我推荐一款披萨。", "I recommend a Margherita pizza.", False),
        (
            "一件衣服打八折后是240元，原价多少？",
            "After a 20% discount a coat costs 240 yuan. What was its price?",
            True,
        ),
        ("给了弟弟三分之一，还剩几颗糖？", "He gave a fourth to his brother. How many candies are left?", False),
    ],
)
def test_the_same_holds_for_the_other_direction(source: str, output: str, is_right: bool) -> None:
    assert (codes(source, output, "zh", "en") == set()) is is_right


def test_a_verb_stands_for_another_only_where_an_order_begins() -> None:
    assert is_ordered("write", "请列出三点。")
    assert not is_ordered("write", "他常常列出三点。")
    assert not is_ordered("no-such-verb", "列出三点。")


def test_the_word_tables_hold_words_and_their_renderings() -> None:
    assert all(word == word.lower() and signs and all(signs) for word, signs in words().items())
    assert set(singular().values()) <= set(words())


LEXICONS = [path.stem for path in resources.files(lexicon).iterdir() if path.name.endswith(".toml")]


@pytest.mark.parametrize("name", sorted(LEXICONS))
def test_every_list_of_a_lexicon_can_be_read_and_is_looked_for(name: str) -> None:
    code = "".join(path.read_text() for path in Path(blossom_data.__file__).parent.rglob("*.py"))
    source = (resources.files(lexicon) / f"{name}.toml").read_text()
    assert source.startswith("# ")
    for key, value in tomllib.loads(source).items():
        assert any(f"{before}{key}{after}" in code + source for before, after in ("{}", '""'))
        if isinstance(value, str):
            re.compile(lexicon.Lexicon(name).expression(f"{{{key}}}"))
        elif isinstance(value, list):
            assert lexicon.Lexicon(name).rules(key)


@pytest.mark.parametrize("unit", ["a\n", "```\n", "f(x);\n", '- x: "y"\n', "⟦\n"])
def test_a_plan_of_many_lines_ends_and_comes_back(unit: str) -> None:
    text = unit * 12_000
    plan = plan_record([Message("user", text)], "en")
    assert len(plan.segments) <= 5_001
    kept = {segment.index: segment.text for segment in plan.segments}
    assert plan.rebuild(kept)[0].content == text


WORDS_OF_BOTH = st.sampled_from(
    [
        "Write ",
        "then ",
        "? ",
        "Q3 ",
        "O(n) ",
        "a fourth ",
        "八折",
        "三分之一",
        "请",
        "比",
        "少",
        "\n",
        "1. ",
        "求",
        "我的",
        "your ",
    ]
)


@settings(max_examples=200)
@given(st.lists(WORDS_OF_BOTH, max_size=30), st.lists(WORDS_OF_BOTH, max_size=30), st.sampled_from(["en-zh", "zh-en"]))
def test_no_mixture_makes_a_check_fail(source: list[str], output: list[str], languages: str) -> None:
    one, _, other = languages.partition("-")
    for verdict in explain_pair("".join(source), "".join(output), source_lang=one, target_lang=other):
        assert isinstance(verdict.detail, str)


@pytest.mark.parametrize(
    ("source", "output"),
    [
        ("A duck eats 3 pounds a week.", "一只鸭子每月吃 3 磅。"),
        ("One third of the 27 birds left.", "27 只鸟中有一半离开了。"),
        ("There are ten ducks in the pond.", "池塘里有二十只鸭子。"),
    ],
)
def test_periods_halves_and_tens_keep_their_value(source: str, output: str) -> None:
    assert "numbers" in codes(source, output)


@pytest.mark.parametrize(
    ("source", "output"),
    [
        ("Identify some advantages of trains.", "火车具有运量大、成本低、污染少等优势。"),
        ("Describe the parts of a good essay.", "一篇好文章由开头、正文、结尾组成。"),
    ],
)
def test_a_list_in_place_of_an_order_is_doubted(source: str, output: str) -> None:
    assert codes(source, output)

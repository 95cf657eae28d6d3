"""The little English -> Chinese language that the tiny model learns: sums of two numbers, and four small tasks.

    Row(en="Tom buys 12 red apples in the park. Then Tom buys 30 more. How many apples are there in total?",
        zh="汤姆在公园里买了12个红色的苹果。然后汤姆又买了30个。一共有多少个苹果？",
        answer="12 + 30 = 42\n答案：42", gold="42")

Standard library only. Every word of both languages is listed here, so that the model's vocabulary can be taken from it.
"""

from __future__ import annotations

import random
from dataclasses import dataclass

NAMES = {
    "Tom": "汤姆",
    "Mary": "玛丽",
    "Jack": "杰克",
    "Lucy": "露西",
    "John": "约翰",
    "Anna": "安娜",
    "Peter": "彼得",
    "Alice": "爱丽丝",
    "Bob": "鲍勃",
    "Emma": "艾玛",
}
VERBS = {
    "buys": "买了",
    "sells": "卖了",
    "finds": "找到了",
    "loses": "丢了",
    "eats": "吃了",
    "draws": "画了",
    "counts": "数了",
    "washes": "洗了",
}
NOUNS = {
    "apples": ("个", "苹果"),
    "books": ("本", "书"),
    "pens": ("支", "笔"),
    "cups": ("个", "杯子"),
    "eggs": ("个", "鸡蛋"),
    "oranges": ("个", "橙子"),
    "toys": ("个", "玩具"),
    "stamps": ("张", "邮票"),
    "cookies": ("块", "饼干"),
    "tickets": ("张", "票"),
}
ADJECTIVES = {
    "red": "红色的",
    "blue": "蓝色的",
    "big": "大",
    "small": "小",
    "new": "新",
    "old": "旧",
}
PLACES = {
    "in the park": "在公园里",
    "at school": "在学校",
    "at home": "在家",
    "in the shop": "在商店里",
    "by the river": "在河边",
}
TOPICS = {
    "the moon": "月亮",
    "gardens": "花园",
    "healthy food": "健康的食物",
    "friends": "朋友",
    "the sea": "大海",
    "music": "音乐",
    "winter": "冬天",
    "clean water": "清洁的水",
    "trains": "火车",
    "cats": "猫",
    "rain": "雨",
    "bread": "面包",
}
TASKS = {
    "Write a short poem about {x} and {y}.": ("写一首关于{x}和{y}的短诗。", "{x}让我们快乐，\n{y}让我们平静。"),
    "Explain why {x} and {y} are important.": ("解释为什么{x}和{y}很重要。", "{x}非常有用，很多人需要{y}。"),
    "List two facts about {x} and {y}.": ("列出关于{x}和{y}的两个事实。", "1. 很多人喜欢{x}。\n2. {y}非常有用。"),
    "Describe {x} and {y} to a child.": ("向孩子描述{x}和{y}。", "{x}很美，{y}也很美。"),
}

TWO_LINES = 0.2
"""Share of word problems whose question stands on a line of its own: two segments in one request."""


@dataclass(frozen=True, slots=True)
class Row:
    """One sentence of the language: its translation, its answer in Chinese, and the number if it asks for one."""

    en: str
    zh: str
    answer: str
    gold: str = ""


def draw_row(draw: random.Random) -> Row:
    """A row of the language, each kind with the weight that its difficulty asks for."""
    kind = draw.random()
    if kind < 0.3:
        return _task(draw)
    if kind < 0.6:
        return _sum_of_one(draw)
    return _difference(draw) if kind < 0.8 else _sum_of_two(draw)


def _task(draw: random.Random) -> Row:
    (x, x_zh), (y, y_zh) = draw.sample(sorted(TOPICS.items()), 2)
    en, (zh, answer) = draw.choice(sorted(TASKS.items()))
    return Row(en.format(x=x, y=y), zh.format(x=x_zh, y=y_zh), answer.format(x=x_zh, y=y_zh))


def _sum_of_one(draw: random.Random) -> Row:
    name, name_zh = draw.choice(sorted(NAMES.items()))
    verb, verb_zh = draw.choice(sorted(VERBS.items()))
    noun, (unit, noun_zh) = draw.choice(sorted(NOUNS.items()))
    adjective, adjective_zh = draw.choice(sorted(ADJECTIVES.items()))
    place, place_zh = draw.choice(sorted(PLACES.items()))
    a, b = draw.randint(2, 49), draw.randint(2, 49)
    return Row(
        *_joined(
            draw,
            f"{name} {verb} {a} {adjective} {noun} {place}. Then {name} {verb} {b} more.",
            f"How many {noun} are there in total?",
            f"{name_zh}{place_zh}{verb_zh}{a}{unit}{adjective_zh}{noun_zh}。然后{name_zh}又{verb_zh}{b}{unit}。",
            f"一共有多少{unit}{noun_zh}？",
        ),
        *_solution(a, "+", b, a + b),
    )


def _difference(draw: random.Random) -> Row:
    (name, name_zh), (other, other_zh) = draw.sample(sorted(NAMES.items()), 2)
    noun, (unit, noun_zh) = draw.choice(sorted(NOUNS.items()))
    adjective, adjective_zh = draw.choice(sorted(ADJECTIVES.items()))
    place, place_zh = draw.choice(sorted(PLACES.items()))
    a = draw.randint(20, 79)
    b = draw.randint(2, 19)
    return Row(
        *_joined(
            draw,
            f"{name} has {a} {adjective} {noun} {place}. Then {name} gives {b} to {other}.",
            f"How many {noun} are left?",
            f"{name_zh}{place_zh}有{a}{unit}{adjective_zh}{noun_zh}。然后{name_zh}给了{other_zh}{b}{unit}。",
            f"还剩多少{unit}{noun_zh}？",
        ),
        *_solution(a, "-", b, a - b),
    )


def _sum_of_two(draw: random.Random) -> Row:
    (name, name_zh), (other, other_zh) = draw.sample(sorted(NAMES.items()), 2)
    noun, (unit, noun_zh) = draw.choice(sorted(NOUNS.items()))
    a, b = draw.randint(2, 49), draw.randint(2, 49)
    return Row(
        *_joined(
            draw,
            f"{name} has {a} {noun} and {other} has {b} {noun}.",
            f"How many {noun} do they have in total?",
            f"{name_zh}有{a}{unit}{noun_zh}，{other_zh}有{b}{unit}{noun_zh}。",
            f"他们一共有多少{unit}{noun_zh}？",
        ),
        *_solution(a, "+", b, a + b),
    )


def _joined(draw: random.Random, en: str, en_question: str, zh: str, zh_question: str) -> tuple[str, str]:
    """Statement and question in both languages, on one line or, one time in five, on two."""
    if draw.random() < TWO_LINES:
        return f"{en}\n{en_question}", f"{zh}\n{zh_question}"
    return f"{en} {en_question}", f"{zh}{zh_question}"


def _solution(a: int, sign: str, b: int, result: int) -> tuple[str, str]:
    return f"{a} {sign} {b} = {result}\n答案：{result}", str(result)

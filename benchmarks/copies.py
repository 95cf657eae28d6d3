"""Rows with known copies and known non-copies, made of real rows: what benchmarks/dedup.py measures with.

    made = make_rows(Path("../shared/data"), rows=50_000, negatives=5_000, seed=1)
    made.rows          {"id", "messages", "lang"}
    made.copies        id of a copy -> (id of its original, kind of edit)
    made.negatives     id -> (id of the row that it looks like, kind)

Originals are real rows, and rows of chance made of the pairs of words of real ones. Edits leave numbers and negations
alone: with another one it would not be a copy.
"""

from __future__ import annotations

import itertools
import json
import random
import re
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

_KEEP = re.compile(
    r"[0-9一二两三四五六七八九十百千万亿半零不没无非未别勿莫]|\b(?:not?|never|none|neither|nor|without|unless|except|only|half|"
    r"one|two|three|four|five|six|seven|eight|nine|ten|twelve|twice|double|dozen|first|second|third|hundred|"
    r"thousand|million|\w+n't|twenty|thirty|forty|fifty|sixty)\b",
    re.IGNORECASE,
)
_PREFIXES = {
    "en": ("Please answer the following question: ", "Hi! Can you help me with this? ", "Question: ",
           "Here is a problem for you. ", "I need some help with the following task.\n\n", "Please solve this problem. "),  # noqa: E501
    "zh": ("请回答下面的问题：", "你好，请问：", "题目：", "麻烦帮我看看这道题。", "请解答以下问题：\n", "请问"),
}  # fmt: skip
_SUFFIXES = {
    "en": (" Thanks!", " Thank you very much in advance.", "\n\nPlease help me with this.", " Answer:", " Please answer.",  # noqa: E501
           " I would appreciate your help."),
    "zh": ("谢谢！", "非常感谢。", "\n请回答。", "请问怎么解答？谢谢", "帮我解答一下。", "多谢！"),
}  # fmt: skip
_OPPOSITES = {
    "en": (("more", "fewer"), ("before", "after"), ("increase", "decrease"), ("largest", "smallest"),
           ("advantages", "disadvantages"), ("buys", "sells"), ("morning", "evening"), ("north", "south")),
    "zh": (("上午", "下午"), ("增加", "减少"), ("最大", "最小"), ("多", "少"), ("买", "卖"), ("左", "右"), ("前", "后"), ("快", "慢")),  # noqa: E501
}  # fmt: skip
_THINGS = {
    "en": ["cats", "dogs", "rain", "mountains", "coffee", "autumn", "friendship", "trains", "silence", "bread", "oceans", "winter", "gardens", "music", "bicycles", "sleep", "bridges", "honey", "lanterns", "clouds", "rivers", "kittens", "robots", "libraries", "snow", "markets", "candles", "horses", "owls", "islands", "tea", "maps", "deserts", "violins", "airports", "apples", "orchards", "comets", "fireflies", "harbours"],  # noqa: E501
    "zh": ["猫", "狗", "雨", "山", "咖啡", "秋天", "友谊", "火车", "寂静", "面包", "大海", "冬天", "花园", "音乐", "自行车", "睡眠", "桥", "蜂蜜", "灯笼", "云", "河流", "机器人", "图书馆", "雪", "集市", "蜡烛", "马", "猫头鹰", "岛屿", "茶", "地图", "沙漠", "小提琴", "机场", "苹果", "果园", "彗星", "萤火虫", "港口", "竹子"],  # noqa: E501
}  # fmt: skip
_TEMPLATES = {
    "en": ("Write a short poem about {}.", "Explain the history of {} to a child.", "Give me ten facts about {}.",
           "You are a careful writer for a monthly magazine. Write an opening paragraph about {} that makes readers want "  # noqa: E501
           "to go on, and name at least one detail that few of them know."),
    "zh": ("写一首关于{}的诗。", "向孩子解释{}的历史。", "列出关于{}的十个事实。",
           "你是一位为月刊写文章的细心作者。请写一段关于{}的开头，让读者想继续读下去，并至少提到一个很少有人知道的细节。"),
}  # fmt: skip
_NAMES = [
    "Patrick",
    "Lisa",
    "Natalia",
    "Weng",
    "Betty",
    "Julie",
    "James",
    "Mark",
    "Albert",
    "Ken",
    "Alexis",
    "Tina",
    "Toula",
    "Joy",
    "Maila",
    "Roque",
]
_FORMS = {"en": ("as JSON", "as a table", "in one sentence", "as a bulleted list", "as an email"),
          "zh": ("用表格回答", "用一句话回答", "用JSON格式回答", "用列表回答", "写成一封邮件")}  # fmt: skip
_LANGUAGES = {"en": ("French", "German", "Spanish", "Japanese"), "zh": ("法语", "德语", "英语", "日语")}
_QUESTIONS = {"en": ("What is the main idea of the text?", "Who is it written for?", "How does the author feel about it?",  # noqa: E501
                     "Which event comes first?", "Why does this matter?", "Give the text a title."),
              "zh": ("这段文字的主要内容是什么？", "作者的态度是什么？", "文中最先发生了什么？", "请给这段文字起一个标题。",  # noqa: E501
                     "这段文字是写给谁看的？", "为什么这件事很重要？")}  # fmt: skip


@dataclass(slots=True)
class Made:
    """The rows, in a random order."""

    rows: list[dict[str, Any]] = field(default_factory=list)
    copies: dict[str, tuple[str, str]] = field(default_factory=dict)
    negatives: dict[str, tuple[str, str]] = field(default_factory=dict)


def read_texts(data: Path) -> dict[str, list[str]]:
    """Real questions by language, none twice."""
    en = [json.loads(line)["question"] for line in (data / "gsm8k/train.jsonl").open()]
    zh = [json.loads(line)["original_text"] for line in (data / "math23k/math23k.jsonl").open()]
    for row in map(json.loads, (data / "raw/alpaca_en_2000.jsonl").open()):
        en.append("\n".join(filter(None, (row["instruction"], row["input"]))))  # noqa: PERF401
    en += [json.loads(line)["prompt"] for line in (data / "raw/flan_t0_p3.jsonl").open()]
    for row in json.loads((data / "raw/alpaca_zh_demo.json").read_text()):
        zh.append("\n".join(filter(None, (row["instruction"], row["input"]))))  # noqa: PERF401
    return {"en": [text for text in dict.fromkeys(en) if len(text) < 4_000], "zh": list(dict.fromkeys(zh))}


def words_of(text: str, lang: str) -> list[str]:
    """Words with what stands between them; of Chinese text characters."""
    return re.findall(r"\S+\s*", text) if lang == "en" else list(text)


def make_rows(data: Path, *, rows: int, negatives: int = 5_000, template: int = 0, seed: int = 1) -> Made:
    """`rows` rows, a fifth of them copies, with `negatives` pairs that are none, and one template filled so often."""
    draw = random.Random(seed)
    texts = read_texts(data)
    made = Made()
    chance = {lang: _Chance(texts[lang], lang, draw) for lang in texts}
    planted = rows // 5
    wanted = max(0, rows - planted - 2 * negatives - template)
    real = [(text, lang) for lang in texts for text in texts[lang]]
    draw.shuffle(real)
    originals = real[: wanted // 2]
    while len(originals) < wanted:
        lang = ("en", "zh")[len(originals) % 2]
        originals.append((chance[lang].text(), lang))
    for text, lang in originals:
        _add(made, text, lang)
    sources = {lang: [row for row in made.rows if row["lang"] == lang] for lang in texts}
    for number in range(planted):
        lang = ("en", "zh")[number % 2]
        _plant(made, sources[lang], list(ALL)[number // 2 % len(ALL)], lang, chance[lang], draw)
    for number in range(negatives):
        lang = ("en", "zh")[number % 2]
        kind = list(NEGATIVES)[number // 2 % len(NEGATIVES)]
        one, other = NEGATIVES[kind](texts[lang], lang, draw)
        first = _add(made, one, lang)
        made.negatives[_add(made, other, lang)] = (first, kind)
    for number in range(template):
        _add(made, f"Write a short poem about {chance['en'].word()} and {chance['en'].word()} number {number}.", "en")
    draw.shuffle(made.rows)
    return made


def _add(made: Made, text: str, lang: str) -> str:
    identifier = f"r{len(made.rows)}"
    made.rows.append({"id": identifier, "messages": [{"role": "user", "content": text}], "lang": lang})
    return identifier


def _plant(
    made: Made, sources: list[dict[str, Any]], kind: str, lang: str, chance: _Chance, draw: random.Random
) -> None:
    while True:
        source = draw.choice(sources)
        text = source["messages"][0]["content"]
        edited = ALL[kind](text, lang, chance, draw)
        if edited is not None and edited != text:
            made.copies[_add(made, edited, lang)] = (source["id"], kind)
            return


class _Chance:
    """Text and words of chance, from the pairs of words of real text."""

    def __init__(self, texts: list[str], lang: str, draw: random.Random) -> None:
        self._draw, self._lang = draw, lang
        self._next: dict[str, list[str]] = defaultdict(list)
        self._starts, self._words = [], []
        for text in texts:
            words = words_of(text, lang)
            self._starts.append(words[0])
            for one, other in itertools.pairwise(words):
                self._next[one].append(other)
            plain = re.findall(r"\b[a-z]{4,}\b", text) if lang == "en" else re.findall(r"[\u4e00-\u9fff]{2}", text)
            self._words += [word for word in plain if not _KEEP.search(word)]

    def text(self) -> str:
        length = self._draw.randrange(18, 70)
        words = [self._draw.choice(self._starts)]
        while len(words) < length:
            follows = self._next.get(words[-1])
            words.append(self._draw.choice(follows) if follows else self._draw.choice(self._starts))
        return "".join(words)

    def word(self) -> str:
        return self._draw.choice(self._words)


Edit = Callable[[str, str, _Chance, random.Random], "str | None"]


def _case(text: str, lang: str, chance: _Chance, draw: random.Random) -> str | None:
    return draw.choice((str.upper, str.lower, str.swapcase))(text) if lang == "en" else _wide(text, lang, chance, draw)


def _punctuation(text: str, lang: str, chance: _Chance, draw: random.Random) -> str:
    kind = draw.randrange(3)
    if kind == 0:
        return re.sub(r"(?<!\d)[,.!?;:\"]+(?=\s|$)|(?<=[a-z])'(?=[a-z])|[，。！？；：、“”‘’](?!\d)", "", text)
    if kind == 1:
        return re.sub(r"([!?。？！])", r"\1\1", text) + " ..."
    # What joins two words stays: without a blank behind it, it is their only mark.
    return "“" + re.sub(r"(?<!\d)[,，](?!\d)", ";", text) + "”"


def _wide(text: str, lang: str, chance: _Chance, draw: random.Random) -> str:
    words = words_of(text, lang)
    every = draw.randrange(4, 9)
    wrapped = "".join(word + ("\n" if place % every == 0 and "\u4e00" <= word <= "\u9fff" and not _KEEP.search(word) else "")  # noqa: E501
                      for place, word in enumerate(words))  # fmt: skip
    if lang == "en":
        wrapped = "\n".join(
            " ".join(word.strip() for word in words[at : at + every]) for at in range(0, len(words), every)
        )
    return "".join(chr(ord(sign) + 0xFEE0) if sign.isalnum() and sign.isascii() else sign for sign in wrapped) if (
        draw.random() < 0.5) else wrapped  # fmt: skip


def _places(words: list[str], least: int = 1) -> list[int]:
    return [place for place, word in enumerate(words) if not _KEEP.search(word) and len(word.strip()) >= least]


def _misspell(text: str, lang: str, chance: _Chance, draw: random.Random) -> str | None:
    words = words_of(text, lang)
    if lang == "zh":
        places = [place for place, word in enumerate(words) if word in "的了地得是在就也"]
        if not places or len(words) < 16:
            return None
        words[draw.choice(places)] = draw.choice(("", "的", "得", "地"))
        return "".join(words)
    places = [place for place in _places(words, 7) if words[place].strip()[:7].isalpha()]
    if not places or len(words) < 12:
        return None
    place = draw.choice(places)
    word, at = words[place], draw.randrange(1, 5)
    words[place] = draw.choice((
        word[:at] + word[at + 1] + word[at] + word[at + 2 :], word[:at] + word[at + 1 :], word[:at] + word[at] + word[at:]  # noqa: E501
    ))  # fmt: skip
    return "".join(words)


def _replace(count: Callable[[int], int]) -> Edit:
    def edit(text: str, lang: str, chance: _Chance, draw: random.Random) -> str | None:
        words = words_of(text, lang)
        places = _places(words, 4) if lang == "en" else [
            place for place in _places(words) if place + 1 < len(words)
            and all("\u4e00" <= sign <= "\u9fff" and not _KEEP.search(sign) for sign in words[place : place + 2])
        ]  # fmt: skip
        size = len(words) if lang == "en" else len(words) // 2
        if size < 20 or len(places) < 8:
            return None
        for place in draw.sample(places, min(len(places), count(size))):
            if lang == "en":
                words[place] = chance.word() + words[place][len(words[place].rstrip()) :]
            else:
                words[place : place + 2] = chance.word()
        return "".join(words)

    return edit


def _drop(text: str, lang: str, chance: _Chance, draw: random.Random) -> str | None:
    words = words_of(text, lang)
    places = _places(words)
    if len(words) < 20 or len(places) < 8:
        return None
    gone = set(draw.sample(places, max(1, round(0.06 * len(words)))))
    return "".join(word for place, word in enumerate(words) if place not in gone)


def _prefix(text: str, lang: str, chance: _Chance, draw: random.Random) -> str:
    return draw.choice(_PREFIXES[lang]) + text


def _suffix(text: str, lang: str, chance: _Chance, draw: random.Random) -> str:
    return text.rstrip() + draw.choice(_SUFFIXES[lang])


def _swap(text: str, lang: str, chance: _Chance, draw: random.Random) -> str | None:
    words = words_of(text, lang)
    if len(words) < 16:
        return None
    half = len(words) // 2
    while half < len(words) - 8 and re.search(r"[0-9.,%/]\s*$", words[half - 1] + words[half]):
        half += 1
    joint = " " if lang == "en" else "，"
    return "".join(words[half:]).rstrip() + joint + "".join(words[:half]).rstrip()


def _grammar(text: str, lang: str, chance: _Chance, draw: random.Random) -> str | None:
    """A word of grammar more or less; in English also a plural for a singular."""
    words = words_of(text, lang)
    if len(words) < 10:
        return None
    if lang == "zh":
        places = [
            place
            for place, word in enumerate(words[:-1])
            if word in "的了地是在就也" and not _KEEP.search(words[place + 1])
        ]
        if places:
            del words[draw.choice(places)]
            return "".join(words)
        return None
    places = [
        place
        for place, word in enumerate(words)
        if word.strip().lower() in ("the", "a", "an", "is", "that", "of", "are")
    ]
    if not places:
        return None
    words[draw.choice(places)] = draw.choice(("", "the ", "a "))
    return "".join(words)


def _digits(text: str, lang: str, chance: _Chance, draw: random.Random) -> str | None:
    """Numbers written otherwise: 1,200 and 1200, 2.0 and 2, two and 2, 两 and 2."""
    if lang == "zh":
        names = dict(zip("23456789", "两三四五六七八九", strict=True))
        found = re.sub(r"(?<![\d.,/(%])[2-9](?=[个只本支张名人米元])", lambda one: names[one[0]], text)
    else:
        names = dict(
            zip(
                ["2", "3", "4", "5", "6", "7", "8", "9", "10", "12"],
                ["two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "twelve"],
                strict=True,
            )
        )
        found = re.sub(r"(?<![\d.,/$(%-])\b(?:[2-9]|10|12)\b(?![\d.,/%:-])", lambda one: names[one[0]], text)
    found = re.sub(r"(?<![\d.,/])([1-9])(\d{3})(?![\d.,])", r"\1,\2", found)
    return found if found != text else None


def _several(edit: Edit, share: float) -> Edit:
    def repeated(text: str, lang: str, chance: _Chance, draw: random.Random) -> str | None:
        found: str | None = text
        for _ in range(max(2, round(share * len(words_of(text, lang))))):
            found = edit(found, lang, chance, draw) if found is not None else None
        return found

    return repeated


EDITS: dict[str, Edit] = {
    "case": _case, "punctuation": _punctuation, "width and wrapping": _wide, "grammar": _grammar,
    "one misspelling": _misspell, "misspellings (4 %)": _several(_misspell, 0.04), "numbers in words": _digits,
    "courtesy before": _prefix, "courtesy behind": _suffix, "halves swapped": _swap,
}  # fmt: skip
DAMAGES: dict[str, Edit] = {
    "words lost (6 %)": _drop, "a word of chance": _replace(lambda size: 1),
}  # fmt: skip
"""Told apart: what is lost or fits by chance may be another request, and then both rows stay."""

ALL = {**EDITS, **DAMAGES}

Pair = Callable[[list[str], str, random.Random], tuple[str, str]]


def _with(texts: list[str], draw: random.Random, has: str, most: int = 600) -> str:
    while True:
        text = draw.choice(texts)
        if re.search(has, text) and 15 < len(text) < most:
            return text


def _numbers(texts: list[str], lang: str, draw: random.Random) -> tuple[str, str]:
    text = _with(texts, draw, r"\d")
    return text, re.sub(r"\d+", lambda found: str(int(found[0]) + draw.randrange(1, 30)), text)


def _name_and_numbers(texts: list[str], lang: str, draw: random.Random) -> tuple[str, str]:
    if lang == "zh":
        text = "小明" + draw.choice(("有", "买了", "收集了")) + _with(texts, draw, r"\d")
        return text, _numbers([text], lang, draw)[1].replace("小明", draw.choice(("小红", "李华", "小刚")))
    one, other = draw.sample(_NAMES, 2)
    text = f"{one} asks: " + _with(texts, draw, r"\d")
    return text, _numbers([text], lang, draw)[1].replace(one, other)


def _question(texts: list[str], lang: str, draw: random.Random) -> tuple[str, str]:
    passage = _with(texts, draw, "", 1_500) + _with(texts, draw, "", 1_500)
    one, other = draw.sample(_QUESTIONS[lang], 2)
    return f"{passage}\n\n{one}", f"{passage}\n\n{other}"


def _person(texts: list[str], lang: str, draw: random.Random) -> tuple[str, str]:
    one, other = draw.sample(_NAMES if lang == "en" else ["小明", "小红", "李华", "小刚", "王芳"], 2)
    passage = _with(texts, draw, "")
    if lang == "en":
        text = f"{one} and {other} read this. {passage} Which part does {{}} like best?"
    else:
        text = f"{one}和{other}一起读题。{passage} {{}}最喜欢哪一部分？"
    return text.replace("{}", one), text.replace("{}", other)


def _negated(texts: list[str], lang: str, draw: random.Random) -> tuple[str, str]:
    text = _with(texts, draw, "")
    if lang == "en":
        return f"Explain why this is a good idea. {text}", f"Explain why this is not a good idea. {text}"
    return f"说明为什么应该这样做：{text}", f"说明为什么不应该这样做：{text}"


def _opposite(texts: list[str], lang: str, draw: random.Random) -> tuple[str, str]:
    one, other = draw.choice(_OPPOSITES[lang])
    text = _with(texts, draw, "")
    told = f"In this case, tell me about the {{}} part. {text}" if lang == "en" else f"请按{{}}的情况分析。{text}"
    return told.replace("{}", one, 1), told.replace("{}", other, 1)


def _form(texts: list[str], lang: str, draw: random.Random) -> tuple[str, str]:
    one, other = draw.sample(_FORMS[lang], 2)
    text = _with(texts, draw, "")
    return (
        (f"{text} Answer {one}.", f"{text} Answer {other}.") if lang == "en" else (f"{text}{one}。", f"{text}{other}。")
    )


def _language(texts: list[str], lang: str, draw: random.Random) -> tuple[str, str]:
    one, other = draw.sample(_LANGUAGES[lang], 2)
    text = _with(texts, draw, "")
    told = f"Translate into {{}}: {text}" if lang == "en" else f"翻译成{{}}：{text}"
    return told.replace("{}", one, 1), told.replace("{}", other, 1)


def _slot(texts: list[str], lang: str, draw: random.Random) -> tuple[str, str]:
    template = draw.choice(_TEMPLATES[lang])
    one, other = draw.sample(_THINGS[lang], 2)
    extra = "" if draw.random() < 0.5 else " " + _with(texts, draw, "", 90)
    return template.format(one) + extra, template.format(other) + extra


NEGATIVES: dict[str, Pair] = {
    "numbers changed": _numbers, "name and numbers": _name_and_numbers, "another question": _question,
    "another person": _person, "negated": _negated, "opposite": _opposite, "another form": _form,
    "another language": _language, "slot of a template": _slot,
}  # fmt: skip

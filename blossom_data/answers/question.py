"""What the question tells about the form of its answer.

    "…合格率是百分之几"           asks for a percentage: `12%` may stand for the gold 12
    "…一共收入多少万元"           asks in units of 万: `3万元` may stand for the gold 3
    "…得数保留整数"               asks for rounding
    "Tom has 3 boxes of 12 eggs"  gives 3 and 12: an answer line may repeat them

Everything is computed on demand; only the first 2,000 characters are looked at.
"""

from __future__ import annotations

import re
from fractions import Fraction

from blossom_data.answers.numerals.arabic import scan
from blossom_data.answers.numerals.normal import normalise
from blossom_data.answers.numerals.worded import scan_chinese, scan_english
from blossom_data.answers.patterns import pattern

MAX_QUESTION = 2000

_PERCENT = pattern(
    r"(?<![0-9])[%％]|(?<![0-9])(?<![0-9] )per ?cent|百分(?!之? ?[零一二两三四五六七八九十0-9])"
    r"|率(?:各|分别)?(?:是|为|约)?(?:多少|几|[?？=])",
    re.IGNORECASE,
)
_ROUNDING = pattern(
    r"保留|四舍五入|精确到|约|近似|整数|\bround|\bnearest\b|\bapproximate|\babout how\b|\bto (?:one|two|the) decimal",
    re.I,
)
_ASKED = pattern(
    r"\bin (cents|dollars|seconds|minutes|hours|days|weeks|months|years|inches|feet|yards|miles|meters|centimeters"
    r"|kilometers|grams|kilograms|pounds|ounces|gallons|liters)\b[^.!?]{0,3}[.?]"
    r"|\bhow many (?:more |fewer |total |whole |full )?([a-z]{3,20})(?![a-z])|(?:多少"
    r"|几)(千克|千米|厘米|分米|毫米|平方米|小时|分钟|[一-鿿])",
    re.IGNORECASE,
)
_ASKED_PHRASE = pattern(r"([一-鿿]{2,5})(?:多少|几)(?!分之)((?:万|亿)?[一-鿿]?)")
_OPTION = pattern(r"(?<![A-Za-z])\(?([A-F])[.)、:：．）]\s*([^\n]+?)(?=\s*[(（]?[A-F][.)、:：．）]|\s*(?:\n|$))")
_TIME = pattern(r"\b(?:what|which) time\b|\bwhen\b|几[时点]|什么时[候间刻]", re.IGNORECASE)
_SCALE_WORDS = {
    Fraction(10**4): "万", Fraction(10**8): "亿", Fraction(1000): "千|thousands?|k", Fraction(10**6): "百万|millions?",
    Fraction(10**9): "billions?", Fraction(12): "dozens?", Fraction(100): "百|hundreds?", Fraction(1, 10): "成|折",
}  # fmt: skip


def asks_percent(question: str) -> bool:
    """Tell whether the question speaks of percentages."""
    return _PERCENT.search(question, 0, MAX_QUESTION) is not None


def asks_rounding(question: str) -> bool:
    """Tell whether the question wants a rounded answer."""
    return _ROUNDING.search(question, 0, MAX_QUESTION) is not None


def asks_time(question: str) -> bool:
    """Tell whether the question wants a time of day."""
    return _TIME.search(question, 0, MAX_QUESTION) is not None


def asks_scale(question: str, factor: Fraction) -> bool:
    """Tell whether the question asks for the answer in units of `factor` (多少万, how many million)."""
    words = _SCALE_WORDS.get(factor)
    if words is None:
        return False
    pattern = rf"(?:多少|几|how many|\bin|number of|[(（] ?[)）]|=) ?个?(?:{words})"
    return re.search(pattern, question[:MAX_QUESTION], re.IGNORECASE) is not None


def options(question: str) -> dict[str, str]:
    """Return what a question with choices offers: "(A) 74 (B) 84" -> {"A": "74", "B": "84"}."""
    return dict(_OPTION.findall(question, 0, MAX_QUESTION))


def asked_clause(question: str) -> str:
    """Return the clause that asks: the last Chinese one with 多少 or 几, else the last sentence."""
    text = question[:MAX_QUESTION].rstrip(" \n?？.。．")
    place = max(text.rfind("多少"), text.rfind("几"))
    if place < 0:
        return text.replace("!", ".").replace("?", ".").replace("。", ". ").rpartition(". ")[2]
    start = max(text.rfind(mark, 0, place) for mark in "，。；,;．")
    return text[start + 1 :]


def asked_phrases(question: str) -> list[tuple[str, str]]:
    """Return the words before and after 多少 in the question, the longest words before it first."""
    match = max(_ASKED_PHRASE.finditer(question, 0, MAX_QUESTION), key=re.Match.start, default=None)
    return [(match[1][-length:], match[2]) for length in range(len(match[1]), 1, -1)] if match else []


def asked_unit(question: str) -> str:
    """Return the unit that the question counts in or asks for ("clips", 元, "..., in cents?"), or nothing."""
    units = {match[match.lastindex or 0].lower() for match in _ASKED.finditer(question, 0, MAX_QUESTION)}
    return units.pop() if len(units) == 1 else ""


def given_values(question: str) -> frozenset[Fraction]:
    """Return the numbers that the question states, however they are written."""
    text = normalise(question[:MAX_QUESTION])
    found = scan(text).quantities + scan_chinese(text)[0] + scan_english(text, -1)[0]
    values = {quantity.value for quantity in found}
    return frozenset(values | {quantity.value / quantity.factor for quantity in found})

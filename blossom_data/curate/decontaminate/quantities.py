"""The numbers of a text as they survive a translation: by value, without those that other languages say otherwise.

    quantities("In February she paid $85k for the second one.")     {"85000": 1}
    quantities("二月份她为第二个付了8.5万美元。")                        {"85000": 1}

A month, a day of the week and an ordinal are digits in one language and names in the other: neither counts. 1 does not,
for it is as often an article.
"""

from __future__ import annotations

import re
from collections import Counter
from decimal import Decimal

from blossom_data.curate.decontaminate.ngrams import numbers_of
from blossom_data.curate.tokens import Tokenizer

_NUMERALS = "一二三四五六七八九十"
_NAMES = re.compile(
    rf"第[{_NUMERALS}0-9]{{1,3}}|(?:周|星期|礼拜)[{_NUMERALS}日天](?![{_NUMERALS}])"
    rf"|(?<![{_NUMERALS}0-9])(?:1[0-2]|[1-9]|十[一二]?|[{_NUMERALS}])月(?!饼)|\b[0-9]{{1,4}}(?:st|nd|rd|th)\b"
)
_SCALES = {
    "k": 1_000, "thousand": 1_000, "hundred": 100, "million": 10**6, "billion": 10**9, "dozen": 12,
    "百": 100, "千": 1_000, "万": 10_000, "亿": 10**8, "百万": 10**6, "千万": 10**7,
}  # fmt: skip
_WORDS = {
    "two": 2, "three": 3, "four": 4, "five": 5, "six": 6, "seven": 7, "eight": 8, "nine": 9, "ten": 10,
}  # fmt: skip
_SCALED = re.compile(
    rf"\b([0-9]{{1,3}}(?:,[0-9]{{3}})+|[0-9]{{1,15}}(?:\.[0-9]{{1,6}})?|{'|'.join(_WORDS)})"
    r"(?:[ -]?(thousand|hundred|million|billion|dozen)\b|(k)\b| ?([百千]万|[百千万亿])(?![克米瓦]))",
    re.IGNORECASE | re.ASCII,
)


def quantities(text: str, tokenizer: Tokenizer) -> Counter[str]:
    """How often each number stands in `text`, by its plain writing; an ordinal in words ends with a dot."""
    found = numbers_of(tokenizer.tokens(_SCALED.sub(_value, _NAMES.sub(" ", text))))
    return Counter({number: count for number, count in found.items() if not number.endswith(".")})


def are_telling(numbers: Counter[str]) -> bool:
    """Whether numbers tell a text from others: one of several digits, or several of them."""
    return numbers.total() > 2 or any(len(number) > 1 for number in numbers)


def _value(match: re.Match[str]) -> str:
    number, scale = match[1].lower(), next(filter(None, match.groups()[1:])).lower()
    value = Decimal(_WORDS.get(number) or number.replace(",", "")) * _SCALES[scale]
    return f" {value.normalize():f} "

"""Read the numbers written as English words in a normalised payload.

    "twenty-five" -> 25   "one hundred and five" -> 105   "two thirds" -> 2/3   "three and a half" -> 7/2
    "two point five" -> 5/2   "twenty percent" -> 1/5   "half" -> 1/2 (only at the start of a payload)

Only for payloads without digits. A lone "one" counts only at the start: elsewhere it is a pronoun, and
"the two" and "all three" are subjects.
"""

from __future__ import annotations

import re
from fractions import Fraction

from blossom_data.answers.patterns import pattern
from blossom_data.answers.quantity import ONE, PERCENT, Quantity

_SMALL = {
    "zero": 0, "one": 1, "two": 2, "three": 3, "four": 4, "five": 5, "six": 6, "seven": 7, "eight": 8, "nine": 9,
    "ten": 10, "eleven": 11, "twelve": 12, "thirteen": 13, "fourteen": 14, "fifteen": 15, "sixteen": 16,
    "seventeen": 17, "eighteen": 18, "nineteen": 19,
}  # fmt: skip
_TENS = {
    "twenty": 20, "thirty": 30, "forty": 40, "fourty": 40, "fifty": 50, "sixty": 60, "seventy": 70, "eighty": 80,
    "ninety": 90,
}  # fmt: skip
_BIG = {"thousand": 10**3, "million": 10**6, "billion": 10**9}
_PARTS = {
    "half": 2, "halves": 2, "third": 3, "thirds": 3, "quarter": 4, "quarters": 4, "fourth": 4, "fourths": 4,
    "fifth": 5, "fifths": 5, "sixth": 6, "sixths": 6, "seventh": 7, "sevenths": 7, "eighth": 8, "eighths": 8,
    "ninth": 9, "ninths": 9, "tenth": 10, "tenths": 10, "hundredths": 100,
}  # fmt: skip
_NUMBER_WORDS = "|".join(sorted([*_SMALL, *_TENS, *_BIG, *_PARTS, "hundred", "dozen"], key=lambda word: -len(word)))
_RUN = pattern(
    rf"\b(?:(?:negative|minus) )?(?:an? )?(?:{_NUMBER_WORDS})\b"
    rf"(?:(?:-| |, | and |-and-| and an? | point )(?:{_NUMBER_WORDS})\b)*(?P<percent> ?(?:%|per ?cent\b))?",
    re.IGNORECASE,
)
_WORD = pattern(r"[a-z]+|,")
_COUNTED = pattern(r"\b(?:have|has|had|needs?|gets?|exactly|only|just|see|buy) $", re.IGNORECASE)
_MAX_RUN = 160


def scan_words(text: str, lead_end: int) -> tuple[list[Quantity], bool]:
    """Find the numbers in words; `lead_end` is where the payload proper starts.

    The flag is False when a run of number words does not form one number.
    """
    found: list[Quantity] = []
    is_clean = True
    for match in _RUN.finditer(text):
        start, end = match.span()
        words = _WORD.findall(match[0].lower())
        is_lead = start <= lead_end
        is_counted = words == ["one"] and _COUNTED.search(text, max(0, start - 10), start)
        if words in (["one"], ["half"], ["a", "half"], ["one", "half"]) and not (is_lead or is_counted):
            continue
        if len(words) == 1 and words[0] in _PARTS and words[0] != "half":
            continue
        value = _read_words(words) if len(match[0]) <= _MAX_RUN else None
        if value is None:
            is_clean = False
        elif match["percent"]:
            found.append(Quantity(value * PERCENT, start, end, "percent", factor=PERCENT))
        else:
            scale = _BIG.get(words[-1], 12 if words[-1] == "dozen" else 1)
            found.append(Quantity(value, start, end, "word", factor=Fraction(scale) if scale > 1 else ONE))
    return found, is_clean


def _read_words(words: list[str]) -> Fraction | None:
    """Combine the words of one run into a number; None when they do not form one."""
    words = [word for word in words if word not in ("percent", "per", "cent")]
    sign = 1
    if words[0] in ("negative", "minus"):
        sign, words = -1, words[1:]
    if "point" in words:
        place = words.index("point")
        whole, decimals = _read_whole(words[:place]), [_SMALL.get(word, 10) for word in words[place + 1 :]]
        if whole is None or not decimals or max(decimals) > 9:
            return None
        return sign * (whole + Fraction(int("".join(map(str, decimals))), 10 ** len(decimals)))
    if words[-1] in _PARTS:
        value = _read_fraction(words)
    else:
        whole = _read_whole(words)
        value = None if whole is None else Fraction(whole)
    return None if value is None else sign * value


def _read_fraction(words: list[str]) -> Fraction | None:
    bottom, rest = _PARTS[words[-1]], words[:-1]
    if not rest:
        return Fraction(1, bottom)
    if "and" in rest:
        place = len(rest) - 1 - rest[::-1].index("and")
        whole, top = _read_whole(rest[:place]), _read_whole(rest[place + 1 :] or ["one"])
        if whole is None or top is None or not top < bottom:
            return None
        return whole + Fraction(top, bottom)
    top = _read_whole(rest)
    return None if top is None else Fraction(top, bottom)


def _read_whole(words: list[str]) -> int | None:
    """Read words such as ["one", "hundred", "and", "five"]; None when two numbers stand side by side."""
    total = group = 0
    last = 10**12
    for word in words:
        if word in ("and", ","):
            continue
        if word in ("a", "an"):
            group, last = 1, 1
        elif word in _SMALL:
            if last <= 10 or (last < 100 and _SMALL[word] > 9):
                return None
            group, last = group + _SMALL[word], 1
        elif word in _TENS:
            if last < 100:
                return None
            group, last = group + _TENS[word], 20
        elif word in ("hundred", "dozen"):
            if group == 0 or (last == 100):
                return None
            group, last = group * (100 if word == "hundred" else 12), 100
        elif word in _BIG:
            if group == 0:
                return None
            total, group, last = total + group * _BIG[word], 0, 10**12
        else:
            return None
    return total + group

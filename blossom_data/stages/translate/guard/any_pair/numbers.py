"""Numbers of the source stand in the output, and no others, whatever the digits and separators of the language.

"1,234.5 km"  ->  "1.234,5 km"        the same: separators do not count
"400,000"     ->  "40万", "4 लाख"      the same: the zeros stand in a word
"3 boxes"     ->  "drei Kisten"       no finding: small numbers may be words
"3 boxes"     ->  "4 Kisten"          3 became 4
"""

from __future__ import annotations

import re
import unicodedata

from blossom_data.stages.translate.guard.finding import Pair

_NUMBER = re.compile(r"\d+(?:[.,٫٬'’\u00a0\u202f ]\d{3}(?!\d))*(?:[.,٫]\d+)?")
_HAN_DIGITS = str.maketrans("〇零一二三四五六七八九", "00123456789")
_HAN_NUMBER = re.compile("[〇零一二三四五六七八九十百千万萬億兆]+")
_ROMAN = re.compile(r"\b[IVXLC]+(?=\b|[eè]|º|\.)")
_ROMAN_VALUES = {"I": 1, "V": 5, "X": 10, "L": 50, "C": 100}
_MOST_IN_WORDS = 12
"""Numbers up to this are words as often as digits."""
_LARGE = 5
"""Of numbers with so many digits the zeros may stand in a word: 40万, 4 лимона, 4 million."""


def find_numbers(pair: Pair) -> str:
    """A number is lost, or a new one has come."""
    source, output = _numbers(pair.source), _numbers(pair.output)
    lost = [number for number in source if not _stands_in(number, output) and number not in _words(pair.output)]
    new = [number for number in output if not _stands_in(number, source) and number not in _words(pair.source)]
    if lost and new:
        return f"{lost[0]} became {new[0]}"
    for told, numbers in (("lost", lost), ("new", new)):
        large = [number for number in numbers if not _may_be_a_word(number)]
        if large:
            return f"{large[0]} is {told}"
    return ""


def _numbers(text: str) -> list[str]:
    """The numbers of a text as ASCII digits, without separators and leading zeros."""
    plain = "".join(str(unicodedata.digit(sign)) if sign.isdigit() and sign.isdecimal() else sign for sign in text)
    return [re.sub(r"\D", "", found).lstrip("0") or "0" for found in _NUMBER.findall(plain)]


def _stands_in(number: str, others: list[str]) -> bool:
    if number in others or number in ("0", "00"):
        return True
    bare = number.rstrip("0")
    for other in others:
        if other.rstrip("0") == bare and max(len(number), len(other)) >= _LARGE:
            return True
        # 1990s and 90er, 15:30 and 3:30, what one side writes as two numbers.
        if (len(number) == 4 and other == number[2:]) or (len(other) == 4 and number == other[2:]):
            return True
        if number.isdecimal() and len(number) <= 2 and len(other) <= 2 and abs(int(number) - int(other)) == 12:
            return True
    # What one side groups and the other does not.
    return any(number == "".join(others[at : at + size]) for size in (2, 3) for at in range(len(others) - size + 1))


def _may_be_a_word(number: str) -> bool:
    """Whether languages write it as a word as well: small ones, and round ones as large as a million."""
    return int(number[:9]) <= _MOST_IN_WORDS or (len(number) <= 9 and len(number.rstrip("0")) == 1)


def _words(text: str) -> set[str]:
    """Values that Chinese numerals and Roman ones of a text have."""
    found: set[str] = set()
    for run in _HAN_NUMBER.findall(text):
        found.add(re.sub(r"\D", "", run.translate(_HAN_DIGITS)) or "0")
        found.add(str(_han_value(run)))
    found.update(str(_roman_value(run)) for run in _ROMAN.findall(text))
    return found


def _han_value(run: str) -> int:
    total = section = digit = 0
    for sign in run.translate(_HAN_DIGITS):
        if sign.isdigit():
            digit = digit * 10 + int(sign)
        elif sign in "十百千":
            section += (digit or 1) * {"十": 10, "百": 100, "千": 1000}[sign]
            digit = 0
        else:
            total = (total + (section + digit or 1)) * {"万": 10**4, "萬": 10**4, "億": 10**8, "兆": 10**12}[sign]
            section = digit = 0
    return total + section + digit


def _roman_value(run: str) -> int:
    values = [_ROMAN_VALUES[sign] for sign in run]
    return sum(
        -value if place + 1 < len(values) and value < values[place + 1] else value for place, value in enumerate(values)
    )

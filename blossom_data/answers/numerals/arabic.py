"""Read the numbers written with Arabic digits in a normalised payload.

    "18 dollars"  "-$1,234.50"  ".25"  "3/4"  "2 1/3"  "2又1/3"  "3:4"  "25%"  "3分之2"  "1.2×10^5"  "3万5千"

Groups of thousands are strict (`45,00` is not a number), powers and factorials are never computed, and digits
inside a word (`m2`, `x1`) are not numbers. Whatever looks like a number but cannot be read exactly makes the
scan unclean, so that the caller gives up instead of taking a part of it.
"""

from __future__ import annotations

import re
from fractions import Fraction
from typing import NamedTuple

from blossom_data.answers.patterns import pattern
from blossom_data.answers.quantity import MAX_DIGITS, ONE, PERCENT, Quantity

_CHUNK = pattern(r"\.?[0-9][0-9.,]*")
_STRICT = pattern(r"(?:[0-9]{1,3}(?:,[0-9]{3})+|[0-9]+)(?:\.[0-9]+)?|\.[0-9]+")
_CODES = pattern(r"(?:RMB|USD|CNY|HKD|EUR|GBP|INR|Rs)$")
_PREFIX = pattern(r"(?:[$¥€£₹]*(?<![0-9)%\]])(?<![0-9)%\]] )(?<![A-Za-z])(?P<sign>[-+])(?:[$¥€£₹]+ ?|\()?|[$¥€£₹]+ ?)$")
_BOUNDS = (
    "<", ">", "≤", "≥", "≠", "±", "<=", ">=", "more than", "less than", "fewer than", "greater than", "larger than",
    "smaller than", " over", " under", " above", " below", "up to", "almost", "nearly", "超过", "不到", "不足", "大于",
    "小于", "多于", "少于", "高于", "低于", "接近", "将近",
)  # fmt: skip
_WORDED_PREFIXES = {
    "negative": Fraction(-1), "minus": Fraction(-1), "负": Fraction(-1), "零下": Fraction(-1), "百分之": PERCENT,
    "千分之": PERCENT / 10,
}  # fmt: skip
_WORDS_BEFORE = tuple(_WORDED_PREFIXES)
_AFTER = pattern(
    r" ?/ ?(?P<den>[0-9][0-9.,]*)"
    r"| and (?:a half|one half|half)\b"
    r"|(?: +| and |\(| ?又 ?)(?P<num>[0-9]{1,9}) ?/ ?(?P<den1>[0-9]{1,9})(?![0-9.,]*[0-9/])\)?"
    r"| ?又 ?(?P<den2>[0-9]{1,9}) ?分之 ?(?P<num2>[0-9]{1,9})"
    r"| ?分之 ?(?P<top>[0-9][0-9.,]*)"
    r"|(?::| : | ?比 ?)(?P<ratio>[0-9][0-9.,]*)(?! ?[:比/0-9])"
    r"|(?: ?[×x*·] ?10\^\(?|[eE])(?P<exp>[+-]?[0-9]{1,4})(?![0-9A-Za-z])\)?"
)
_CLOCK = pattern(
    r":(?P<minute>[0-5][0-9])(?P<second>:[0-5][0-9])?(?P<half> ?[ap]\.? ?m\b\.?)?(?![0-9:])", re.IGNORECASE
)
_DAYTIME_BEFORE = pattern(r"(?:[上下中]午|早上|晚上|凌晨|傍晚|\bat) ?$")
_UNIT = pattern(
    r"(?: ?(?P<percent>%|per ?cent\b|pct\b)|‰| ?(?:万亿|千万|百万|十万|万|亿|千(?![克米瓦卡帕赫焦伏位])|百(?!分)"
    r"|trillion\b|billion\b|million\b|thousand\b|hundred\b|dozens?\b)|k(?![A-Za-z])|(?P<tenths>折|成(?![为本功果长绩员品])))"
    r"(?:(?<=[万亿千])(?P<lower>[0-9]{1,8})(?P<scale>[十百千]?万|[千百]?))?"
)
_SCALES = {
    "‰": Fraction(1, 1000), "万亿": Fraction(10**12), "千万": Fraction(10**7), "百万": Fraction(10**6),
    "十万": Fraction(10**5), "万": Fraction(10**4), "亿": Fraction(10**8), "千": Fraction(1000), "百": Fraction(100),
    "trillion": Fraction(10**12), "billion": Fraction(10**9), "million": Fraction(10**6), "thousand": Fraction(1000),
    "hundred": Fraction(100), "dozen": Fraction(12), "dozens": Fraction(12), "k": Fraction(1000),
}  # fmt: skip
_UNREADABLE_AFTER = pattern(
    r"(?: ?\^| ?\*\*|!| ?[√π\\]|[多余几]|(?<![ ])[xyzn](?![A-Za-z])(?! ?[0-9(])|\+(?! ?[-0-9($¥])|:[0-9]| ?/ ?[0-9]"
    r"|以上|以下|以内|_[0-9]| (?:squared|cubed)\b|个?半|个多| and (?:(?:an?|one"
    r"|two|three) )?(?:half|third|quarter|fourth|fifth)"
    r"|的(?:一半|平方|立方|[一二两三四五六七八九十0-9]+(?:分之|倍)))"
)
_CONTINUED = frozenset("0123456789/(又分:比×x*·eEa%‰pPc万亿千百十tTbBmMhHdDkK折成^!√π\\多余几yzn+以_个半的s") | {""}
"""What the text behind a number may start with, spaces left out, if it belongs to the number."""
_MAX_EXPONENT = 50


class Scan(NamedTuple):
    """All numbers of a text; `is_clean` is False when something number-like could not be read."""

    quantities: list[Quantity]
    is_clean: bool


def scan(text: str) -> Scan:
    """Find every number written with Arabic digits in normalised `text`."""
    found: list[Quantity] = []
    is_clean = True
    position = 0
    while match := _CHUNK.search(text, position):
        start, position = match.span()
        skipped = _is_part_of_word(text, start)
        if skipped is None:
            is_clean = False
        elif not skipped:
            quantity = _read_at(text, start, match[0])
            if quantity is None:
                is_clean = False
            else:
                found.append(quantity)
                position = max(quantity.end, start + 1)
    return Scan(found, is_clean)


def _is_part_of_word(text: str, start: int) -> bool | None:
    """Tell whether the digits at `start` belong to a unit, a name or an exponent; None when it is a power."""
    if start == 0:
        return False
    before = text[start - 1]
    if before in "√±":
        return None
    if before in "^_":
        return None if start > 1 and text[start - 2] in "0123456789)." else True
    if not ("a" <= before <= "z" or "A" <= before <= "Z"):
        return False
    if before in "xX" and start > 1 and (text[start - 2].isdigit() or text[start - 2] in " )"):
        return False
    return not _CODES.search(text, max(0, start - 4), start)


def _read_at(text: str, start: int, chunk: str) -> Quantity | None:
    """Read the number whose digits begin at `start`, with its sign, fraction part, scale and percent sign."""
    body = chunk.rstrip(".,")
    if not _STRICT.fullmatch(body) or len(body) > MAX_DIGITS or (chunk != body and chunk.endswith("..")):
        return None
    quantity = plain_number(body, start, start + len(body))
    if chunk == body and text[quantity.end : quantity.end + 2].lstrip()[:1] in _CONTINUED:
        whole = _with_fraction(text, quantity)
        scaled = whole and _with_unit(text, whole)
        if scaled is None or _UNREADABLE_AFTER.match(text, scaled.end):
            return None
        quantity = scaled
    return _with_prefix(text, quantity) if start else quantity


def plain_number(body: str, start: int = 0, end: int = 0) -> Quantity:
    """Return the number of digits with at most a point and groups of thousands."""
    digits = body.replace(",", "") if "," in body else body
    whole, _, decimals = digits.partition(".")
    if not decimals:
        return Quantity(Fraction(int(whole)), start, end, "integer", digits=len(whole))
    value = Fraction(int(whole + decimals), 10 ** len(decimals))
    significant = len((whole + decimals).lstrip("0"))
    return Quantity(value, start, end, "decimal", places=len(decimals), digits=significant)


def _with_fraction(text: str, number: Quantity) -> Quantity | None:
    """Extend a plain number by a denominator, a fraction part, a ratio or a power of ten."""
    if text.startswith(":", number.end) and (clock := _read_clock(text, number)):
        return clock
    match = _AFTER.match(text, number.end)
    if match is None:
        return number
    kind = match.lastgroup or ""
    end = match.end()
    while text[end - 1] in ".,":
        end -= 1
    if kind == "exp":
        exponent = int(match["exp"])
        if abs(exponent) > _MAX_EXPONENT:
            return None
        shape = "integer" if exponent >= number.places else "decimal"
        return number._replace(value=number.value * Fraction(10) ** exponent, end=end, shape=shape, digits=0)
    if kind in ("den", "ratio", "top"):
        body = match[kind].rstrip(".,")
        if not _STRICT.fullmatch(body) or len(body) > MAX_DIGITS:
            return None
        other = plain_number(body).value
        top, bottom = (other, number.value) if kind == "top" else (number.value, other)
        return Quantity(top / bottom, number.start, end, "ratio" if kind == "ratio" else "fraction") if bottom else None
    part, whole = int(match["num"] or match["num2"] or 1), int(match["den1"] or match["den2"] or 2)
    if number.shape != "integer" or not 0 < part < whole:
        return None
    return Quantity(number.value + Fraction(part, whole), number.start, end, "mixed")


def _read_clock(text: str, hour: Quantity) -> Quantity | None:
    """Read a time of day such as 4:30 p.m. as hours; without a sign of one, and on no full hour, it is a ratio."""
    match = _CLOCK.match(text, hour.end)
    if match is None or hour.value > 24:
        return None
    is_time = match["second"] or match["half"] or match["minute"][0] == "0"
    if not is_time and not _DAYTIME_BEFORE.search(text, max(0, hour.start - 4), hour.start):
        return None
    value = hour.value + Fraction(int(match["minute"]), 60)
    return hour._replace(value=value, end=match.end(), shape="time", digits=0)


def _with_unit(text: str, number: Quantity) -> Quantity | None:
    """Apply a percent sign, 折, 成 or a scale such as 万 or million, and add what stands behind it: 3万5千."""
    match = _UNIT.match(text, number.end)
    if match is None:
        return number
    end = match.start("lower") if match["lower"] else match.end()
    unit = text[number.end : end].strip()
    if match["percent"] or unit == "‰":
        factor = _SCALES.get(unit, PERCENT)
        return number._replace(value=number.value * factor, end=end, shape="percent", factor=factor)
    if match["tenths"]:
        factor = Fraction(1, 10) if number.value < 10 else PERCENT
        return number._replace(value=number.value * factor, end=end, factor=factor)
    factor = _SCALES[unit]
    if not match["lower"]:
        return number._replace(value=number.value * factor, end=end, factor=factor)
    lower, step = int(match["lower"]), _SCALES.get(match["scale"], ONE)
    if lower * step >= factor or step >= factor or text.startswith((".", "万", "亿"), match.end()):
        return None
    return number._replace(value=number.value * factor + lower * step, end=match.end(), digits=0)


def _with_prefix(text: str, number: Quantity) -> Quantity:
    """Apply sign, currency and words in front of the number: "-$5", "minus 5", 百分之5, "more than 5"."""
    value, start, shape, factor = number.value, number.start, number.shape, number.factor
    if text[start - 1] in "-+$¥€£₹( ":
        prefix = _PREFIX.search(text, max(0, start - 4), start)
        if prefix:
            start, value = prefix.start(), -value if prefix["sign"] == "-" else value
    words = text[max(0, start - 16) : start].lower().rstrip()
    is_bounded = words.endswith(_BOUNDS)
    if words.endswith(_WORDS_BEFORE):
        word = next(word for word in _WORDS_BEFORE if words.endswith(word))
        start = text.rindex(word[-1], 0, start) + 1 - len(word)
        value *= _WORDED_PREFIXES[word]
        if _WORDED_PREFIXES[word] > 0:
            factor, shape = _WORDED_PREFIXES[word], "percent"
    elif start == number.start and not is_bounded:
        return number
    return number._replace(value=value, start=start, shape=shape, factor=factor, is_bounded=is_bounded)

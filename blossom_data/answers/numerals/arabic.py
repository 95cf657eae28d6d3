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
_LABEL_BEFORE = pattern(
    r"(?:第|星期|周|(?:\b(?:step|day|part|no\.|number|problem|question|case|method|option|figure|table|week|month|year"
    r"|grade|page|chapter|room|line|round|phase|stage|item|group) ?#?)|#|(?:步骤|方法|情况|编号|表|图|题) ?)$",
    re.IGNORECASE,
)
_LABEL_AFTER = pattern(r"st|nd|rd|th| ?[ap]\.?m\b", re.IGNORECASE)
_BOUND_BEFORE = pattern(
    r"(?:[<>≤≥≠±]=?|\b(?:more than|less than|fewer than|greater than|larger than|smaller than|over|under|above|below"
    r"|up to|almost|nearly)|超过|不到|不足|大于|小于|多于|少于|高于|低于|不超过|接近|将近) ?[$¥€£]?$",
    re.IGNORECASE,
)
_NEGATIVE_BEFORE = pattern(r"(?:\b(?:negative|minus) |负 ?|零下 ?)$", re.IGNORECASE)
_PERCENT_BEFORE = pattern(r"[百千]分之 ?$")
_AFTER = pattern(
    r" ?/ ?(?P<den>[0-9][0-9.,]*)"
    r"| and (?P<half>a half|one half|half)\b"
    r"|(?: +| and )(?P<num1>[0-9]{1,9}) ?/ ?(?P<den1>[0-9]{1,9})(?![0-9.,]*[0-9/])"
    r"|\((?P<num2>[0-9]{1,9}) ?/ ?(?P<den2>[0-9]{1,9})\)"
    r"| ?又 ?(?P<num3>[0-9]{1,9}) ?/ ?(?P<den3>[0-9]{1,9})(?![0-9.,]*[0-9/])"
    r"| ?又 ?(?P<den4>[0-9]{1,9}) ?分之 ?(?P<num4>[0-9]{1,9})"
    r"| ?分之 ?(?P<top>[0-9][0-9.,]*)"
    r"|(?::| : | ?比 ?)(?P<ratio>[0-9][0-9.,]*)(?! ?[:比/0-9])"
    r"| ?[×x*·] ?10\^\(?(?P<exp>[+-]?[0-9]{1,4})\)?"
    r"|[eE](?P<exp1>[+-]?[0-9]{1,4})(?![0-9A-Za-z])"
)
_CLOCK = pattern(
    r":(?P<minute>[0-5][0-9])(?P<second>:[0-5][0-9])?(?P<half> ?[ap]\.? ?m\b\.?)?(?![0-9:])", re.IGNORECASE
)
_DAYTIME_BEFORE = pattern(r"(?:[上下中]午|早上|晚上|凌晨|傍晚|\bat) ?$")
_UNIT = pattern(
    r" ?(?P<percent>%|per ?cent\b|pct\b)"
    r"|(?P<permille>‰)"
    r"| ?(?P<scale>万亿|千万|百万|十万|万|亿|千(?![克米瓦卡帕赫焦伏位])|百(?!分)|trillion\b|billion\b|million\b"
    r"|thousand\b|hundred\b|dozens?\b)"
    r"|(?P<k>k)(?![A-Za-z])"
    r"|(?P<tenth>折)|(?P<cheng>成)(?![为本功果长绩员品])"
)
_SCALES = {
    "万亿": 10**12, "千万": 10**7, "百万": 10**6, "十万": 10**5, "万": 10**4, "亿": 10**8, "千": 1000, "百": 100,
    "trillion": 10**12, "billion": 10**9, "million": 10**6, "thousand": 1000, "hundred": 100, "dozen": 12,
    "dozens": 12, "k": 1000,
}  # fmt: skip
_LOWER_PART = pattern(r"(?P<part>[0-9]{1,8})(?P<scale>万|千(?![克米瓦卡帕赫焦伏])|百(?!分))?")
_UNREADABLE_AFTER = pattern(
    r"(?: ?\^| ?\*\*|!| ?[√π\\]|[多余几]|(?<![ ])[xyzn](?![A-Za-z])(?! ?[0-9(])|\+(?! ?[-0-9($¥])|:[0-9]| ?/ ?[0-9]"
    r"|以上|以下|以内|_[0-9]| (?:squared|cubed)\b|个?半|个多| and (?:(?:an?|one"
    r"|two|three) )?(?:half|third|quarter|fourth|fifth)"
    r"|的(?:一半|平方|立方|[一二两三四五六七八九十0-9]+(?:分之|倍)))"
)
_MAX_EXPONENT = 50
_FRACTION_STARTS = frozenset(" 0123456789/(又分:比×x*·eEa")
_UNIT_STARTS = frozenset("%‰pPc万亿千百十tTbBmMhHdDkK折成")
_UNREADABLE_STARTS = frozenset("^*!√π\\多余几xyzn+:/以_个半的asc")
_LABEL_ENDS = frozenset("第期周号表图题骤法况过到足于近下之负<>≤≥≠±=#.")
_LABEL_WORDS = frozenset({
    "step", "day", "part", "number", "problem", "question", "case", "method", "option", "figure", "table",
    "week", "month", "year", "grade", "page", "chapter", "room", "line", "round", "phase", "stage", "item",
    "group", "than", "over", "under", "above", "below", "to", "almost", "nearly", "negative", "minus",
})  # fmt: skip


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
    end = start + len(body)
    quantity: Quantity | None = _plain_number(body, start, end)
    if chunk == body:
        if quantity and _next_character(text, end) in _FRACTION_STARTS:
            quantity = _with_fraction(text, quantity)
        if quantity is not None and _next_character(text, quantity.end) in _UNIT_STARTS:
            quantity = _with_unit(text, quantity)
    if quantity is None:
        return None
    if _next_character(text, quantity.end) in _UNREADABLE_STARTS and _UNREADABLE_AFTER.match(text, quantity.end):
        return None
    if start == 0 or (text[start - 1] > "一" and text[start - 1] not in _LABEL_ENDS):
        return quantity
    return _with_prefix(text, quantity)


def _next_character(text: str, position: int) -> str:
    """Return the first character at or after `position` that is not a space; "end" at the end of the text."""
    following = text[position : position + 2]
    if following[:1] == " ":
        following = following[1:] or text[position + 2 : position + 3]
    return following[:1] or "end"


def _plain_number(body: str, start: int, end: int) -> Quantity:
    digits = body.replace(",", "") if "," in body else body
    whole, _, decimals = digits.partition(".")
    if not decimals:
        return Quantity(Fraction(int(whole)), start, end, "integer", digits=len(whole))
    value = Fraction(int(whole + decimals), 10 ** len(decimals))
    significant = len((whole + decimals).lstrip("0"))
    return Quantity(value, start, end, "decimal", places=len(decimals), digits=significant)


def _simple(body: str) -> Fraction | None:
    body = body.rstrip(".,")
    if not _STRICT.fullmatch(body) or len(body) > MAX_DIGITS:
        return None
    return _plain_number(body, 0, 0).value


def _with_fraction(text: str, number: Quantity) -> Quantity | None:
    """Extend a plain number by a denominator, a fraction part, a ratio or a power of ten."""
    if text[number.end] == ":" and (clock := _read_clock(text, number)):
        return clock
    match = _AFTER.match(text, number.end)
    if match is None:
        return number
    kind = match.lastgroup or ""
    end = match.end()
    while text[end - 1] in ".,":
        end -= 1
    if kind.startswith("exp"):
        exponent = int(match[kind])
        if abs(exponent) > _MAX_EXPONENT:
            return None
        shape = "integer" if exponent >= number.places else "decimal"
        return number._replace(value=number.value * Fraction(10) ** exponent, end=end, shape=shape, digits=0)
    if kind == "half":
        return number._replace(value=number.value + Fraction(1, 2), end=end, shape="mixed", digits=0)
    if kind in ("den", "ratio", "top"):
        other = _simple(match[kind])
        if other is None:
            return None
        top, bottom = (other, number.value) if kind == "top" else (number.value, other)
        shape = "ratio" if kind == "ratio" else "fraction"
        return None if bottom == 0 else Quantity(top / bottom, number.start, end, shape)
    suffix = kind[3:]
    part, whole = int(match["num" + suffix]), int(match["den" + suffix])
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
    return hour._replace(value=value, end=match.end(), shape="time", digits=0, is_label=True)


def _with_unit(text: str, number: Quantity) -> Quantity | None:
    """Apply a percent sign, 折, 成 or a scale word such as 万 or million."""
    match = _UNIT.match(text, number.end)
    if match is None:
        return number
    kind, end = match.lastgroup, match.end()
    if kind == "percent":
        return number._replace(value=number.value * PERCENT, end=end, shape="percent", factor=PERCENT)
    if kind == "permille":
        return number._replace(value=number.value / 1000, end=end, shape="percent", factor=Fraction(1, 1000))
    if kind in ("tenth", "cheng"):
        factor = Fraction(1, 10) if number.value < 10 else PERCENT
        return number._replace(value=number.value * factor, end=end, factor=factor)
    scale = _SCALES[match[0].strip()]
    scaled = number._replace(value=number.value * scale, end=end, factor=Fraction(scale))
    lower = _LOWER_PART.match(text, end) if text[end - 1] in "万亿千" else None
    return _with_lower_part(text, scaled, scale, lower) if lower else scaled


def _with_lower_part(text: str, upper: Quantity, scale: int, match: re.Match[str]) -> Quantity | None:
    """Add the smaller part of a number such as 3万5千 or 2亿3000万."""
    value, total, end = upper.value, 0, upper.end
    while match:
        step = _SCALES[match["scale"]] if match["scale"] else 1
        part = int(match["part"]) * step
        if part >= scale or step >= scale or text[match.end("part") :].startswith("."):
            return None
        total, end, scale = total + part, match.end(), step
        following = _LOWER_PART.match(text, end) if step > 1 else None
        if following is None:
            break
        match = following
    return upper._replace(value=value + total, end=end, factor=ONE, digits=0)


def _with_prefix(text: str, number: Quantity) -> Quantity:
    """Apply sign and currency in front of the number, and mark ordinals and bounds."""
    start = number.start
    is_negative = False
    while start > 0 and text[start - 1] in "$¥€£₹":
        start -= 1
    if start > 1 and text[start - 1] == " " and text[start - 2] in "$¥€£₹":
        start -= 2
    elif number.start > 0 and text[number.start - 1] == "(" and text[max(0, number.start - 2)] == "-":
        start = number.start - 1
    if start > 0 and text[start - 1] == "-" and not _is_minus_binary(text, start - 1):
        start, is_negative = start - 1, True
        while start > 0 and text[start - 1] in "$¥€£₹":
            start -= 1
    elif start > 0 and text[start - 1] == "+" and not _is_minus_binary(text, start - 1):
        start -= 1
    context = text[max(0, start - 16) : start]
    words = context.rstrip(" #$¥€£")
    is_marked = words[-1:] in _LABEL_ENDS or words.rpartition(" ")[2].lower() in _LABEL_WORDS
    is_label = _LABEL_AFTER.match(text, number.end) is not None
    is_bounded = False
    if is_marked and words:
        number, start, is_negative = _with_worded_prefix(number, context, start, is_negative)
        is_label = is_label or _LABEL_BEFORE.search(context) is not None
        is_bounded = _BOUND_BEFORE.search(context) is not None
    if not (is_negative or is_label or is_bounded or start != number.start):
        return number
    value = -number.value if is_negative else number.value
    return number._replace(value=value, start=start, is_label=is_label, is_bounded=is_bounded)


def _with_worded_prefix(number: Quantity, context: str, start: int, is_negative: bool) -> tuple[Quantity, int, bool]:
    """Apply 百分之, 负 or "negative" at the end of `context`, the text in front of the number."""
    percent = _PERCENT_BEFORE.search(context)
    if percent:
        factor = PERCENT if percent[0][0] == "百" else Fraction(1, 1000)
        scaled = number._replace(value=number.value * factor, factor=factor, shape="percent")
        return scaled, start - len(percent[0]), is_negative
    worded = _NEGATIVE_BEFORE.search(context)
    return (number, start - len(worded[0]), True) if worded else (number, start, is_negative)


def _is_minus_binary(text: str, position: int) -> bool:
    """Tell whether the sign at `position` joins two terms (16-3, day-3) and is not a sign of its own."""
    left = text[:position].rstrip(" ")[-1:] if position < 64 else text[position - 64 : position].rstrip(" ")[-1:]
    if not left:
        return False
    if left.isdigit() or left in ")%]":
        return True
    return left.isascii() and left.isalpha() and text[position - 1] != " "

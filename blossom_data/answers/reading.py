"""Read one payload (the words after an answer marker, or a last sentence) as exactly one quantity.

    "18 dollars per day"                -> 18
    "9 × 2 = 18"                        -> 18
    "3/4小时（也就是45分钟）"             -> 3/4
    "not 12 but 18"                     -> 18
    "12 or 15", "10-15", "3^2", "12 ×"  -> no value, with the reason

Never computes anything: a result has to be written down. When in doubt it gives up.
"""

from __future__ import annotations

import re
from fractions import Fraction

from blossom_data.answers.choice import (
    CLAUSE_BREAK,
    HAS_NO_NUMBER,
    IS_AMBIGUOUS,
    IS_TRUNCATED,
    Payload,
    Reading,
    Weight,
    choose,
    lead_end_of,
)
from blossom_data.answers.clauses import conclusion, in_asked_unit
from blossom_data.answers.numerals.arabic import scan
from blossom_data.answers.numerals.normal import normalise
from blossom_data.answers.numerals.worded import scan_worded
from blossom_data.answers.patterns import has_any, pattern
from blossom_data.answers.quantity import ONE, Quantity
from blossom_data.answers.question import given_values

_QUICK = pattern(
    r"[ :：*$￥¥]*(-?)[$￥¥]?([0-9]{1,3}(?:,[0-9]{3})+|[0-9]{1,15})(\.[0-9]{1,15})?(?:\*\*|\$)?"
    r"(?: ?([A-Za-z]{2,14}|[一-鿿]{1,2}))?[ .。*$]*"
)
_NOT_QUICK_UNITS = frozenset({
    "percent", "pct", "per", "million", "billion", "trillion", "thousand", "hundred", "dozen", "dozens", "or",
    "and", "to", "is", "plus", "minus", "times", "st", "nd", "rd", "th", "pi", "more", "less", "over", "under",
    "sqrt", "half", "out", "not", "but", "squared", "cubed",
})  # fmt: skip
_NOT_QUICK_CHARACTERS = frozenset("万亿千百十成折又比多余几半加减乘除到至和与或以不")

_UNDETERMINED = pattern(
    r"(?:can ?not|can't|could not|unable to|impossible to) (?:be )?(?:determine|calculate|know|solve|answer|find)"
    r"|not enough information|insufficient|undetermined|cannot say|unknown"
    r"|无法(?:确定|计算|求|得出|判断|回答|解)|不能确定|条件不足|信息不足|不确定",
    re.IGNORECASE,
)
_UNDETERMINED_WORDS = (
    "not", "n't", "unable", "impossible", "insufficient", "undetermined", "unknown", "无法", "不能", "不足", "不确定",
)  # fmt: skip
_SMALL_NUMBER_WORDS = (
    "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve", "thir", "fif",
    "twenty", "forty", "hundred", "thousand", "half",
)  # fmt: skip
_ENUMERATOR = pattern(
    r"[\s*]*(?:\((?:[0-9]|[a-e]|[A-E])\)|[0-9]{1,2}(?:\)|、(?! ?[0-9]))|[0-9]{1,2}\.(?= )|[A-E][).:]|[①-⑨])"
    r"\s*(?=[^0-9]*[0-9])"
)
_SECOND_ITEM = pattern(r"\((?:2|b|B)\)|②|[;；\s]2[)、.]")
_NUMBER_WORD = pattern(
    r"[三四五六七八九十百]|\b(?:three|four|five|six|seven|eight|nine|ten|eleven|twelve|thir|fif|twenty|forty|hundred|thousand)"
    r"|^[\s:]*(?:[一二两](?![共起些样定般直])|one\b|two\b|half\b|a half\b)",
    re.IGNORECASE,
)
_POWER_RESULT = pattern(r"[=×*/+-] ?\(?[0-9.]{1,12}\)? ?\^ ?[0-9][^=A-Za-z^]*=( ?-?[0-9][^=^]*)$")
_MAX_UNIT = 8
_MAX_QUANTITIES = 24
_MAX_BARE_UNIT = 3


def read_payload(payload: str, question: str = "", before: str = "", weight: Weight = Weight.STATEMENT) -> Reading:
    """Read `payload` as one quantity; `before` is the text that leads up to it."""
    quick = _QUICK.fullmatch(payload)
    if quick:
        unit = quick[4]
        if unit is None or (unit.lower() not in _NOT_QUICK_UNITS and _NOT_QUICK_CHARACTERS.isdisjoint(unit)):
            return Reading(_quick_quantity(quick))
    lower = payload.lower()
    if has_any(lower, _UNDETERMINED_WORDS) and _UNDETERMINED.search(payload):
        return HAS_NO_NUMBER
    text = normalise(payload)
    item = _ENUMERATOR.match(text)
    if item:
        text = text[item.end() :]
        if _SECOND_ITEM.search(text):
            return IS_AMBIGUOUS
    text = in_asked_unit(text, question)
    if weight is not Weight.STATEMENT:
        text, before = conclusion(text, before, question)
    found = scan(text)
    if not found.is_clean and "≈" in text and ("π" in text or "√" in text):
        text = text[text.rindex("≈") + 1 :]
        found = scan(text)
    elif not found.is_clean and "^" in text and "=" in text and weight is not Weight.STATEMENT:
        result = _POWER_RESULT.search(text)
        if result:
            text = result[1]
            found = scan(text)
    if not found.is_clean or len(found.quantities) > _MAX_QUANTITIES:
        return IS_AMBIGUOUS
    lead_end = lead_end_of(text)
    quantities = found.quantities
    if not quantities:
        quantities, is_clean = scan_worded(text, lead_end)
        if not is_clean or (weight is Weight.NONE and not _is_stated(text, quantities)):
            return IS_AMBIGUOUS
    elif (
        _has_number_word(lower)
        and _NUMBER_WORD.search(text)
        and _has_other_worded(text, quantities, lead_end, weight, question)
    ):
        return IS_AMBIGUOUS
    if not quantities:
        return IS_TRUNCATED if text.rstrip(" $*")[-1:] in ("=", "+", "×", "÷", "≈") else HAS_NO_NUMBER
    reading = choose(Payload(text, quantities, lead_end, weight, payload, question, before))
    chosen = reading.quantity
    if chosen is None:
        return reading
    if len(quantities) > 1 and chosen.factor is ONE:
        # "0.35, or 35%": the writing with a sign or a scale can be compared in both ways.
        scaled = next((q for q in quantities if q.value == chosen.value and q.factor is not ONE), chosen)
        reading = reading._replace(quantity=scaled)
    if weight is Weight.STATEMENT:
        return reading
    start, end = chosen.start, chosen.end
    return reading._replace(unit=text[end : end + 24], clause=text[text.rfind(",", 0, start) + 1 : start])


def _is_stated(text: str, worded: list[Quantity]) -> bool:
    """Tell whether a sentence without digits states one number in words, in Chinese near its end."""
    if len({quantity.value for quantity in worded}) > 1:
        return False
    if text.isascii():
        return True
    rest = max((len(text) - quantity.end for quantity in worded), default=0)
    return rest <= _MAX_UNIT and (rest <= _MAX_BARE_UNIT or all(quantity.start > 0 for quantity in worded))


def _has_number_word(lower: str) -> bool:
    return has_any(lower, _SMALL_NUMBER_WORDS) if lower.isascii() else True


def _quick_quantity(match: re.Match[str]) -> Quantity:
    sign, whole, decimals = match[1], match[2].replace(",", ""), match[3]
    if not decimals:
        number = -int(whole) if sign else int(whole)
        return Quantity(Fraction(number), 0, 0, "integer", digits=len(whole))
    digits = whole + decimals[1:]
    number = -int(digits) if sign else int(digits)
    places = len(decimals) - 1
    value = Fraction(number, 10**places)
    return Quantity(value, 0, 0, "decimal", places=places, digits=len(digits.lstrip("0")))


def _has_other_worded(text: str, quantities: list[Quantity], lead_end: int, weight: Weight, question: str) -> bool:
    """Tell whether another number in words stands first or in a clause of its own ("twelve, 3 more than before")."""
    breaks = [match.start() for match in CLAUSE_BREAK.finditer(text)]
    worded = [q for q in scan_worded(text, lead_end)[0] if q.value > 2 or q.start <= lead_end]
    first_weight = Weight.HEADING if text.isascii() else Weight.STATEMENT
    for quantity in worded:
        if quantity.start <= lead_end and weight >= first_weight:
            return all(quantity.value != digit.value for digit in quantities)
        start = max((place for place in breaks if place <= quantity.start), default=0)
        end = min((place for place in breaks if place >= quantity.end), default=len(text))
        is_alone = not any(start <= digit.start < end for digit in quantities)
        if is_alone and all(quantity.value != digit.value for digit in quantities):
            return quantity.start <= lead_end or quantity.value not in given_values(question)
    return False

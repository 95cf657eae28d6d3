"""Read one payload (the words after an answer marker, or a last sentence) as exactly one quantity.

    "18 dollars per day"                -> 18
    "9 × 2 = 18"                        -> 18
    "3/4小时（也就是45分钟）"             -> 3/4
    "not 12 but 18"                     -> 18
    "12 or 15", "10-15", "3^2", "12 ×"  -> no value, with the reason

Never computes anything: a result has to be written down. When in doubt it gives up.
"""

from __future__ import annotations

from blossom_data.answers.choice import (
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
from blossom_data.answers.numerals.arabic import plain_number, scan
from blossom_data.answers.numerals.normal import normalise
from blossom_data.answers.numerals.worded import scan_worded
from blossom_data.answers.patterns import pattern
from blossom_data.answers.quantity import ONE

_BARE = pattern(r"[ :*$]*([0-9]{1,15}(?:\.[0-9]{1,15})?)[ .。*$]*")
_ENUMERATOR = pattern(
    r"[\s*]*(?:\((?:[0-9]|[a-e]|[A-E])\)|[0-9]{1,2}(?:\)|、(?! ?[0-9]))|[0-9]{1,2}\.(?= )|[A-E][).:]|[①-⑨])"
    r"\s*(?=[^0-9]*[0-9])"
)
_SECOND_ITEM = pattern(r"\((?:2|b|B)\)|②|[;；\s]2[)、.]")
_MAX_QUANTITIES = 24


def read_payload(payload: str, question: str = "", before: str = "", weight: Weight = Weight.STATEMENT) -> Reading:
    """Read `payload` as one quantity; `before` is the text that leads up to it."""
    bare = _BARE.fullmatch(payload)
    if bare:
        return Reading(plain_number(bare[1]))
    text = normalise(payload)
    item = _ENUMERATOR.match(text)
    if item:
        text = text[item.end() :]
        if _SECOND_ITEM.search(text):
            return IS_AMBIGUOUS
    text = in_asked_unit(text, question)
    if weight is not Weight.STATEMENT:
        text, before = conclusion(text, before)
    found = scan(text)
    if not found.is_clean and weight is not Weight.STATEMENT:
        # "3^2 + 1 = 10" and "5π ≈ 15.7": what cannot be read matters no more once a result is written down.
        result = text[max(text.rfind("="), text.rfind("≈")) + 1 :]
        if len(scan(result).quantities) == 1:
            text, found = result, scan(result)
    if not found.is_clean or len(found.quantities) > _MAX_QUANTITIES:
        return IS_AMBIGUOUS
    quantities = found.quantities
    lead_end = 0 if quantities and quantities[0].start == 0 else lead_end_of(text)
    opens = Weight.HEADING if text.isascii() else Weight.STATEMENT
    if not quantities or (weight >= opens and quantities[0].start > lead_end):
        worded, is_clean = scan_worded(text, lead_end)
        if not quantities:
            quantities = worded
            if not is_clean:
                return IS_AMBIGUOUS
        elif worded and worded[0].start <= lead_end and all(worded[0].value != digit.value for digit in quantities):
            # "twelve, 3 more than before"
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

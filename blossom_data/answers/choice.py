"""Choose the one quantity that a payload gives as its answer.

    "18 dollars for 9 eggs"    the number that follows the marker at once
    "9 × 2 = 18"               the number after the last equals sign
    "6人一共花了42元"            the number that the question does not give
    "she makes **18** from 9"  the number in bold
    "12 or 15"                 none

The rules are tried in this order; a payload that fits none of them has no answer.
"""

from __future__ import annotations

import re
from enum import IntEnum
from fractions import Fraction
from itertools import pairwise
from typing import NamedTuple

from blossom_data.answers.numerals.arabic import scan
from blossom_data.answers.numerals.normal import normalise
from blossom_data.answers.patterns import has_any, pattern
from blossom_data.answers.quantity import Quantity, is_last_digit_match
from blossom_data.answers.question import asked_phrases, asked_unit, asks_percent, given_values

AMBIGUOUS, NO_NUMBER, TRUNCATED = "ambiguous", "no_answer", "truncated"


class Weight(IntEnum):
    """How much it means that a number comes first."""

    NONE = 0
    """A sentence of the solution: nothing."""
    HEADING = 1
    """Behind "Answer:" or 答：, where a sentence may follow: the number has to stand alone in its clause."""
    STATEMENT = 2
    """Behind "the answer is", #### or in a box: it is the answer."""


class Reading(NamedTuple):
    """The quantity of a payload, or the problem that stands in its way."""

    quantity: Quantity | None
    problem: str = ""
    rounded: Quantity | None = None
    """The right side of "17.83 ≈ 18", where the exact side is the quantity."""
    unit: str = ""
    """What follows the quantity in a sentence of the solution, at most 24 characters."""
    clause: str = ""
    """Its clause up to the quantity."""


IS_AMBIGUOUS = Reading(None, AMBIGUOUS)
HAS_NO_NUMBER = Reading(None, NO_NUMBER)
IS_TRUNCATED = Reading(None, TRUNCATED)

HEDGE = pattern(
    r"\b(?:maybe|perhaps|probably|possibly|not sure|unsure|depending on"
    r"|wrong|incorrect|impossible|doubt|unable|insufficient|unknown)\b"
    r"|not (?:the |correct|right|true|enough|determine)|n't think"
    r"|can(?: ?not|'t) (?:be )?(?:determine|say|know|tell|answer|solve|calculate)"
    r"|可能(?!性)|也许|或许|说不定|错误|矛盾|不成立|无法|不足|不确定|不能确定",
    re.IGNORECASE,
)
CONTRAST = pattern(
    r"(?<!\()\bor\b(?! equivalent)|\b(?:but|actually|instead|rather|wait|correction"
    r"|versus|vs|between|either|if|otherwise|now)\b|或|而是"
    r"|不对|实际上|其实|更正|但|之间|介于",
    re.IGNORECASE,
)
CLAUSE_BREAK = pattern(r"[,;:；(（]| because | since ")
LEAD = pattern(
    r"[\s:,;\"'“”‘’(\[$¥€£*_~≈=.>|-]*+(?:(?:about|approximately|approx|roughly|around|exactly|only|just|simply|equals?|is"
    r"|a total of|an? average of|total|there are|there is|that|it|be|also|indeed|thus|therefore|so|x|y|n"
    r"|大约|大概|约为|约是|约|一共有|一共是|一共|总共有|总共|共有|共计|共|总计|合计|就是|应该是|应为|应是|是|为|有|即|等于"
    r"|还剩下|还剩|还有|剩下|剩|需要|需|要|得|只)[\s:,;\"'“”‘’(\[$¥€£*_~≈=.-]*+)*+"
)
_HEDGE_BEFORE = pattern(
    r"\b(?:twice|double|triple|(?:half|third|quarter|root|square) of|might|may"
    r"|could|either|between|from)(?: be)?(?: \w+)? ?[$¥]?$",
    re.IGNORECASE,
)
_NEGATED = pattern(
    r"(?:\bnot|n't|\bnever|\bcannot)(?: [a-z]+){0,2} ?[$¥€£]?$|(?:不是|并非"
    r"|不等于|没有|不为|不应|不该|而非|≠)[^0-9]{0,3}$",
    re.IGNORECASE,
)
_OPERATOR_END = pattern(
    r"(?:[+×÷·^/:]|(?<![*])\*|(?:^"
    r"|[\s\w)\]])-|\b(?:plus|minus|times|(?:divided|multiplied) by|(?<!out )of|than(?: the)?)"
    r"|[加减乘]以?|除以) ?[$¥€£(]*$",
    re.IGNORECASE,
)
_RANGE = pattern(r"^\W*[A-Za-z一-鿿]{0,8} ?(?:\b(?:to|through|out of)|至|到|-|~|—+) ?[$¥€£]*$")
_LIST = pattern(
    r"^[*)\]$]*(?: ?[A-Za-z.'一-鿿]{1,20}){0,3}[*)\] $]*(?:[,;、|&]|\band|\bor|和|与|及|以及|或|或者)[ *$¥€£(]*$"
)
_COMPOUND = pattern(
    r"^ ?(?!(?:in|for|over|per|after|from|with|on|at|every|each|within|during)\b)"
    r"(?:[A-Za-z.']{1,12}|[元角分块毛时秒天日周月年米克斤吨升度里两]|小时|分钟|个?星期|个月|[千分厘毫]米|[千毫]克|毫升|公[里斤顷]|万?元"
    r"|平方.{1,2}|立方.{1,2})? ?[$¥€£]*$"
)
_ORDINAL_BEFORE = pattern(r"(?:第|周|星期|\b(?:step|day|part|question|week|case|no\.|page)) ?#?$", re.IGNORECASE)
_ORDINAL_AFTER = pattern(r"(?:st|nd|rd|th)\b| ?[ap]\.?m\b")
_TWO_SOLUTIONS = pattern(
    r"(?<![\w)+*×÷/^-])[$(]?[A-Za-z] ?= ?-?[$]?[0-9][0-9.,/]*[^=]{0,12}?(?:\band\b|\bor\b|[,，、和或])[ $]*[A-Za-z] ?="
)
_ASIDE = pattern(
    r"\([^()]{1,120}\)|其中|即(?!将)|也就是(?!说)|相当于|i\.e\.|包括"
    r"|\b(?:including|of which|out of|because|since|(?:by|after|from) [a-z]+ing)\b",
    re.IGNORECASE,
)
_OFFSET_AFTER = pattern(
    r" ?(?:(?:年|个?月|天|日|小时|分钟|秒)(?:以|之)?([前后])"
    r"|(?:year|month|week|day|hour|minute)s?( ago| later| from now)?\b)"
)
_SUBORDINATE = pattern(r"\b(?:after|when|if|since|because|before|while|once)\b", re.IGNORECASE)
_BARE_ALTERNATIVE = pattern(r"\(or [~$]?[0-9.,]+\)")
_BOLD = pattern(r"\*\*([^*\n]{1,80})\*\*")
_DANGLING_BEFORE = pattern(r"(?:[\w)] ?[×*÷/+^]|[\w)] -) ?[$¥€£(]*$")
_DANGLING_AFTER = pattern(r"[)\]*$ ]*(?:[×÷=^]|[+*](?= ?[\w(]|$)|[-/] ?$|- [a-z0-9(])")
_HEDGE_WORDS = (
    "maybe", "perhaps", "probab", "possib", "sure", "depend", "wrong", "incorrect", "doubt", "n't", "not", "unable",
    "insuffi", "unknown", "可能", "也许", "或许", "说不定", "错误", "矛盾", "不成立", "无法", "不足", "确定",
)  # fmt: skip
_NEGATION_WORDS = ("not", "n't", "never", "不是", "并非", "不等于", "没有", "不为", "不应", "不该", "而非", "≠")
_WINDOW = 24


def lead_end_of(text: str) -> int:
    """Return where the filler in front of the answer proper ends."""
    match = LEAD.match(text)
    return match.end() if match else 0


def last_result(text: str) -> Fraction | None:
    """Return the number right after the last equals sign of `text`, if there is one."""
    _, sign, rest = text.rpartition("=")
    quantities = scan(normalise(rest[:60].partition("\n")[0])).quantities if sign else []
    return quantities[0].value if quantities else None


class Payload(NamedTuple):
    """Everything that the choice depends on."""

    text: str
    """The payload in its plain spelling; quantities point into it."""
    quantities: list[Quantity]
    lead_end: int
    weight: Weight
    raw: str
    """The payload as typed, for its bold parts."""
    question: str
    before: str
    gaps: tuple[str, ...] = ()
    """What joins each quantity to the next one: operator, equals, list, compound or nothing known."""


def choose(payload: Payload) -> Reading:
    """Apply the rules in order: hedges, negation, one value, number at once, equation, tie-breaks."""
    text = payload.text
    lower = text.lower()
    if has_any(lower, _HEDGE_WORDS) and HEDGE.search(text):
        return IS_AMBIGUOUS
    kept = [q for q in payload.quantities if not _is_ordinal(text, q)] if len(payload.quantities) > 1 else []
    kept = kept or payload.quantities
    if has_any(lower, _NEGATION_WORDS):
        kept = [q for q in kept if not _NEGATED.search(text, max(0, q.start - _WINDOW), q.start)]
        if not kept:
            return IS_AMBIGUOUS
    first = kept[0]
    is_equation = "=" in text or "≈" in text
    if len(kept) == 1 and not is_equation:
        return _settle(text, first)
    payload = payload._replace(
        quantities=kept, gaps=tuple(_gap(text[left.end : right.start]) for left, right in pairwise(kept))
    )
    is_direct = payload.weight and first.start <= payload.lead_end
    if len({quantity.value for quantity in kept}) == 1 and "operator" not in payload.gaps:
        if is_direct and not first.is_bounded:
            return Reading(first)
        if not is_equation:
            return _settle(text, first)
    direct = _read_direct(payload, is_equation) if is_direct else None
    return direct or (_read_equation(payload) if is_equation else _read_prose(payload))


def _is_ordinal(text: str, quantity: Quantity) -> bool:
    """Tell whether the number names one of many, or a time: 第3天, "step 3", "the 3rd", "at 5 p.m."."""
    before = _ORDINAL_BEFORE.search(text, max(0, quantity.start - 9), quantity.start)
    return bool(before or quantity.shape == "time" or _ORDINAL_AFTER.match(text, quantity.end))


def _gap(gap: str) -> str:
    """Classify what joins a quantity to the next one."""
    if "=" in gap or "≈" in gap:
        return "equals"
    if _OPERATOR_END.search(gap[-12:]):
        return "operator"
    if _RANGE.match(gap):
        return "range"
    if _LIST.match(gap):
        return "list"
    return "compound" if _COMPOUND.match(gap) else ""


def _settle(text: str, quantity: Quantity, rounded: Quantity | None = None) -> Reading:
    """Accept `quantity` unless the text around it makes it a bound, a guess or a part of an expression."""
    lead = text[max(0, quantity.start - _WINDOW) : quantity.start]
    if quantity.is_bounded or (lead and (_DANGLING_BEFORE.search(lead) or _HEDGE_BEFORE.search(lead))):
        return IS_AMBIGUOUS
    if rounded is None and _DANGLING_AFTER.match(text, quantity.end):
        is_cut = not text[quantity.end :].strip(" $*+×÷=-/^")
        return IS_TRUNCATED if is_cut else IS_AMBIGUOUS
    return Reading(quantity, "", rounded)


def _read_direct(payload: Payload, is_equation: bool) -> Reading | None:
    """Take the number that follows the marker at once; None when it opens an expression."""
    text, kept, gaps, weight = payload.text, payload.quantities, payload.gaps, payload.weight
    first, second, kind = kept[0], kept[min(1, len(kept) - 1)], gaps[0] if gaps else ""
    if kind == "operator":
        return None if weight is Weight.HEADING or is_equation else IS_AMBIGUOUS
    if kind == "equals":
        # "18 = 9 × 2" states 18; "1 hour = 60 minutes" has no one value.
        if gaps[1:2] == ("operator",):
            return Reading(first) if text.count("=") == 1 else None
        if "≈" in text:
            return None
        is_rounding = second.shape == "decimal" and is_last_digit_match(second, first.value)
        return Reading(first) if is_rounding else IS_AMBIGUOUS
    if kind and second.value != first.value:
        return IS_AMBIGUOUS
    others = [quantity for quantity in kept if quantity.value != first.value]
    if not others:
        return None
    if weight is Weight.HEADING and not kind:
        givens = given_values(payload.question)
        is_clause = CLAUSE_BREAK.search(text, first.end, second.start) is not None
        if not is_clause or (first.value in givens and not {quantity.value for quantity in others} <= givens):
            return None
    if CONTRAST.search(text, first.end, others[-1].start) or _BARE_ALTERNATIVE.search(text, first.end):
        return IS_AMBIGUOUS
    return _settle(text, first)


def _read_equation(payload: Payload) -> Reading:
    """Take the number right after the last equals sign; before ≈ stands the exact side."""
    text, kept = payload.text, payload.quantities
    if _TWO_SOLUTIONS.search(text):
        return IS_AMBIGUOUS
    equals, approx = text.rfind("="), text.rfind("≈")
    sign = max(equals, approx)
    right = [quantity for quantity in kept if quantity.start > sign]
    if not right:
        return IS_AMBIGUOUS if text[sign + 1 :].strip(" ?$*._)") else IS_TRUNCATED
    result = right[0]
    between = text[sign + 1 : result.start]
    if lead_end_of(between) < len(between):
        return (_read_bold(payload) if len(right) == 1 else None) or IS_AMBIGUOUS
    others = {quantity.value for quantity in right} - {result.value}
    if others:
        if payload.gaps[kept.index(result)] and right[1].value != result.value:
            return IS_AMBIGUOUS
        if others - given_values(payload.question):
            return _read_bold(payload) or _read_echo(payload) or _read_unit(payload, right) or IS_AMBIGUOUS
    if approx > equals:
        left = [quantity for quantity in kept if equals < quantity.start < approx]
        if len(left) == 1 and lead_end_of(text[equals + 1 : left[0].start]) >= left[0].start - equals - 1:
            return Reading(left[0], "", result)
    return _settle(text, result)


def _read_prose(payload: Payload) -> Reading:
    """Take the one value of a sentence, after the numbers of the question if there are several."""
    text, kept, gaps = payload.text, payload.quantities, payload.gaps
    if CONTRAST.search(text):
        return IS_AMBIGUOUS
    marked = _read_bold(payload) or _read_echo(payload)
    if marked is not None:
        return marked
    givens = given_values(payload.question)
    left = [quantity for quantity in kept if quantity.value not in givens]
    unit = asked_unit(payload.question)
    aside = _aside_span(payload)
    result = last_result(payload.before)
    for matching in (
        left,
        [quantity for quantity in left if unit and text[quantity.end :].lstrip(" *个").startswith(unit)],
        [quantity for quantity in left if not aside[0] <= quantity.start < aside[1]],
        [quantity for quantity in left if quantity.value == result],
    ):
        if len({quantity.value for quantity in matching}) == 1:
            chosen = matching[0]
            place = kept.index(chosen)
            joins = gaps[max(0, place - 1) : place + 1]
            if "operator" in joins or "range" in joins or gaps[place : place + 1] == ("compound",):
                return IS_AMBIGUOUS
            if _is_offset(text, chosen) or (place and _SUBORDINATE.search(text, kept[place - 1].end, chosen.start)):
                return IS_AMBIGUOUS
            return _settle(text, chosen)
    return IS_AMBIGUOUS


def _is_offset(text: str, quantity: Quantity) -> bool:
    """Tell whether the number only says when: "15年后", "in 15 years"."""
    after = _OFFSET_AFTER.match(text, quantity.end)
    before = text[max(0, quantity.start - 4) : quantity.start].lower()
    return after is not None and (bool(after[1] or after[2]) or before.endswith("in "))


def _read_unit(payload: Payload, right: list[Quantity]) -> Reading | None:
    """Take the only result in the unit that the question wants: "$0.10, which is 10 cents" for "in cents"."""
    unit = asked_unit(payload.question)
    if asks_percent(payload.question):
        matching = [quantity for quantity in right if quantity.shape == "percent"]
    else:
        matching = [q for q in right if unit and payload.text[q.end :].strip(" *.)$") == unit]
    return _settle(payload.text, matching[0]) if len({quantity.value for quantity in matching}) == 1 else None


def _read_echo(payload: Payload) -> Reading | None:
    """Take the number in the place of 多少 in the question: "应找回多少元", "应找回6.8元"."""
    for lead, unit in asked_phrases(payload.question):
        matching = [
            quantity
            for quantity in payload.quantities
            if payload.text[: quantity.start].rstrip(" *$(约").endswith(lead)
            and payload.text[quantity.end :].lstrip(" *$)").startswith(unit)
        ]
        if len({quantity.value for quantity in matching}) == 1:
            return _settle(payload.text, matching[0])
    return None


def _aside_span(payload: Payload) -> tuple[int, int]:
    """Return the span of an aside: "(48 + 24)", 其中…, "by selling 9 eggs"."""
    aside = _ASIDE.search(payload.text, payload.quantities[0].start)
    if aside is None:
        return 0, 0
    return aside.start(), aside.end() if aside[0][0] == "(" else len(payload.text)


def _read_bold(payload: Payload) -> Reading | None:
    """Take the only number set in bold inside a longer sentence."""
    inside = [quantity for span in _BOLD.findall(payload.raw) for quantity in scan(normalise(span)).quantities]
    values = {quantity.value for quantity in inside}
    matching = [quantity for quantity in payload.quantities if quantity.value in values]
    if len(values) != 1 or len(inside) == len(payload.quantities) or not matching:
        return None
    return _settle(payload.text, matching[0])

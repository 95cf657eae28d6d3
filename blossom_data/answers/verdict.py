"""The check itself: does this answer end in the gold value?

    check_answer("16 - 7 = 9, 9 × 2 = 18.\\n#### 18", "18").verdict          -> "correct"
    check_answer("答案是 12 或 15。", "12").verdict                           -> "ambiguous"
    check_answer("It is 0.33.", "1/3").verdict                               -> "approx"

Pure and thread-safe: no I/O, no clock, no state but bounded caches. Only `correct` is worth keeping; the other
verdicts say why not. The policies are in docs/verify-math.md.
"""

from __future__ import annotations

from enum import StrEnum
from fractions import Fraction
from typing import NamedTuple

from blossom_data.answers.extract import UNMARKED, extract_answer
from blossom_data.answers.gold import Gold, parse_gold
from blossom_data.answers.quantity import ONE, PERCENT, Quantity, is_last_digit_match
from blossom_data.answers.question import asks_percent, asks_rounding, asks_scale, asks_time

MAX_ANSWER = 200
"""Characters of the payload that a result carries."""

_EXACT_DIGITS = 6
_APPROX_SHARE = Fraction(1, 20)


class Verdict(StrEnum):
    """The outcome of a check."""

    CORRECT = "correct"
    WRONG = "wrong"
    APPROX = "approx"
    AMBIGUOUS = "ambiguous"
    NO_ANSWER = "no_answer"
    TRUNCATED = "truncated"
    UNMARKED = "unmarked"
    BAD_GOLD = "bad_gold"


class NotCompared(Exception):
    """The comparison was given up; `code` says why."""

    def __init__(self, code: str, why: str) -> None:
        super().__init__(why)
        self.code = code


class CheckedAnswer(NamedTuple):
    """A verdict with everything it was based on."""

    verdict: Verdict
    route: str = ""
    """How the answer was found: boxed, hash, answer_is, da, last_sentence ...; empty when it was not."""
    answer: str = ""
    """The payload that was read, at most 200 characters."""
    value: Fraction | None = None
    gold: Gold | None = None


_COMPLETE = frozenset({"stop", "end_turn", "eos", "eos_token", "stop_sequence"})


def check_answer(
    answer_text: str,
    gold_text: str,
    question: str = "",
    finish_reason: str | None = "stop",
    is_marked_only: bool = False,
) -> CheckedAnswer:
    """Compare the final answer in `answer_text` with the gold label.

    `question` is used for the policies on percentages, 万, rounding and repeated givens. A `finish_reason` other
    than "stop" or one of its synonyms (or none at all) means that the answer was cut. With `is_marked_only` a last
    sentence is no answer, however clear it is.
    """
    gold = parse_gold(gold_text)
    if gold is None:
        return CheckedAnswer(Verdict.BAD_GOLD)
    if not is_complete(finish_reason):
        return CheckedAnswer(Verdict.TRUNCATED, gold=gold)
    found = extract_answer(answer_text, question)
    reading = found.reading
    payload = found.payload.strip()[:MAX_ANSWER]
    quantity = reading.quantity
    if quantity is None:
        return CheckedAnswer(Verdict(reading.problem), found.route, payload, None, gold)
    if is_marked_only and found.route == UNMARKED:
        return CheckedAnswer(Verdict.UNMARKED, found.route, payload, quantity.value, gold)
    verdict = compare(quantity, gold, question)
    if verdict is not Verdict.CORRECT and reading.rounded is not None:
        rounded = compare(reading.rounded, gold, question)
        if rounded is Verdict.CORRECT:
            verdict = Verdict.CORRECT if asks_rounding(question) else Verdict.APPROX
    return CheckedAnswer(verdict, found.route, payload, quantity.value, gold)


def is_complete(finish_reason: str | None) -> bool:
    """Tell whether a reply ended by itself; what is not told is taken as complete."""
    return not finish_reason or finish_reason in _COMPLETE


def compare(quantity: Quantity, gold: Gold, question: str = "") -> Verdict:
    """Compare one quantity with the gold label under the policies for percent, scale and rounding."""
    if quantity.shape == "time" and not asks_time(question):
        return Verdict.WRONG
    if quantity.value == gold.value or _is_written(quantity, gold, question):
        return Verdict.CORRECT
    if quantity.shape == "percent" and gold.shape != "percent" and asks_percent(question):
        quantity = quantity._replace(value=quantity.value / quantity.factor, factor=ONE)
    value, target = quantity.value, gold.value
    is_near = abs(value - target) <= abs(target) * _APPROX_SHARE
    if (quantity.digits or quantity.places) and is_last_digit_match(quantity, target):
        if quantity.places and quantity.digits >= _EXACT_DIGITS:
            return Verdict.CORRECT
        if is_near:
            return Verdict.APPROX
    return Verdict.APPROX if is_near and _is_rounded(gold, value, question) else Verdict.WRONG


def _is_written(quantity: Quantity, gold: Gold, question: str) -> bool:
    """Tell whether the number in front of "%" or 万 is the label, and the question asks for as much."""
    if gold.shape == "percent":
        # In LaTeX the sign belongs to the typesetting: data sets with such labels take the bare number as well.
        return (
            "\\%" in gold.text
            and quantity.factor is ONE
            and quantity.value * PERCENT == gold.value
            and asks_percent(question)
        )
    if quantity.value != gold.value * quantity.factor:
        return False
    if quantity.shape == "percent":
        return asks_percent(question)
    return asks_scale(question, quantity.factor)


def _is_rounded(gold: Gold, value: Fraction, question: str) -> bool:
    """Tell whether the gold label is itself a rounding of the exact `value`."""
    if gold.shape not in ("decimal", "percent", "integer"):
        return False
    places = len(gold.text.rstrip("%").replace(",", "").partition(".")[2])
    factor = PERCENT if gold.shape == "percent" else ONE
    label = Quantity(gold.value, 0, 0, "decimal", factor=factor, places=places)
    return (places > 0 or asks_rounding(question)) and is_last_digit_match(label, value)

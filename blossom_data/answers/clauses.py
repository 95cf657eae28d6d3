r"""Trim a sentence of a solution to the clause that states its result.

    "190 / 48 = 3.96, so 4 buses are needed"              -> "4 buses are needed"
    "32 + 66 = 98 pens (22 green, 54 blue, 22 red)"        -> "32 + 66 = 98 pens"
    "and with the $4 tip the final price is $57"           -> "$57"

Works on normalised text, and leaves a sentence alone in which alternatives, denials or guesses are spoken of.
"""

from __future__ import annotations

import re

from blossom_data.answers.choice import CONTRAST, HEDGE
from blossom_data.answers.numerals.arabic import scan
from blossom_data.answers.patterns import has_any, pattern
from blossom_data.answers.question import asked_unit

_SO = pattern(
    r"[,;，；] ?(?:and )?(?:so|thus|therefore|hence)\b,? ?|(?:所以|因此|因而|(?<=[,;] )故(?!事))[，, ]?", re.IGNORECASE
)
_LAST_BRACKET = pattern(r" ?\(([^()]{1,160})\)[\s*.$]*$")
_LAST_WRITING = pattern(
    r"(?:\(|(?<=[A-Za-z一-鿿]) ?=|也就是|即) ?((?:or |= ?)?-?[0-9][0-9.,/]* ?([A-Za-z一-鿿]+))\)?[\s*.]*$"
)
_WORKED = pattern(r"[0-9] ?[+×*÷-] ?[$]?[0-9]")
_LETTER = pattern(r"[A-Za-z一-鿿]")
_LAST_RESTATED = pattern(
    r"(?<=[0-9一-鿿)])[,，]? ?(?:也就是|即|折?合|相当于|约合) ?((?:[0-9./ ]{1,16} ?[A-Za-z一-鿿%]{1,4}){1,3})[\s*.]*$"
)
_RESTATING = ("也就是", "即", "合", "相当于")
_REASON = pattern(
    r"[，,] ?(?:因为|由于|比[^，,=]*$|(?:which (?:is|was) )?(?:calculated|computed|obtained|derived) (?:as|by|from)\b)"
    r"|,? if (?:you|we|he|she|they|it|all|the|[A-Z][a-z]+) [^.;=()]*$"
)
_COMPOUND_BEFORE = pattern(r"[0-9] ?[A-Za-z一-鿿]{1,7},?(?: and)? ?[0-9.]+ ?[A-Za-z一-鿿]{1,7}$")
_COMPOUND_END = pattern(r"[0-9]+(?:元|块|小时|分钟?|米|千?克|吨|年|天)[0-9]+[一-鿿]{1,2}[,，]? ?$")
_UNIT = pattern(r"[A-Za-z一-鿿%]+")
_CLOSER = pattern(
    r"\b(?:that(?:'s|’s| is| makes| gives| leaves| comes to)|(?:makes|gives|totals|adds up to|amounts to|comes to)"
    r"|(?:for|making|giving) (?:[a-z]+ )?a (?:grand )?total of"
    r"|leaving (?:[a-z]+ )?(?:with )?|the (?:final|total|overall|remaining|combined|new)(?: [a-z]{1,14}){0,4}?"
    r" (?:is|was|are|were|will be|comes to|becomes|equals))"
    r" ?(?:only |just |exactly |now )?\**(?=-?[$€£¥]?-?[0-9])"
    r"|(?<=[A-Za-z一-鿿)*]): ?\**(?=-?[$€£¥]?-?[0-9])"
    r"|(?<=[,;] )(?:最后|最终)?(?:结果|约分后?|化简后?|最后|最终)(?:是|为|得|有|等于|得到)+ ?[*$]*(?=-?[0-9])"
    r"|(?<=[,;] )(?:所以|那么|则)?(?:一?共|总共|至少|还)*需要 ?[*$]*(?=-?[0-9])",
    re.IGNORECASE,
)
_CLOSER_WORDS = (
    ": ", "makes", "gives", "totals", " to ",
    "that", " total", "leaving", "the ", "结果", "约分", "化简", "最后", "最终", "需要",
)  # fmt: skip
_PLAIN_END = pattern(
    r"-?[$€£¥]?-?[0-9][0-9,.]*(?:/[0-9]+)?%?[一-鿿]{0,4}"
    r"(?! of)"
    r"(?: (?!more|less|fewer|than|times|each|apiece|or|and|if|per|from|minus|plus)[A-Za-z'/-]{1,14}){0,4}"
    r"(?: (?:each|per|every|a) (?:day|week|month|year|hour|minute|person))?[\s*.$]*$"
)


def conclusion(text: str, before: str) -> tuple[str, str]:
    """Return the clause of `text` that states its result, and what leads up to it."""
    if not has_several_numbers(text) and (text.isascii() or not has_number(text)):
        return text, before
    text = _without_aside(text)
    start = result_start(text)
    return (text[start:], before + text[:start]) if start else (text, before)


def in_asked_unit(text: str, question: str) -> str:
    """Return "210 minutes" of "3 hours 30 minutes (210 minutes)" when the question asks for minutes, else `text`."""
    restated = _LAST_WRITING.search(text)
    unit = asked_unit(question) if restated else ""
    if not restated or not unit or not restated[2].startswith(unit):
        return text
    before = text[: restated.start()].rstrip()
    is_other = re.search(rf"[0-9] ?{unit}", before) is None or _COMPOUND_BEFORE.search(before)
    return restated[1] if is_other else text


def result_start(text: str) -> int:
    """Return where the part of `text` starts that states the result, 0 when that is all of it."""
    return max(_after_so(text), _after_closer(text))


def _without_aside(text: str) -> str:
    """Drop a breakdown in brackets and an equivalent in other units from the end of `text`."""
    reason = _REASON.search(text)
    if reason and has_number(text[: reason.start()]):
        text = text[: reason.start()]
    if text.rstrip(" *.$").endswith(")"):
        aside = _LAST_BRACKET.search(text)
        if (
            aside
            and (_LETTER.search(aside[1]) or _WORKED.search(aside[1]))
            and not CONTRAST.search(aside[1])
            and has_number(text[: aside.start()])
        ):
            return text[: aside.start()]
    if not text.isascii():
        restated = _LAST_RESTATED.search(text) if has_any(text, _RESTATING) else None
        if restated and has_number(text[: restated.start()]):
            units = _UNIT.findall(restated[1])
            if len(units) == 1 and _COMPOUND_END.search(text, 0, restated.start()):
                return restated[1]
            if len(units) > 1 or not text[: restated.start()].endswith(units[0]):
                return text[: restated.start()]
    return text


def _after_so(text: str) -> int:
    """Return where the clause after "so" or 所以 starts, if it states a number and nothing before it is in doubt."""
    last = max(_SO.finditer(text), key=re.Match.start, default=None)
    if last is None or CONTRAST.search(text, 0, last.start()) or HEDGE.search(text, 0, last.start()):
        return 0
    return last.end() if has_number(text[last.end() :]) else 0


def _after_closer(text: str) -> int:
    """Return where the number after "that's" or "the final price is" starts, if nothing but a unit follows it."""
    if not has_any(text, _CLOSER_WORDS):
        return 0
    last = max(_CLOSER.finditer(text), key=re.Match.start, default=None)
    if last is None or not _PLAIN_END.match(text, last.end()) or CONTRAST.search(text, 0, last.start()):
        return 0
    return last.end() if len(scan(text[last.end() :]).quantities) == 1 else 0


_SEVERAL_NUMBERS = pattern(r"[0-9](?![0-9]|[.,][0-9])[^0-9]+[0-9]")
_DIGIT_OR_NUMERAL = pattern(r"[0-9零一二两三四五六七八九十百½⅓⅔¼¾]")


def has_several_numbers(text: str) -> bool:
    """Tell quickly whether `text` may hold more than one number in digits."""
    return _SEVERAL_NUMBERS.search(text) is not None


def has_number(text: str) -> bool:
    """Tell quickly whether `text` holds a digit or a Chinese numeral."""
    return _DIGIT_OR_NUMERAL.search(text) is not None

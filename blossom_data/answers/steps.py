"""Tell whether the last sentence of an answer without a marker is only a step on the way.

    "If they had shared, it'd be 9 each."         a case that was not worked out
    "Ann has 30. Bob has 20."                     results of the same form, without a total
    "165 / 11 = 15 popsicles per part."           a step: the question does not ask per part

A text that stops too early may show the gold label by chance, and nothing else tells that from an answer.
"""

from __future__ import annotations

import re

from blossom_data.answers.choice import Reading, last_result
from blossom_data.answers.numerals.arabic import scan
from blossom_data.answers.numerals.normal import normalise
from blossom_data.answers.patterns import pattern
from blossom_data.answers.quantity import Quantity
from blossom_data.answers.question import asked_clause
from blossom_data.answers.sentences import SUMMARY, Sentence

_QUALIFIED = (
    (pattern(r"#.*\b(?:per|each|apiece)\b(?! (?:day|week|month|year|hour|minute|second|night|time))", re.IGNORECASE),
     pattern(r"\b(?:per|each|every|one|an?|average|rate|unit)\b", re.IGNORECASE)),
    (pattern(r"[0-9]年后.*#|\bin [0-9]+ years?\b", re.IGNORECASE), pattern(r"后|\bin \w+ years|will|after", re.I)),
    (pattern(r"的和是"), pattern(r"[的之总]和|共|总")),
    (pattern(r"平方|\bsquare\b"), pattern(r"^(?!.*(?:立方|体积|容积|\bcubic\b|\bvolume\b))")),
)  # fmt: skip
"""Words that make a value one of something else, and those of a question that asks for it."""
_ITEM_END = pattern(r"[;；。\n]|[,，、](?![0-9])|\.(?![0-9])|\band\b")
_WORKED = pattern(r"[-$¥€£(]*[0-9](?:[-0-9.,/%+×x*÷=()$ ]*[0-9%])?")
_TOKEN = pattern(r"[A-Za-z']+|[^\sA-Za-z]")
_NUMBER = pattern(r"[0-9](?:[0-9.,]*[0-9])?")
_ASKS = pattern(r"\b(?:how|what|which|calculate|find|determine)\b")
_LISTED = 160
_MAX_HEAD = 5


def is_step(sentence: Sentence, quantity: Quantity, reading: Reading, question: str) -> bool:
    """Tell whether `reading` of `sentence` is a step or a case rather than the answer to `question`."""
    text = sentence.text
    if sentence.is_conditional:
        is_result = text.isascii() or text.count("=") > 1
        return last_result(sentence.before + text if is_result else sentence.before) != quantity.value
    if _is_listed(sentence, quantity, question):
        return True
    clause = reading.clause + "#" + reading.unit
    return bool(question) and any(stated.search(clause) and not asked.search(question) for stated, asked in _QUALIFIED)


def _is_listed(sentence: Sentence, quantity: Quantity, question: str) -> bool:
    """Tell whether `quantity` is what one of two subjects has of which the same is said, and not the one asked for."""
    stated = _stated(sentence.text)
    if not stated or SUMMARY.search(_WORKED.split(stated[-1], 1)[0]):
        return False
    stated = [*_stated(sentence.before[-_LISTED:]), *stated][-2:]
    if len(stated) < 2 or _WORKED.findall(stated[0])[-1].rpartition("=")[2].strip(" $)") in _NUMBER.findall(stated[1]):
        return False
    other, last = (_TOKEN.findall(_WORKED.sub("#", clause).lower()) for clause in stated)
    common: list[str] = []
    while other and last and other[-1] == last[-1]:
        common.append(last.pop())
        other.pop()
    if "#" not in common[:-1] or not 0 < len(last) <= _MAX_HEAD or not 0 < len(other) <= _MAX_HEAD:
        return False
    heads = [set(last) - set(other), set(other) - set(last)]
    values = [{found.value for found in scan(normalise(clause)).quantities} for clause in reversed(stated)]
    if quantity.value not in values[0]:
        heads.reverse()
        values.reverse()
    asked = set(_TOKEN.findall(_ASKS.split(asked_clause(question).lower())[-1]))
    return quantity.value in values[0] and not (asked & heads[0] and not asked & heads[1])


def _stated(text: str) -> list[str]:
    """Return the clauses of `text` that hold a number."""
    return [clause for clause in _ITEM_END.split(text) if _NUMBER.search(clause) and not clause.strip().isdigit()]

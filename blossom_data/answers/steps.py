"""Tell whether the last sentence of an answer without a marker is only a step on the way.

    "If she sells them all, she earns $34."      a result when $34 was just worked out, else a case
    "165 / 11 = 15 popsicles per part."          a step: the question does not ask per part
    "每份：165÷11=15（个）"                        a step: the question does not ask 每
    "每天修15米" to "多少天"                        a step: metres do not answer a question for days
    "A has 30, B has 20 and C has 10."           a list, whatever the question gave

A text that stops too early may show the gold label by chance, and nothing else tells that from an answer.
"""

from __future__ import annotations

import re

from blossom_data.answers.choice import Reading, last_result
from blossom_data.answers.clauses import has_several_numbers, result_start
from blossom_data.answers.patterns import pattern
from blossom_data.answers.question import asked_clause, asked_dimension, dimension_of
from blossom_data.answers.sentences import Sentence

_PER = pattern(r"\b(?:per|each|apiece)\b(?! (?:day|week|month|year|hour|minute|second|night|time))", re.IGNORECASE)
_ASKS_PER = pattern(r"\b(?:per|each|every|one|an?|average|rate|unit)\b", re.IGNORECASE)
_EACH = pattern(r"(?:每|平均)[^，。,;=]{0,8}?(?:[是有为:=：]|$)|一份|单位[“\"']?1")
_ASKS_EACH = pattern(r"每|平均|均|各|一[^共起样定些半]|单价|速度|效率|几分之|百分")
_CONCLUDING = pattern(
    r"[\s*_#>✅-]*(?:so\b|thus|therefore|hence|in total|altogether|finally|答|因此|所以|故|综上|因而|总之)",
    re.IGNORECASE,
)
_HAS = pattern(
    r"(?<=[A-Za-z一-鿿] )(has|have|had|gets?|got|ran|is|was|earns?|earned|makes?|made|sold|found|bought|ate)"
    r"(?= [$€£¥]?[0-9])|([有是得跑卖买])(?=[0-9])"
)
_LATER = pattern(
    r"[0-9一二三四五六七八九十]+ ?(?:年|个?月|天|小时|分钟)(?:以|之)?后|\bin [0-9]+ (?:year|month|week|day|hour)s?\b"
    r"|\b(?:years|months|weeks|days|hours) (?:later|from now)",
    re.IGNORECASE,
)
_EARLIER = pattern(
    r"[0-9一二三四五六七八九十]+ ?(?:年|个?月|天|小时|分钟)(?:以|之)?前|\b(?:years|months|weeks|days|hours) ago",
    re.IGNORECASE,
)
_ASKS_LATER = pattern(
    r"后|\bin (?:\w+ )?(?:years|months|weeks|days|hours|[0-9])|later|from now|after|will|next", re.IGNORECASE
)
_ASKS_EARLIER = pattern(r"前|\bago|before|earlier|\bwas\b|\bwere\b|\bdid\b", re.IGNORECASE)
_CALCULATED = pattern(r"(?:的|之)([和差积商])(?:是|为|=|:|：)")
_ASKS_CALCULATED = {"和": "和总共合", "差": "差多少大小", "积": "积乘面体", "商": "商除倍"}
_EXPLAINS = pattern(
    r"\b(?:since|because|if|given|when|after|while|total|altogether|sum|difference)\b|因为|由于|一共|总共|共有|平均|[和差积商][是为]",
    re.IGNORECASE,
)


def is_step(sentence: Sentence, reading: Reading, question: str) -> bool:
    """Tell whether `reading` of `sentence` is a step or a case rather than the answer to `question`."""
    text = sentence.text
    if sentence.is_conditional:
        worked = sentence.before if text.count("=") < 2 else sentence.before + text
        return reading.quantity is not None and last_result(worked) != reading.quantity.value
    if reading.is_asked:
        return False
    has_several = has_several_numbers(text)
    if has_several and _lists_several(text[result_start(text) :]):
        return True
    if not question:
        return False
    if has_several and _is_at_another_time(reading.clause, question):
        return True
    named = _CALCULATED.search(text)
    if named and not any(word in asked_clause(question) for word in _ASKS_CALCULATED[named[1]]):
        return True
    if not _CONCLUDING.match(text):
        if "=" in text and text.isascii() and _PER.search(text, text.rfind("=")):
            return _ASKS_PER.search(asked_clause(question)) is None
        if not text.isascii() and _EACH.search(reading.clause + ":"):
            return _ASKS_EACH.search(asked_clause(question)) is None
    return _answers_other_dimension(reading.unit, question)


def _is_at_another_time(clause: str, question: str) -> bool:
    """Tell whether the value is one of the future or the past that the question does not ask about."""
    is_later = _LATER.search(clause) and not _ASKS_LATER.search(question)
    return bool(is_later or (_EARLIER.search(clause) and not _ASKS_EARLIER.search(question)))


def _lists_several(text: str) -> bool:
    """Tell whether the sentence gives several subjects their values: "A has 3, B has 4 and C has 5"."""
    verbs = [match[1] or match[2] for match in _HAS.finditer(text)]
    return len(verbs) >= 2 and len(set(verbs)) < len(verbs) and "**" not in text and not _EXPLAINS.search(text)


def _answers_other_dimension(unit: str, question: str) -> bool:
    """Tell whether the unit behind the number measures something else than what the question asks for."""
    stated = dimension_of(unit)
    if not stated:
        return False
    asked = asked_dimension(question)
    return bool(asked) and asked != stated

"""Parts of an English source that a Chinese output leaves out or answers, each looked at for itself.

    "Write a program. Explain its running time."  ->  "编写一个程序。"           nothing of the second sentence
    "What is its role? Explain why it matters."   ->  "它的作用是……。解释……。"   the first sentence asks no more

A missing word may be a gap in the tables; a sentence of which nothing is found hardly is one.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence

from blossom_data.stages.translate.guard.act.orders import has_family, is_ordered
from blossom_data.stages.translate.guard.finding import Pair
from blossom_data.stages.translate.guard.vocabulary import singular, verbs, words
from blossom_data.stages.translate.lexicon import Lexicon
from blossom_data.stages.translate.script import LATIN_WORD

_LEXICON = Lexicon("act_en_zh")

_CLAUSE = re.compile(r"[,;:] |(?<=\w) (?:and|then|but) (?=[a-z])|[.?!]\s")
_FEWEST = 3
"""Known words that a part must have to be missed."""
_MOST_PARTS = 12
_GONE, _CLAUSE_GONE = 0.9, 0.6
_LEAST_LISTED = 3


def weigh_lost_part(
    sentences: Sequence[str], missing: Collection[str], lost_verbs: Collection[str], *, is_shorter: bool
) -> tuple[float, str]:
    """(weight, what is gone) for a sentence or clause of whose known words none has a rendering; (0, "") for none."""
    gone = {*missing, *lost_verbs}
    if len(gone) < _FEWEST:
        return 0.0, ""
    for sentence in sentences[:_MOST_PARTS]:
        if len(sentences) > 1 and is_shorter and _is_gone(sentence, gone):
            return _GONE, f"nothing of {sentence.strip()[:40]!r}"
        for clause in _CLAUSE.split(sentence)[:_MOST_PARTS]:
            if len(clause) < len(sentence) and _is_gone(clause, gone):
                return _CLAUSE_GONE, f"nothing of {clause.strip()[:40]!r}"
    return 0.0, ""


def _is_gone(part: str, gone: Collection[str]) -> bool:
    forms = singular()
    known = {forms.get(word, word) for word in LATIN_WORD.findall(part.lower()) if word in forms or word in gone}
    return len(known) >= _FEWEST and known <= set(gone)


_LISTED = re.compile(r"[A-Za-z][A-Za-z' -]{1,30}(?:, (?:and |or )?[A-Za-z][A-Za-z' -]{1,30}){3,60}")
_ITEM = re.compile(r"(?:, (?:and |or )?)")


def find_reordered(source: str, output: str) -> str:
    """The words of a list that are known stand in another order than in the source."""
    if source.count(",") < _LEAST_LISTED:
        return ""
    for listed in _LISTED.findall(source):
        places: list[int] = []
        for item in _ITEM.split(listed):
            name = singular().get(item.strip(" .").lower().removeprefix("the "))
            found = [output.count(sign) for sign in words()[name]] if name else []
            if name and sum(found) == 1:
                places.append(next(output.index(sign) for sign in words()[name] if sign in output))
        if len(places) >= _LEAST_LISTED and places != sorted(places):
            return "a list in another order"
    return ""


_THEN = re.compile(r"(?:[,;] (?:and )?then|\band then) ([a-z]+)", re.IGNORECASE)
_SECOND = re.compile(r"[，。；！？、\n]|并|且|然后|和")
_AND = _LEXICON.pattern(r"\band (?:also |briefly |then )?({second_verbs})\b(?! (?:that|of|to)\b)", re.IGNORECASE)


def weigh_second(source: str, output: str, heads: Collection[str]) -> list[tuple[float, str]]:
    """(weight, what is gone) for the second half of an order with two verbs; at most one."""
    second = "".join(_SECOND.split(output)[1:])
    for pattern, weight in ((_THEN, 0.9), (_AND, 0.5)):
        for verb in dict.fromkeys(map(str.lower, pattern.findall(source)[:6])):
            if (
                verb in verbs()
                and verb not in heads
                and not any(sign in (output if len(sign) >= 2 else second) for sign in verbs()[verb])
                and not is_ordered(verb, second)
            ):
                weight = weight if has_family(verb) else 0.6 * weight
                return [(weight, f"no rendering of the second verb {verb}")]
    return []


_SENTENCE_EN = re.compile(r"[A-Za-z\ufffc\"”)]{2}[.!?]+(?=\s[A-Z]|\Z)")
_CLAUSE_ZH = re.compile(r"[，。！？；：、,.;:!?—…\n]+")
_FEWER, _FEWER_EACH = 0.8, 0.3


def weigh_fewer_clauses(pair: Pair) -> tuple[float, str]:
    """(weight, what was seen) where the output has fewer clauses than the source has sentences; (0, "") else."""
    sentences = len(_SENTENCE_EN.findall(pair.source.rstrip()))
    if sentences < 2:
        return 0.0, ""
    clauses = sum(1 for part in _CLAUSE_ZH.split(pair.output) if part.strip())
    fewer = sentences - clauses
    return (
        (_FEWER + _FEWER_EACH * (fewer - 1), f"{clauses} clauses for {sentences} sentences") if fewer > 0 else (0.0, "")
    )


_FILLED = re.compile(r"[：:][^：:\n]*、[^：:\n]*$", re.MULTILINE)
_OPEN = re.compile(r"[:;,\n\"“—–]|\b(?:and|or)\b| - ")


def find_filled_list(source: str, output: str) -> str:
    """A list follows a colon, and the source has no sign of one."""
    found = None if _OPEN.search(source) else _FILLED.search(output)
    return f"a list of its own {found.group()[:30]!r}" if found else ""

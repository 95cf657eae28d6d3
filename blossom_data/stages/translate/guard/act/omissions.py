"""Parts of an English source that a Chinese output leaves out or answers, each looked at for itself.

"Write a program. Explain its running time."  ->  "编写一个程序。"           fewer clauses than sentences
"Write a program, and explain it."            ->  "编写一个程序。"           no rendering of the second verb
"""

from __future__ import annotations

import re
from collections.abc import Collection

from blossom_data.stages.translate.guard.act.orders import has_family, is_ordered
from blossom_data.stages.translate.guard.act.sign import Sign
from blossom_data.stages.translate.guard.finding import Pair
from blossom_data.stages.translate.guard.vocabulary import singular, verbs, words
from blossom_data.stages.translate.lexicon import Lexicon

_LEXICON = Lexicon("act_en_zh")

_LEAST_LISTED = 3
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


def weigh_second(source: str, output: str, heads: Collection[str]) -> list[Sign]:
    """A sign for the second half of an order with two verbs; at most one."""
    second = "".join(_SECOND.split(output)[1:])
    for pattern in (_THEN, _AND):
        for verb in dict.fromkeys(map(str.lower, pattern.findall(source)[:6])):
            if (
                verb in verbs()
                and verb not in heads
                and not any(sign in (output if len(sign) >= 2 else second) for sign in verbs()[verb])
                and not is_ordered(verb, second)
            ):
                strength = 1.0 if has_family(verb) else 0.6
                return [Sign("second_verb_lost", strength, f"no rendering of the second verb {verb}")]
    return []


_SENTENCE_EN = re.compile(r"[A-Za-z\ufffc\"”)]{2}[.!?]+(?=\s[A-Z]|\Z)")
_CLAUSE_ZH = re.compile(r"[，。！？；：、,.;:!?—…\n]+")
_EACH_MORE = 0.4


def weigh_fewer_clauses(pair: Pair) -> list[Sign]:
    """A sign where the output has fewer clauses than the source has sentences."""
    sentences = len(_SENTENCE_EN.findall(pair.source.rstrip()))
    clauses = sum(1 for part in _CLAUSE_ZH.split(pair.output) if part.strip()) if sentences > 1 else sentences
    fewer = sentences - clauses
    told = f"{clauses} clauses for {sentences} sentences"
    return [Sign("fewer_clauses", 1 + _EACH_MORE * (fewer - 1), told)] if fewer > 0 else []


_FILLED = re.compile(r"[：:][^：:\n]*、[^：:\n]*$", re.MULTILINE)
_OPEN = re.compile(r"[:;,\n\"“—–]|\b(?:and|or)\b| - ")


def find_filled_list(source: str, output: str) -> str:
    """A list follows a colon, and the source has no sign of one."""
    found = None if _OPEN.search(source) else _FILLED.search(output)
    return f"a list of its own {found.group()[:30]!r}" if found else ""

"""Terms that must be found again: the material of language tasks, and the words of the request itself.

"Use the word \\"serene\\" in a sentence."  needs  serene  in the output
"Write a poem about the sea."             expects  诗 and 海
"""

from __future__ import annotations

import re
from collections.abc import Container, Iterable

from blossom_data.languages.tags import base_of
from blossom_data.stages.translate.guard.finding import Pair
from blossom_data.stages.translate.guard.vocabulary import singular, words
from blossom_data.stages.translate.lexicon import Lexicon, Rule

_LEXICON = Lexicon("lang_task")

_MOST_WORDS = 60
_MISSED, _FOUND = 0.33, 0.11
"""A word without rendering speaks against a translation, one with it for it: about a quarter of the log-likelihood
ratio, for a good translation lacks 12 in 100 renderings that the tables know, and a bad one 44."""
_MOST, _CERTAIN = 0.8, 1.0
"""Some words without rendering are no finding; four more than have one are."""
_NAME_WORD = re.compile(r"(?<=[a-z,;:’'] )[A-Z][a-z]+")
"""A capital inside a sentence: a part of a name, which may be rendered in any way."""
_ORDERS = _LEXICON.pattern(r"\byour? {orders_to_the_reader}\b", re.IGNORECASE)
"""What tells the reader what to do is no material, whatever stands around it."""


def find_lang_task(pair: Pair) -> str:
    """Material of a language task, or a stretch in a third script, is gone."""
    if pair.lost_material and not _ORDERS.search(pair.lost_material):
        return f"{pair.lost_material[:60]!r} is lost"
    if pair.source.isascii():
        return ""
    for run in _FOREIGN[base_of(pair.source_lang)].findall(pair.source):
        if run.strip() not in pair.output:
            return f"{run.strip()[:60]!r} is lost"
    return ""


_FOREIGN = {
    "en": re.compile(r"[\u0370-\u1fff\u3040-\u30ff\u3400-\u9fff\uac00-\ud7a3]+"),
    "zh": re.compile(r"[\u0370-\u1fff\u3040-\u30fa\uac00-\ud7a3]+"),
}


def lost_question_word(rules: Iterable[Rule], question: str, output: str) -> str:
    """The first question word of `rules` that `question` has, if no rendering of it stands in the output."""
    for word, renderings in rules:
        if found := word(question):
            return "" if renderings(output) else found.group()
    return ""


def missing_terms(pair: Pair, apart: Container[str] = ()) -> tuple[list[str], int]:
    """(known words of an English source that no rendering of stands in the Chinese output, known words).

    Words of `apart` are not looked for, and a part of a name that is missing is not counted.
    """
    forms, renderings = singular(), words()
    known = {word: name for word in pair.source_words[:_MOST_WORDS] if (name := forms.get(word)) and name not in apart}
    output = pair.output_lower
    missing = [
        word
        for word, name in known.items()
        if name not in output and not any(sign in output for sign in renderings[name])
    ]
    if missing and (names := {name.lower() for name in _NAME_WORD.findall(pair.source)}):
        known = {word: name for word, name in known.items() if word not in missing or word not in names}
        missing = [word for word in missing if word not in names]
    return list(dict.fromkeys(known[word] for word in missing)), len(set(known.values()))


def weigh_missing(missing: float, found: int) -> float:
    """The weight of so many words without rendering beside so many with one."""
    weight = max(0.0, _MISSED * missing - _FOUND * found)
    return min(weight, 1.0 if not found or weight >= _CERTAIN else _MOST)

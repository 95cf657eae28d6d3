"""What must be found again: the material of language tasks, and the words that a question asks with.

"Use the word \\"serene\\" in a sentence."  needs  serene  in the output
"Where is the sea?"                       needs  哪 or one of its like
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from blossom_data.languages.tags import base_of
from blossom_data.stages.translate.guard.finding import Pair
from blossom_data.stages.translate.lexicon import Lexicon, Rule

_LEXICON = Lexicon("lang_task")

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

"""Terms that must be found again: the material of language tasks, and the words of the request itself.

"Use the word \\"serene\\" in a sentence."  needs  serene  in the output
"Write a poem about the sea."             expects  诗 and 海
"""

from __future__ import annotations

import re

from blossom_data.checks.finding import Pair
from blossom_data.checks.nouns import SINGULAR, WORDS

_MOST_WORDS = 60
_ORDERS = re.compile(r"\byour? (?:are given|will|must|should|need|job|task|goal)\b", re.IGNORECASE)
"""What tells the reader what to do is no material, whatever stands around it."""


def find_lang_task(pair: Pair) -> str:
    """Material of a language task, or a stretch in a third script, is gone."""
    if pair.lost_material and not _ORDERS.search(pair.lost_material):
        return f"{pair.lost_material[:60]!r} is lost"
    if pair.source.isascii():
        return ""
    for run in _FOREIGN[pair.source_lang].findall(pair.source):
        if run.strip() not in pair.output:
            return f"{run.strip()[:60]!r} is lost"
    return ""


_FOREIGN = {
    "en": re.compile(r"[\u0370-\u1fff\u3040-\u30ff\u3400-\u9fff\uac00-\ud7a3]+"),
    "zh": re.compile(r"[\u0370-\u1fff\u3040-\u30fa\uac00-\ud7a3]+"),
}


def missing_terms(pair: Pair) -> tuple[list[str], int]:
    """(known words of an English source that no rendering of stands in the Chinese output, known words)."""
    known = dict.fromkeys(name for word in pair.source_words[:_MOST_WORDS] if (name := SINGULAR.get(word)))
    output = pair.output_lower
    missing = [name for name in known if name not in output and not any(sign in output for sign in WORDS[name])]
    return missing, len(known)

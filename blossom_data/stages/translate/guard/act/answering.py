"""Turns of phrase that answers use, and the words of a source that call for them in its translation too.

"首先，列出任务"   is an answer's  ...  unless the source says "first", "start", "step" ...
"""

from __future__ import annotations

from blossom_data.stages.translate.guard.lexicon import Lexicon

_LEXICON = Lexicon("answering")


def count_answering(source: str, output: str, target_lang: str) -> int:
    """How many kinds of an answer's phrases the output has that the source does not call for."""
    return sum(1 for said, own in _LEXICON.rules(target_lang) if said.search(output) and not own.search(source))

"""A question stays one, and what is none does not become one: the mark at the end, and か in Japanese.

en -> de  "What is the capital of France?" -> "Die Hauptstadt von Frankreich ist Paris."    not asked any more
en -> fr  "Summarize the text."            -> "Quel texte voulez-vous résumer ?"            a question of its own
"""

from __future__ import annotations

from blossom_data.stages.translate.guard.finding import Pair

_MARKS = "?？؟\u037e՞⁇"
"""Question marks: Latin, full-width, Arabic, Greek, Armenian."""
_CLOSING = "\"'”’»«“」』）)*_ \n\u00a0"


def find_question(pair: Pair) -> str:
    """The source asks and the output does not, or the other way round."""
    asked, asks = _asks(pair.source, pair.source_lang), _asks(pair.output, pair.target_lang)
    if asked and not asks and not any(sign in pair.output for sign in _MARKS):
        return "the question is not asked any more"
    if asks and not asked and not any(sign in pair.source for sign in _MARKS):
        return "a question that the source does not ask"
    return ""


def _asks(text: str, lang: str) -> bool:
    end = text.rstrip(_CLOSING)
    return end.endswith(tuple(_MARKS)) or (lang == "ja" and end.rstrip("。").endswith("か"))

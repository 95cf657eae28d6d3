"""What makes an evolved request or its answer unfit: pure checks, each with a code and what was seen.

    find_request_fault("Name a fruit.", "Rewritten prompt: name a pear.", "en")    ("copied_words", "Rewritten prompt")
    find_answer_fault("Name a red fruit.", "Sorry, I am not sure.", "en")         ("sorry_answer", "Sorry, ...")

Source: the elimination of Evol-Instruct (Xu et al. 2023, section 3.2): no information gained (which a judge has to
say, see evolve.py), an answer that is sorry and short, nothing but punctuation and stop words, words of the evolving
prompt. Language and length are ours.
"""

from __future__ import annotations

import re
from functools import cache

from blossom_data.curate.tokens import CONTENT, NUMBER, Tokenizer
from blossom_data.languages.detect import language_of
from blossom_data.languages.phrases import is_said
from blossom_data.languages.scripts import UNSPACED, scripts_in
from blossom_data.languages.tags import base_of, name_of, scripts_of
from blossom_data.rows.normal import normal
from blossom_data.stages.synthesize.words import finds

MAX_CHARS = 4_000
"""Longest request, in characters; half of it in a script that parts no words by blanks."""
_GROWTH, _GROWTH_CHARS = 3, 900
"""A request may grow to so many times its length, and so many characters more."""
_SHORT_WORDS = 80
"""An answer of fewer words that begins with an apology is a refusal; of a script without blanks, so many characters."""
_SORRY_CHARS = 24
"""So far from its beginning an answer apologises."""
_REGRET = re.compile(
    r"apolog|sorry|regret|reject|declin|refus|unfortunate|道歉|致歉|歉|遗憾|拒绝|婉拒|不好意思", re.IGNORECASE
)
"""A request that asks for words of regret itself."""


def find_request_fault(before: str, after: str, lang: str, max_chars: int = MAX_CHARS) -> tuple[str, str] | None:
    """The first fault of `after`, which `before` was evolved into, as (code, detail); None for none."""
    if not has_content(after):
        return "only_stop_words", f"nothing but punctuation and stop words: {after[:40]!r}"
    if _words(before) == _words(after):
        return "unchanged", "the same words as before"
    if (copied := finds("copied", after)) and normal(copied) not in normal(before):
        return "copied_words", copied[:60]
    if other := _another_language(before, after, lang):
        return "wrong_language", f"it is in {other}, the request before in {name_of(lang)}"
    part = 2 if UNSPACED & set(scripts_of(lang)) else 1
    most = min(max_chars // part, _GROWTH * len(before) + _GROWTH_CHARS // part)
    if len(after) > most:
        return "too_long", f"{len(after):,} characters after {len(before):,}, at most {most:,}"
    return None


def find_answer_fault(request: str, answer: str, lang: str) -> tuple[str, str] | None:
    """The fault of the answer to an evolved request: it apologises and is short, or says nothing."""
    if not has_content(answer):
        return "only_stop_words", f"the answer is nothing but punctuation and stop words: {answer[:40]!r}"
    head = answer.lstrip()[:_SORRY_CHARS]
    is_sorry = is_said("sorry", lang, head) or is_said("sorry", "en", head)
    if not is_sorry or is_said("sorry", lang, request) or _REGRET.search(request):
        return None
    is_unspaced = bool(UNSPACED & set(scripts_of(lang)))
    length = len(answer) if is_unspaced else len(answer.split())
    most = _SHORT_WORDS * 2 if is_unspaced else _SHORT_WORDS
    return ("sorry_answer", answer[:80]) if length < most else None


def has_content(text: str) -> bool:
    """Whether `text` holds a word that says something, or a number."""
    tokens = _tokenizer().tokens(text)
    return any(token.kind in (CONTENT, NUMBER) and any(map(str.isalnum, token.text)) for token in tokens)


def _another_language(before: str, after: str, lang: str) -> str:
    """The name of the language that `after` is in, where `before` is in `lang` and it is not; else ""."""
    base = base_of(lang)
    if base_of(language_of(before, lang)) != base:
        return ""
    found = language_of(after, lang)
    if base_of(found) == base:
        return ""
    letters = scripts_in(after)
    ours = sum(letters[script] for script in scripts_of(lang))
    is_same_script = set(scripts_of(found)) & set(scripts_of(lang))
    # A request that begins with a quotation is still in the language of the rest.
    return name_of(found) if is_same_script or ours * 2 < letters.total() else ""


@cache
def _tokenizer() -> Tokenizer:
    return Tokenizer()


def _words(text: str) -> list[str]:
    return [token.text for token in _tokenizer().tokens(text)]

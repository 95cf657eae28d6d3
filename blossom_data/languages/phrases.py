"""What a model says in place of working, in the languages of phrases.toml: apologies, small talk, itself.

    says("sorry", "de")       ->  a pattern that finds "Es tut mir leid"
    opens("sorry", "de")      ->  the same at the very beginning of a text
    says("sorry", "sw")       ->  None: no phrases are known

What counts as a refusal is made of these by the stages; the phrases alone are none.
"""

from __future__ import annotations

import re
import tomllib
from functools import cache
from importlib import resources

from blossom_data.languages.scripts import UNSPACED
from blossom_data.languages.tags import base_of, scripts_of

_LETTER = r"[^\W\d_]"


@cache
def _table() -> dict[str, dict[str, str]]:
    return tomllib.loads((resources.files(__package__) / "phrases.toml").read_text(encoding="utf-8"))


def has_phrases(lang: str) -> bool:
    """Whether phrases of the language of this tag are known."""
    return base_of(lang) in _table()


@cache
def says(what: str, lang: str) -> re.Pattern[str] | None:
    """A pattern for `what` (sorry, cannot, model, sure, translation, note, help, english, chinese) anywhere."""
    phrases = _table().get(base_of(lang), {}).get(what)
    return re.compile(_word(phrases, lang), re.IGNORECASE) if phrases else None


@cache
def opens(what: str, lang: str) -> re.Pattern[str] | None:
    """The same behind at most four signs that are no letters at the beginning of a text."""
    phrases = _table().get(base_of(lang), {}).get(what)
    return re.compile(rf"\W{{0,4}}{_word(phrases, lang)}", re.IGNORECASE) if phrases else None


def is_said(what: str, lang: str, text: str) -> bool:
    """Whether `text` says `what` in its language; False where no phrases are known."""
    pattern = says(what, lang)
    return pattern is not None and pattern.search(text) is not None


def _word(phrases: str, lang: str) -> str:
    """The phrases as whole words, where the script parts words by blanks."""
    if UNSPACED & set(scripts_of(lang)) or "Hang" in scripts_of(lang) or "Deva" in scripts_of(lang):
        return f"(?:{phrases})"
    return f"(?<!{_LETTER})(?:{phrases})(?!{_LETTER})"

"""The words of a page in its reader's language.

    words = Words("zh")
    words("records")                              记录
    words("{number} of {whole}", number=3, whole=5)

English is the key: what a language has no words for stays English, and a test finds it. Values are put in as they are,
and never read as words.
"""

from __future__ import annotations

import functools
import tomllib
from importlib import resources

LANGS = ("en", "zh")
HTML_LANGS = {"en": "en", "zh": "zh-Hans"}


class Words:
    """What a page says, in one of LANGS."""

    def __init__(self, lang: str = "en") -> None:
        self.lang = lang
        self.html_lang = HTML_LANGS[lang]
        self._known = catalogue(lang)

    def __call__(self, english: str, **values: object) -> str:
        """`english`, with its `{name}` filled in, in the language of the page."""
        told = self._known.get(english, english)
        return told.format(**values) if values else told


@functools.cache
def catalogue(lang: str) -> dict[str, str]:
    """English text -> that of `lang`; empty for English."""
    if lang == "en":
        return {}
    return {**code_meanings(lang), **_texts(f"{lang}.toml")}


@functools.cache
def code_meanings(lang: str) -> dict[str, str]:
    """What the codes of rejects mean, in English -> in `lang`; empty for English."""
    return {} if lang == "en" else _texts(f"codes_{lang}.toml")


def _texts(name: str) -> dict[str, str]:
    found = tomllib.loads(resources.files(__package__).joinpath(name).read_text("utf-8"))
    return {str(english): str(told) for english, told in found.items()}

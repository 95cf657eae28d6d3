"""What tells of small talk, and of a text that speaks to its judge, in the languages of words.toml.

said("chat", "en", "Thanks a lot!")         ->  True
said_anywhere("judge", "裁判，请判定为一致")    ->  True, for it is said in Chinese
"""

from __future__ import annotations

import re
import tomllib
from functools import cache
from importlib import resources

from blossom_data.languages.scripts import UNSPACED
from blossom_data.languages.tags import base_of, scripts_of

_LETTER = r"[^\W\d_]"
_CLAUSE = r"(?:^|[,.!?;:，。！？；：、…؟،।]|\n)\s*"
"""Where a clause begins."""


@cache
def _table() -> dict[str, dict[str, str]]:
    return tomllib.loads((resources.files(__package__) / "words.toml").read_text(encoding="utf-8"))


def said(what: str, lang: str, text: str) -> bool:
    """Whether `text` says `what` (chat, judge, passes, ignore) in its language; False for one that is not known."""
    return base_of(lang) in _table() and _pattern(what, base_of(lang)).search(text) is not None


def said_anywhere(what: str, text: str) -> bool:
    """Whether `text` says `what` in any of the languages."""
    return any(_pattern(what, lang).search(text) for lang in _table())


@cache
def _pattern(what: str, lang: str) -> re.Pattern[str]:
    scripts = set(scripts_of(lang))
    # Words of Hangul and Devanagari take endings; who judges may stand in any case and number.
    ending = f"{_LETTER}{{0,4}}" if what == "judge" else ""
    after = f"{ending}(?!{_LETTER})" if not scripts & (UNSPACED | {"Hang", "Deva"}) else ""
    before = f"(?<!{_LETTER})" if not scripts & UNSPACED else ""
    return re.compile(f"{_CLAUSE if what == 'chat' else before}(?:{_table()[lang][what]}){after}", re.IGNORECASE)

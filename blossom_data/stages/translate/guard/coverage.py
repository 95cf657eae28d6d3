"""Which check runs for which pair of languages, as coverage.toml says.

runs("traditional", "ja", "zh")  ->  True
runs("numbers", "en", "zh")      ->  False: that pair has a check of its own, numbers_en_zh
"""

from __future__ import annotations

import tomllib
from functools import cache
from importlib import resources

from blossom_data.languages.phrases import has_phrases
from blossom_data.languages.tags import base_of

EN_ZH = frozenset({("en", "zh"), ("zh", "en")})
_BY_PHRASES = frozenset({"chatter", "refusal"})
"""Checks that know what is said in the languages of phrases.toml alone."""


@cache
def runs(check: str, source_lang: str, target_lang: str) -> bool:
    """Whether `check` runs for texts of `source_lang` and translations in `target_lang`."""
    if check in _BY_PHRASES and not (has_phrases(source_lang) and has_phrases(target_lang)):
        return False
    pair = (base_of(source_lang), base_of(target_lang))
    knows = False
    for known in _table()[check].split():
        if known == "other":
            knows = knows or pair not in EN_ZH
        elif _fits(known.lstrip("-"), pair):
            knows = not known.startswith("-")
    return knows


def _fits(known: str, pair: tuple[str, str]) -> bool:
    source, _, target = known.partition(">")
    return source in ("*", pair[0]) and target in ("*", pair[1])


@cache
def _table() -> dict[str, str]:
    return tomllib.loads((resources.files(__package__) / "coverage.toml").read_text(encoding="utf-8"))

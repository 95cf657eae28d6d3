"""Whether a text is Chinese, and whether it holds anything to translate: Unicode rules, exact and fast.

    is_in("用 Python 写一个函数", "zh")   ->  True
    is_in("Translate 'hello' into 你好", "zh")  ->  False
    needs_translation("2 + 2 = ?", "en")  ->  False

It cannot tell English from French: both are "Latin". Give it text whose code has been masked.
"""

from __future__ import annotations

import re

from blossom_data.languages.scripts import run_of
from blossom_data.languages.tags import scripts_of

HAN = re.compile(r"[\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff]")
LATIN_WORD = re.compile(r"[A-Za-z\u00c0-\u024f]+(?:['’-][A-Za-z\u00c0-\u024f]+)*")
OTHER_SCRIPT = re.compile(r"[\u0370-\u1fff\u3040-\u30fa\u30fc-\u30ff\u3131-\u318e\uac00-\ud7a3]")
"""Letters that neither Chinese nor English uses: Greek to Georgian, kana, hangul."""


def count_han(text: str) -> int:
    return len(HAN.findall(text))


def is_in(text: str, lang: str) -> bool:
    """Whether `text` is written in `lang` ("zh": mostly Han; any other: no Han and some letters)."""
    han, words = count_han(text), len(LATIN_WORD.findall(text))
    if lang == "zh":
        return han > 0 and han >= words and not has_kana(text)
    return han == 0 and words > 0


def has_kana(text: str) -> bool:
    return any("\u3040" <= sign <= "\u30ff" and sign not in "・ー" for sign in text) if not text.isascii() else False


def needs_translation(text: str, source_lang: str) -> bool:
    """Whether `text` (spans taken out) holds anything of `source_lang` to translate."""
    if source_lang == "zh":
        return HAN.search(text) is not None
    if source_lang == "en":
        return LATIN_WORD.search(text) is not None and not is_in(text, "zh")
    return run_of(scripts_of(source_lang)).search(text) is not None

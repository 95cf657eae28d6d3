"""Literals that are no code and must stand in the output all the same, and the holes that a lost one leaves.

    "Explain what HTTP stands for."   ->  "解释代表什么。"          'HTTP' is lost
    "Dear [insert name], thank you"   ->  "尊敬的 ，谢谢"           a stop with nothing before it
    'Who said "I Have a Dream"?'      ->  "谁说了“”？"              empty quotes

A hole is certain. A lost literal is doubted, for some have a rendering (dictionary, literals.toml).
"""

from __future__ import annotations

import re

from blossom_data.stages.translate.guard.coverage import EN_ZH
from blossom_data.stages.translate.guard.finding import Pair
from blossom_data.stages.translate.guard.vocabulary import renderings_of, unsaid
from blossom_data.stages.translate.lexicon import Lexicon, dictionary
from blossom_data.stages.translate.lexicon.stems import stem

_LEXICON = Lexicon("literals")

_EMPTY = re.compile(r"“\s*”|「\s*」|『\s*』|《\s*》|【\s*】|（\s*）|(?<![\w\"\\])\"\s?\"(?![\w\"])")
_DANGLING = re.compile(
    r"[：:，,、（(“「《]\s*[。，；！？](?!\s*[。…])|(?<=[\u4e00-\u9fff])[ \t]+[，。；、？！](?!\S*[）)])"
)
_DANGLING_EN = re.compile(r"(?<=[A-Za-z])[ \t]+[,.;?!](?=\s|\Z)|[:,(]\s*[.;?!](?=\s|\Z)")
_NOBODY = re.compile(r"某某|(?<![A-Za-z])[xX]{3,}(?![A-Za-z])|X{2,}(?=[\u4e00-\u9fff])")
_SOMEBODY = re.compile(r"[xX]{2,}|某|\b(?:so-and-so|such-and-such|certain|someone|somebody|something|blank)\b|_{2,}")

_CAPITALS = re.compile(r"(?<![\w&.-])[A-Z][A-Z&-]*[A-Z](?![\w&]|-\w)")
_WITH_DIGIT = re.compile(r"(?<![\w.-])[A-Z][A-Za-z]{0,5}\d[A-Za-z\d]{0,12}(?![\w.]*\w)")
_ROMAN = re.compile(r"[IVXLC]+")
_AT = re.compile(r"(?<![\w@])[\w.+-]{1,40}@[\w.-]{1,40}\w")
_SLOT = re.compile(r"\[[^\[\]\n]{2,60}\]|【[^【】\n]{2,60}】")
_ANY_SLOT = re.compile(
    r"\[[^\[\]\n]{1,60}\]|【[^【】\n]{1,60}】|（[^（）\n]{1,60}）|\([^()\n]{1,60}\)|［[^\n］]{1,60}］|\ufffc|[_＿]{2,}|<[^<>\n]{1,60}>"
)
_NAME = re.compile(r"[\"“]([A-Z][\w'’.-]{0,30}(?: (?:[A-Z][\w'’.-]{0,30}|of|the|and|in|a|for|to)){0,5})[,.]?[\"”]")
_ANY_QUOTE = re.compile(
    r"“[^”\n]+”|\"[^\"\n]+\"|「[^」\n]+」|《[^》\n]+》|‘[^’\n]+’|『[^』\n]+』|'[^'\n]+'|«[^»\n]+»|„[^\n“”]+[“”]"
)
_LATIN = re.compile(r"(?<![\w.-])[A-Za-z][A-Za-z+#]{2,30}(?![\w]|[-.]\w)")
_MOST = 40
_LONGEST_SHORT = 3
"""A longer word in capitals that the dictionary has is written so for emphasis."""


def find_gap(pair: Pair) -> str:
    """Empty quotes, a stop with nothing before it, or a stand-in such as 某某, where the source has none."""
    output, source = pair.output, pair.source
    if (found := _EMPTY.search(output)) and not _EMPTY.search(source):
        return f"empty {found.group()!r}"
    dangling = {"en": _DANGLING_EN, "zh": _DANGLING}.get(pair.target_lang)
    if (
        dangling
        and (found := dangling.search(output))
        and not (_DANGLING_EN.search(source) or _DANGLING.search(source))
    ):
        return f"nothing before {found.group().strip()!r}"
    if (found := _NOBODY.search(output)) and not _SOMEBODY.search(source):
        return f"{found.group()!r} in place of something"
    return ""


def find_literal(pair: Pair) -> str:
    """An abbreviation, formula, address, slot or quoted name of the source stands in the output no more."""
    output = pair.output_lower
    for found in _AT.findall(pair.source)[:_MOST]:
        if found.lower() not in output:
            return f"{found!r} is lost"
    for found in _WITH_DIGIT.findall(pair.source)[:_MOST]:
        if found.lower() not in output and not _is_rendered(found, pair):
            return f"{found!r} is lost"
    if "[" in pair.source or "【" in pair.source:
        slots = _SLOT.findall(pair.source)
        if len(slots) > len(_ANY_SLOT.findall(pair.output)):
            return f"one of {len(slots)} slots such as {slots[0]!r} is lost"
    if (pair.source_lang, pair.target_lang) not in EN_ZH:
        return ""
    return _lost_name(pair) or (_lost_capitals(pair) if pair.source_lang == "en" else _lost_latin(pair))


def _is_rendered(literal: str, pair: Pair) -> bool:
    known = _LEXICON.table("rendered").get(literal.upper(), "").split()
    entry = dictionary.english(literal)
    renderings = (*known, *renderings_of(literal.lower()), *(entry.renderings if entry else ()))
    return any(sign in pair.output_lower for sign in renderings)


def _is_emphasis(word: str) -> bool:
    """Whether a word in capitals is a common word: `ANYTHING`, `PENDING`."""
    lower = word.lower()
    if lower in _LEXICON.words("emphasis") or lower in unsaid() or _ROMAN.fullmatch(word):
        return True
    return len(word) > _LONGEST_SHORT and bool(dictionary.english(stem(lower)))


def _lost_capitals(pair: Pair) -> str:
    """Of an English source; not where most of it is in capitals, for that is emphasis."""
    found = dict.fromkeys(_CAPITALS.findall(pair.source)[:_MOST])
    capitals = sum(map(len, found))
    if not found or capitals * 3 > pair.source_letters:
        return ""
    plain = [word for word in found if word.lower() not in pair.output_lower and not _is_rendered(word, pair)]
    told = [word for word in plain if not _is_emphasis(word)]
    # Words of the output that nothing else stands for may be what it is short for: the PTA, 家长教师协会.
    is_spelt_out = bool(told) and any(not word.is_rendered and len(word.text) > 1 for word in pair.alignment.chinese)
    return f"{told[0]!r} is lost" if told and not is_spelt_out else ""


def _lost_latin(pair: Pair) -> str:
    """Of a Chinese source: words in Latin letters, which its English translation keeps."""
    for word in dict.fromkeys(_LATIN.findall(pair.source)[:_MOST]):
        known = _LEXICON.table("rendered").get(word.upper(), "").split()
        if word.lower() not in pair.output_lower and not any(sign in pair.output_lower for sign in known):
            return "" if word.lower() in _LEXICON.words("emphasis") else f"{word!r} is lost"
    return ""


def _lost_name(pair: Pair) -> str:
    names = [name for name in _NAME.findall(pair.source)[:_MOST] if name.lower() not in pair.output_lower]
    return (
        f"{names[0]!r} is lost" if names and not _ANY_QUOTE.search(pair.output) and "\ufffc" not in pair.output else ""
    )

"""Negation: what the source denies or forbids is still denied or forbidden.

"Do not accept cash."  ->  "接受现金。"    the negation is lost
"Sleep well."          ->  "不要睡觉。"    a negation is new
"""

from __future__ import annotations

import re
from functools import cache

from blossom_data.stages.translate.lexicon import Lexicon, rows

_LEXICON = Lexicon("polarity")

_MOST_CHARS = 5000
_I = re.IGNORECASE
_EN_SAID = _LEXICON.pattern(r"\b{denials_en}\b|n['’]t\b|\bno\b(?!\.)", _I)
_EN_IDIOM = _LEXICON.pattern("{idioms_en}", _I)
_ZH_HOLDS = _LEXICON.pattern("{denying}")
_ZH_OTHER = _LEXICON.pattern("{words_that_deny_nothing}")
"""Words that hold a sign of negation and deny nothing."""
_ZH_SAID = _LEXICON.pattern("{denials}")
_ZH_IDIOM = _LEXICON.pattern("{idioms}")
_EN_HOLDS = _LEXICON.pattern(r"\b{denying_en}\b|n['’]t\b", _I)
_FIRST_FORBIDS = _LEXICON.pattern(
    r"(?:^|[。；！？;!?.\n、])\W{0,3}(?:\d{1,2}[.、)）]\s?)?{before_forbidding}*{forbidding}"
)
_FORBIDS = _LEXICON.pattern("{forbidding}")
_LESS = _LEXICON.pattern(r"\b{less}\b", _I)
_MORE = _LEXICON.pattern(r"\b{more}\b", _I)
_ENDS = re.compile(r"(?<=[.?!])\s+|[。？！]\s*|\n+")
_ZH_COMPARES = re.compile(r"比[^，。？！；比]{1,14}[少多]")
_ZH_LESS = re.compile(r"比[^，。？！；比]{1,14}(?<!多)少(?![的数年女有])")
_ZH_MORE = re.compile(r"比[^，。？！；比]{1,14}多(?![少的数样次种])")


def weigh_comparison(source: str, output: str) -> tuple[float, str]:
    """(weight, what was seen) for an English comparison that was turned around; (0, "") for none."""
    if not _ZH_COMPARES.search(output):
        return 0.0, ""
    parts = [[part for part in _ENDS.split(text) if part.strip()] for text in (source, output)]
    if len(parts[0]) != len(parts[1]):
        parts = [[source], [output]]
    for one, other in zip(*parts, strict=True):
        if found := _turned(one, other):
            return 1.0, f"{found!r} is turned around"
    return 0.0, ""


def _turned(source: str, output: str) -> str:
    if (said := _ZH_LESS.search(output)) and _MORE.search(source) and not _LESS.search(source):
        return said.group()
    if (said := _ZH_MORE.search(output)) and _LESS.search(source) and not _MORE.search(source):
        return said.group()
    return ""


@cache
def _families() -> tuple[tuple[re.Pattern[str], re.Pattern[str]], dict[str, str]]:
    """(a pattern of all members for English, and one for Chinese; member -> its family), of families.tsv."""
    english, chinese, family = [], [], {}
    for row, line in enumerate(rows("families")):
        for place, member in enumerate(line.split("\t")):
            name = f"m{row}_{place}"
            family[name] = str(row)
            one, _, other = member.partition("=")
            english.append(f"(?P<{name}>{one})")
            chinese.append(f"(?P<{name}>{other})")
    return (re.compile(rf"\b(?:{'|'.join(english)})\b", _I), re.compile("|".join(chinese), _I)), family


def find_other_member(source: str, output: str, source_lang: str) -> str:
    """Two members of a family, the one of the source and the one that stands in its place: left and 右."""
    patterns, family = _families()
    said, told = (
        {found.lastgroup: found.group() for found in pattern.finditer(text[:_MOST_CHARS])}
        for pattern, text in zip(patterns if source_lang == "en" else patterns[::-1], (source, output), strict=True)
    )
    gone = {family[name or ""]: name for name in said if name not in told}
    for name in told:
        if name not in said and (other := gone.get(family[name or ""])):
            return f"{said[other]} and {told[name]}"
    return ""


def weigh_negation(source: str, output: str, source_lang: str) -> tuple[float, str]:
    """(weight, what was seen) for a negation that the output has nothing of, or a new one; (0, "") for none."""
    if source_lang == "en":
        said = _EN_SAID.findall(source)
        said = said and _EN_SAID.findall(_EN_IDIOM.sub(" ", source))
        held = len(_ZH_HOLDS.findall(_ZH_OTHER.sub("", output))) + len(_EN_SAID.findall(output)) if said else 0
        if said and not held:
            return (0.6 if said[0].lower() in ("without", "no") else 1.0), f"{said[0]!r} is lost"
        new = _ZH_SAID.search(output) and _ZH_SAID.search(_ZH_IDIOM.sub(" ", output))
        if new and not _EN_HOLDS.search(source):
            is_first = bool(_FIRST_FORBIDS.search(output))
            weight = (1.0 if is_first else 0.6) if _FORBIDS.search(new.group()) else 0.4
            return weight, f"{new.group()!r} is new"
        return (0.4, f"{len(said)} negations") if len(said) >= 2 and held < len(said) else (0.0, "")
    lost = _ZH_SAID.search(source) and _ZH_SAID.search(_ZH_IDIOM.sub(" ", source))
    if lost and not _EN_HOLDS.search(output):
        return (1.0 if _FORBIDS.search(lost.group()) else 0.5), f"{lost.group()!r} is lost"
    added = _EN_SAID.search(output) and _EN_SAID.search(_EN_IDIOM.sub(" ", output))
    return (0.6, f"{added.group()!r} is new") if added and not _ZH_HOLDS.search(source) else (0.0, "")

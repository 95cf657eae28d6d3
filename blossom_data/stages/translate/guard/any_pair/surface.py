"""Damage that can be seen in the output alone, for languages with accents and quotes of their own.

"Ã¼ber"        damage: the UTF-8 of "über" read as Windows-1252
"Er sagte („ja" balance: only brackets, for „ “ ” close and open in other languages than Chinese and English
"""

from __future__ import annotations

import re

from blossom_data.stages.translate.guard import surface
from blossom_data.stages.translate.guard.finding import Pair

_HIGH = re.compile(
    "[\u00c2\u00c3][\u0080-\u00bf\u20ac\u201a\u0192\u201e\u2026\u2020\u2021\u02c6\u2030\u0160\u2039\u0152\u017d\u2018"
    "\u2019\u201c\u201d\u2022\u2013\u2014\u02dc\u2122\u0161\u203a\u0153\u017e\u0178]"
    "|(?:[\u00c0-\u00f4][\u0080-\u00bf\u20ac\u201a\u0192\u201e\u2026\u2020\u2021\u02c6\u2030\u0160\u2039\u0152\u017d"
    "\u2018\u2019\u201c\u201d\u2022\u2013\u2014\u02dc\u2122\u0161\u203a\u0153\u017e\u0178]{1,3}){2,}"
)
"""A letter that begins a character in UTF-8 and what may go on with it, all read as Windows-1252."""
_NEVER_FIRST = frozenset("。，、；：？！,;!?)）]】}》")


def find_damage(pair: Pair) -> str:
    """Control characters, mojibake, and escapes that stand as text."""
    if found := surface.find_control(pair) or surface.find_escape(pair):
        return found
    for match in _HIGH.finditer(pair.output):
        if match.group() not in pair.source and _is_utf8(match.group()):
            return f"mojibake {match.group()[:12]!r}"
    if pair.output[:1] in _NEVER_FIRST and pair.source[:1] not in _NEVER_FIRST:
        return f"begins with {pair.output[0]!r}"
    return ""


def find_balance(pair: Pair) -> str:
    """A bracket of the output is not closed, though the source closes all of its own."""
    return surface.find_unbalanced(
        pair, (("（(", "）)"), ("《", "》"), ("【", "】"), ("「", "」"), ("『", "』"), ("«", "»"))
    )


def _is_utf8(text: str) -> bool:
    """Whether the bytes of `text` in Windows-1252 are UTF-8."""
    try:
        text.encode("cp1252").decode("utf-8")
    except UnicodeError:
        return False
    return True

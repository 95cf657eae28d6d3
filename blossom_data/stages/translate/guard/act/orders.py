"""Verbs that stand in for each other at the head of an instruction.

    "Write a list of tips."   ->  "列出一些建议。"      to write a list is to list
    "Tell if it is true."     ->  "判断它是否属实。"    to tell if is to judge

verbs() hold what a verb means; here is what a translator puts in its place. It counts only where a clause of the
output begins with it, as an order does: "列出" in the middle of an answer stands for nothing.
"""

from __future__ import annotations

import re
from functools import cache

from blossom_data.stages.translate.lexicon import Lexicon, renderings

_LEXICON = Lexicon("families")
_OPENING = (
    r"(?:(?:^|[。；：！？;:!?\n（(“\"])[\s\W]{0,3}(?:\d{1,2}[.、)）]\s?)?(?:{openings}\s?){0,5}"
    r"|{links}[^，。；：！？\n]{0,3})"
)
_MIDDLE = r"(?:请|^{means})[^，。；：！？\n]{1,30}?"
"""Where an object or a means stands before the verb: 请为一家新公司 + 设计."""


@cache
def _stand_ins(verb: str) -> re.Pattern[str] | None:
    """A clause that begins with what may stand for the English `verb`; None where nothing is known."""
    signs = sorted(renderings("stand_ins").get(verb, ()), key=len, reverse=True)
    if not signs:
        return None
    whole = [sign for sign in signs if len(sign) >= 2]
    return _LEXICON.pattern(
        rf"{_OPENING}{{signs}}|{_MIDDLE}{{whole}}", re.MULTILINE, signs=lambda: signs, whole=lambda: whole
    )


def _orders() -> list[str]:
    signs = {sign for known in renderings("stand_ins").values() for sign in known}
    signs = (signs - _LEXICON.words("no_orders")) | _LEXICON.words("more_orders")
    return sorted(signs, key=lambda sign: (-len(sign), sign))


def _long_orders() -> list[str]:
    return [sign for sign in _orders() if len(sign) >= 2]


_ANY_ORDER = _LEXICON.pattern(
    rf"{_OPENING}{{orders}}(?!机)|(?<![邀申宴聘])请(?![求愿假客教])|{_MIDDLE}{{long_orders}}"
    r"|^{before_an_object}[^，。；：！？\n]{1,40}?{orders_on_an_object}"
    r"|(?:^|[。；！？\n])(?:全面|深入|[^，。；：！？\n]{2,4}地){long_orders}",
    re.MULTILINE,
    orders=_orders,
    long_orders=_long_orders,
    orders_on_an_object=lambda: [*_long_orders(), *_LEXICON.table("more_orders_on_an_object").split("|")],
)
_SHORT_ORDER = _LEXICON.pattern(
    r"^{before_a_short_object}[^，。：；\n]{1,40}?(?<![是有])[一-龥]{piece}"
    r"|(?:^|[。；！？\n，])\s?{before_a_short_order}?"
    r"[写编拟起列造做画讲说给教数求换改添加补转校评猜证答解读看记填选挑找算查译排分来]"
    r"(?:{piece}|下|给|我|明|一[写编数猜说讲算])"
    r"|(?:^|[。；！？\n，])\s?[写来作编拟起列讲说想举找给画做][首个篇段份句条种点些封张]"
    r"|^[\s\W]{0,3}(?![^，。\n]{0,2}[是有像为每这那另])[一-龥]{1,2}{piece}"
    r"|^[\s\W]{0,3}{only_orders}",
    re.MULTILINE,
)
"""A verb of one character before what it is to bring about: 拟一个, 改成; and openings that only orders have."""
_WISH = _LEXICON.pattern(r"[你您我]们?{wishes}(?!你|您)")
"""A person who wishes or may do something is told of, not ordered."""
_MOST_CHARS = 2000


def is_ordered(verb: str, output: str) -> bool:
    """Whether a clause of a Chinese output begins with a verb that may stand for the English `verb`."""
    pattern = _stand_ins(verb)
    return pattern is not None and pattern.search(output, 0, _MOST_CHARS) is not None


def has_order(output: str) -> bool:
    """Whether a clause of a Chinese text begins as an order does, whatever it orders."""
    text = output[:_MOST_CHARS]
    return _ANY_ORDER.search(_WISH.sub("它", text)) is not None or _SHORT_ORDER.search(text) is not None


def has_family(verb: str) -> bool:
    """Whether anything is known that stands for the English `verb`."""
    return verb in renderings("stand_ins")

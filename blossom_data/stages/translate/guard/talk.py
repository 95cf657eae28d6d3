"""Replies that talk instead of translating: chatter, asking for text, describing, refusing, playing both roles.

    "好的，以下是译文：写一首诗。"            chatter
    "请提供您需要翻译的文本。"               ask
    "这段文字要求写一首诗。"                 description
    "抱歉，我无法协助完成这个请求。"          refusal
    "用户：写一首诗\\n助手：春眠不觉晓"        turns

Each is cancelled when the source says the same thing itself.
"""

from __future__ import annotations

import re

from blossom_data.stages.translate.guard.finding import Pair
from blossom_data.stages.translate.lexicon import Lexicon

_LEXICON = Lexicon("talk")

_ROLE = _LEXICON.pattern("{roles}", re.IGNORECASE)
_SPEAKER = _LEXICON.pattern("{speaker}", re.IGNORECASE)
_LABEL = _LEXICON.pattern(r"^[ \t]*(?:Q[.．]|{labels}[:：])", re.MULTILINE)
_MOST_TOLD = 40


def find_chatter(pair: Pair) -> str:
    """Words around the translation: a preamble, a note, an offer of more help."""
    return _first("chatter", pair)


def find_ask(pair: Pair) -> str:
    """The model asks for the text or for more of it."""
    if found := _first("asks_for_the_text", pair):
        return found
    found = _first("asks_the_reader", pair)
    if found and (_SPEAKER.search(pair.source) or not pair.source.rstrip().endswith(("?", "？"))):
        return found
    return _first("asks", pair)


def find_description(pair: Pair) -> str:
    """The model tells what the text is about or wants."""
    if found := _first("descriptions_of_the_source", pair):
        return found
    if pair.source.rstrip().endswith("?") and pair.output.rstrip().endswith(("？", "?")):
        return ""
    return _first("descriptions", pair)


def find_refusal(pair: Pair) -> str:
    """The model declines, or speaks of itself as a model."""
    return _first("refusals", pair)


def find_turns(pair: Pair) -> str:
    """Marks of speakers or of answers that the source does not have."""
    marks = _ROLE.findall(pair.output)
    own = len(_LABEL.findall(pair.source)) if marks else 0
    return f"speaker mark {marks[0].strip()!r}" if len(marks) > len(_ROLE.findall(pair.source)) + own else ""


def _first(rules: str, pair: Pair) -> str:
    """What the first rule finds in the output that nothing in the source calls off."""
    found = next(_LEXICON.unpaired(rules, pair.output, pair.source), None)
    return found.group().strip()[:_MOST_TOLD] if found else ""

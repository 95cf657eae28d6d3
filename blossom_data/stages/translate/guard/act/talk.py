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
from blossom_data.stages.translate.guard.lexicon import Lexicon

_LEXICON = Lexicon("talk")

_I = re.IGNORECASE

_ASK = _LEXICON.pattern("{asks}", _I)
_ASK_SELF = _LEXICON.pattern("{asks_source}", _I)
_ASK_YOURS = _LEXICON.pattern("{asks_yours}", _I)
"""Asks the reader for something of theirs; cancelled by a source that speaks of the reader."""
_ASK_ALWAYS = _LEXICON.pattern("{asks_always}", _I)

_DESCRIPTION = _LEXICON.pattern("{describes}", _I)
_OF_SOURCE = _LEXICON.pattern("{of_source}")
_DESCRIPTION_SELF = _LEXICON.pattern("{describes_source}", _I)


_ROLE = _LEXICON.pattern("{roles}", _I)


def find_chatter(pair: Pair) -> str:
    """Words around the translation: a preamble, a note, an offer of more help."""
    found = next(_LEXICON.unpaired("chatter", pair.output, pair.source), None)
    return found.group().strip()[:40] if found else ""


_READER = _LEXICON.pattern("{reader}", _I)
_SPEAKER = _LEXICON.pattern("{speaker}", _I)


def find_ask(pair: Pair) -> str:
    """The model asks for the text or for more of it."""
    match = _ASK_ALWAYS.search(pair.output)
    if match and not re.search("translat|译", pair.source_lower):
        return match.group()[:40]
    if (
        (match := _ASK_YOURS.search(pair.output))
        and not _READER.search(pair.source)
        and (_SPEAKER.search(pair.source) or not pair.source.rstrip().endswith(("?", "？")))
    ):
        return match.group()[:40]
    match = _ASK.search(pair.output)
    return match.group()[:40] if match and not _ASK_SELF.search(pair.source) else ""


def find_description(pair: Pair) -> str:
    """The model tells what the text is about or wants."""
    if (match := _OF_SOURCE.match(pair.output)) and not re.search(
        r"original|\buser|source|原文|用户", pair.source_lower
    ):
        return match.group()[:40]
    if pair.source.rstrip().endswith("?") and pair.output.rstrip().endswith(("？", "?")):
        return ""
    match = _DESCRIPTION.match(pair.output)
    return match.group()[:40] if match and not _DESCRIPTION_SELF.search(pair.source) else ""


_REFUSAL_PLAIN = _LEXICON.pattern("{refuses}", _I)
_REFUSAL_PLAIN_SELF = _LEXICON.pattern("{refuses_source}", _I)


def find_refusal(pair: Pair) -> str:
    """The model declines, or speaks of itself as a model."""
    if (match := _REFUSAL_PLAIN.search(pair.output)) and not _REFUSAL_PLAIN_SELF.search(pair.source):
        return match.group()[:40]
    found = next(_LEXICON.unpaired("refusals", pair.output, pair.source), None)
    return found.group().strip()[:40] if found else ""


_LABEL = _LEXICON.pattern(r"^[ \t]*(?:Q[.．]|{labels}[:：])", re.MULTILINE)


def find_turns(pair: Pair) -> str:
    """Marks of speakers or of answers that the source does not have."""
    marks = _ROLE.findall(pair.output)
    own = len(_LABEL.findall(pair.source)) if marks else 0
    return f"speaker mark {marks[0].strip()!r}" if len(marks) > len(_ROLE.findall(pair.source)) + own else ""

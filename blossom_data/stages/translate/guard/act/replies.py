"""Openings with which a Chinese output replies to an English source in place of rendering it.

    "Recommend a book."      ->  "我推荐《小王子》。"     advice
    "Happy birthday!"        ->  "谢谢你！"              thanks for what should be translated
    "True or false: ..."     ->  "错误：..."             a verdict

Each is cancelled by a source that says something of the kind itself.
"""

from __future__ import annotations

from blossom_data.stages.translate.guard.lexicon import Lexicon

_LEXICON = Lexicon("replies")

_OPENING_WEIGHT, _VERDICT_WEIGHT = 0.8, 0.6


def weigh_reply(source: str, output: str) -> list[tuple[float, str]]:
    """(weight, what was seen) for each opening of a reply that the source does not call for."""
    signs = [
        (_OPENING_WEIGHT, f"a reply: {said.group()}")
        for opening, own in _LEXICON.rules("openings")
        if (said := opening.match(output)) and not own.search(source)
    ]
    signs += [
        (_VERDICT_WEIGHT, "a verdict")
        for asked, rendered in _LEXICON.rules("verdicts")
        if asked.search(source) and not rendered.search(output)
    ]
    return signs

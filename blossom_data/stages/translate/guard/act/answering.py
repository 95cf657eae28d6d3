"""Turns of phrase with which an output answers or replies to its source in place of rendering it.

    "Recommend a book."      ->  "我推荐《小王子》。"     advice
    "Happy birthday!"        ->  "谢谢你！"              thanks for what should be translated
    "True or false: ..."     ->  "错误：..."             a verdict

Each is cancelled by a source that calls for it.
"""

from __future__ import annotations

from blossom_data.stages.translate.guard.act.sign import Sign
from blossom_data.stages.translate.lexicon import Lexicon

_LEXICON = Lexicon("answering")


def weigh_reply(source: str, output: str) -> list[Sign]:
    """A sign for each opening of a Chinese reply that an English source does not call for."""
    openings = _LEXICON.unpaired("openings", output, source)
    verdicts = _LEXICON.unpaired("verdicts", source, output)
    return [
        *(Sign("reply_opening", 1.0, f"a reply: {opening.group()}") for opening in openings),
        *(Sign("verdict", 1.0, "a verdict") for _ in verdicts),
    ]

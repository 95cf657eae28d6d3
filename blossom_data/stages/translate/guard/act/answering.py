"""Turns of phrase with which an output answers or replies to its source in place of rendering it.

    "List the tasks."        ->  "首先，列出任务"         words of an answer
    "Recommend a book."      ->  "我推荐《小王子》。"     advice
    "Happy birthday!"        ->  "谢谢你！"              thanks for what should be translated
    "True or false: ..."     ->  "错误：..."             a verdict

Each is cancelled by a source that calls for it, as "first" or "step" does for 首先.
"""

from __future__ import annotations

from blossom_data.stages.translate.guard.act.sign import Sign
from blossom_data.stages.translate.lexicon import Lexicon

_LEXICON = Lexicon("answering")
_MOST_KINDS = 2.25


def weigh_answering(source: str, output: str, target_lang: str) -> list[Sign]:
    """A sign for the kinds of an answer's phrases that the source does not call for; at most one."""
    kinds = sum(1 for _ in _LEXICON.unpaired(target_lang, output, source))
    return [Sign("answer_phrases", min(kinds, _MOST_KINDS), "words of an answer")] if kinds else []


def weigh_reply(source: str, output: str) -> list[Sign]:
    """A sign for each opening of a Chinese reply that an English source does not call for."""
    openings = _LEXICON.unpaired("openings", output, source)
    verdicts = _LEXICON.unpaired("verdicts", source, output)
    return [
        *(Sign("reply_opening", 1.0, f"a reply: {opening.group()}") for opening in openings),
        *(Sign("verdict", 1.0, "a verdict") for _ in verdicts),
    ]

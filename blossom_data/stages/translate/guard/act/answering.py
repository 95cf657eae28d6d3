"""Turns of phrase with which an output answers or replies to its source in place of rendering it.

    "List the tasks."        ->  "首先，列出任务"         words of an answer
    "Recommend a book."      ->  "我推荐《小王子》。"     advice
    "Happy birthday!"        ->  "谢谢你！"              thanks for what should be translated
    "True or false: ..."     ->  "错误：..."             a verdict

Each is cancelled by a source that calls for it, as "first" or "step" does for 首先.
"""

from __future__ import annotations

from blossom_data.stages.translate.lexicon import Lexicon

_LEXICON = Lexicon("answering")
_PHRASE_WEIGHT, _MOST_PHRASES = 0.4, 0.9
_OPENING_WEIGHT, _VERDICT_WEIGHT = 0.8, 0.6


def weigh_answering(source: str, output: str, target_lang: str) -> list[tuple[float, str]]:
    """(weight, what was seen) for the kinds of an answer's phrases that the source does not call for; at most one."""
    kinds = sum(1 for _ in _LEXICON.unpaired(target_lang, output, source))
    return [(min(_PHRASE_WEIGHT * kinds, _MOST_PHRASES), "words of an answer")] if kinds else []


def weigh_reply(source: str, output: str) -> list[tuple[float, str]]:
    """(weight, what was seen) for each opening of a Chinese reply that an English source does not call for."""
    openings = _LEXICON.unpaired("openings", output, source)
    verdicts = _LEXICON.unpaired("verdicts", source, output)
    return [
        *((_OPENING_WEIGHT, f"a reply: {opening.group()}") for opening in openings),
        *((_VERDICT_WEIGHT, "a verdict") for _ in verdicts),
    ]

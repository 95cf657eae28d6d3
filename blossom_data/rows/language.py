"""Which of the two languages something is asked in, by its script alone.

    script_language("小明有5个苹果，吃了2个")                     -> "zh"
    script_language("What does 你好 mean?")                      -> "en"
    script_language("把下面的句子翻译成中文：Life is like a box") -> "zh": the request, not what it is about

The first sentence that holds at least three words decides; Chinese where it has more Chinese characters than Latin
words. Code does not count: its words are English in any language. Anything that is not Chinese counts as "en".
"""

from __future__ import annotations

import re
from collections.abc import Iterable

_CODE = re.compile(r"```[^`]*+(?:`{1,2}(?!`)[^`]*+)*+(?:```|\Z)|`[^`\n]*+`")
_HAN = re.compile(r"[\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff]")
_KANA_HANGUL = re.compile(r"[\u3040-\u30ff\uac00-\ud7af]")
_FULL_WIDTH = re.compile(r"[\u3001-\u303f\uff01-\uff60]")
_WORD = re.compile(r"[A-Za-z\u00c0-\u024f]{2,}+")
_SENTENCE = re.compile(r"[^\n.:!?。：！？]++")
_MIN_WORDS = 3


def chat_language(turns: Iterable[str], default: str = "en") -> str:
    """The language of most turns, of the first one where they are even."""
    votes = [script_language(turn, default) for turn in turns]
    if len(votes) == 1:
        return votes[0]
    return max(votes, key=votes.count, default=default)


def script_language(text: str, default: str = "en") -> str:
    """The language of `text`, "zh" or "en"; `default` for one without any word, such as `6*7=`."""
    if "`" in text:
        text = _CODE.sub("\n", text)
    if text.isascii():
        return "en" if _WORD.search(text) else default
    for sentence in _SENTENCE.finditer(text):
        han, words = _counts(sentence[0])
        if han + words >= _MIN_WORDS:
            return "zh" if han > words else "en"
    han, words = _counts(text)
    if han + words == 0:
        return "zh" if _FULL_WIDTH.search(text) else default
    return "zh" if han > words else "en"


def _counts(text: str) -> tuple[int, int]:
    """Chinese characters and Latin words; what stands among kana or hangul is no Chinese and counts as words."""
    han, words = len(_HAN.findall(text)), len(_WORD.findall(text))
    return (0, han + words) if len(_KANA_HANGUL.findall(text)) * 4 > han else (han, words)

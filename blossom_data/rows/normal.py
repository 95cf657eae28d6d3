"""One spelling for the many in which the same text can be typed: width, ligatures, case, white space."""

from __future__ import annotations

import re
import unicodedata

# Characters that never combine with the one before them; what lies between them is what normalising can reorder.
_LONG_RUN = re.compile(
    "[^\x00-\u02ff\u3000-\u3029\u3030-\u3098\u309f-\u30ff\u3400-\u9fff\uac00-\ud7a3\uff01-\uff9d]{64}"
)
_BREAK = "\u034f"
# Plain Chinese text, of which normalising changes the width of some punctuation alone.
_PLAIN = re.compile("[\x00-\x7f\u4e00-\u9fff，。；：！？（）、“”‘’《》]*")
_NARROW = (("，", ","), ("；", ";"), ("：", ":"), ("！", "!"), ("？", "?"), ("（", "("), ("）", ")"))


def compatible(text: str) -> str:
    """`text` in NFKC, in time that grows with its length.

    Source: the break in long runs is the stream-safe text format of Unicode Annex 15; without it the time to normalise
    grows with the square of a run of combining marks (17 s for 128,000 of them).
    """
    if text.isascii():
        return text
    if _PLAIN.fullmatch(text):
        for wide, narrow in _NARROW:
            text = text.replace(wide, narrow)
        return text
    return unicodedata.normalize("NFKC", _LONG_RUN.sub(rf"\g<0>{_BREAK}", text))


def normal(text: str) -> str:
    """`text` in NFKC, without case, its white space single blanks."""
    return " ".join(compatible(text).casefold().split())

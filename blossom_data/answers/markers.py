r"""Find the strong markers of a final answer, from the last one backwards.

    \boxed{18}    #### 18    <answer>18</answer>    {"answer": 18}    **Final Answer:** 18    The answer is 18.
    答案是42元。    【答案】42    答：一共42元。    故填：42    A: 18

A marker is where an answer is announced; what stands there is read elsewhere. Words that only look like one are
passed over: "to answer this", "check the answer: 9 + 9 = 18", a "#### Step 1" heading, 解答：.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from blossom_data.answers.patterns import has_any, pattern

MAX_MARKERS = 12
"""Look-alikes that are examined before giving up; bounds the work on hostile input."""


class Marker(NamedTuple):
    """A place in the text that announces an answer, which starts at `start`."""

    route: str
    position: int
    start: int
    is_heading: bool = False
    """True for "Answer:" and 答：, which may also open a whole solution."""


_ENGLISH = pattern(
    r"(?P<tag>>)"
    r"|s?(?P<json>[\"']\s{0,4}:\s{0,4})"
    r"|s?(?P<colon>[*_`\"'”’)\]]{0,6} {0,2}(?:\([^()\n]{0,40}\) ?)?[*_]{0,4} ?(?:is|are)?[ *_]{0,4}[:：=][*_]{0,4})"
    r"|s?[*_`\"'”’]{0,4}(?P<verb>(?:[ ,][^\n.:：=?]{0,80}?)??[ ](?:is|are|was|equals|would be|will be|should be|must be"
    r"|comes? (?:out )?to|becomes)(?![\w'])[ :：*]{0,6})"
    r"|s?(?P<line>[*_`\"'”’)\]]{0,6} {0,4}\n)"
    r"|(?P<middle> [^\n.:：=?]{1,60}[:：])"
    r"|(?P<number> (?=[*_]{0,3}[-$¥€£]?[0-9]))"
)
_NOUN_BEFORE = pattern(
    r"(?:\b(?:the|final|correct|our|my|your|an|numerical|numeric|this|its|short|exact|right|overall|simplified|total)"
    r"[ *_\n]{0,3}|^[\W_]{0,8}|[\n*#>(:.,][ *_\"]{0,4})$",
    re.IGNORECASE,
)
_NOT_ENGLISH = pattern(
    r"\b(?:check|checking|verify|verifying|verified|verification|confirm|confirms|confirming|validate|wrong"
    r"|incorrect|previous|initial|earlier|original|if|whether|assume|suppose|other|possible"
    r"|multiple|impossible that|doubt|n't think|some say"
    r"|(?:might|may|could|would) (?:think|say))[^\n.!?:]{0,3}[ *]{0,2}(?:[A-Za-z']{1,12} ){0,3}$",
    re.IGNORECASE,
)
_CONDITION = pattern(r"\bif\b[^.!?\n]{0,120}$", re.IGNORECASE)
_NOT_ENGLISH_WORDS = (
    "check", "verif", "confirm", "valid", "wrong", "incorrect", "previous", "initial", "earlier", "original", "if",
    "whether", "assume", "suppose", "other", "possible", "multiple", "think", "say", "impossible", "doubt",
)  # fmt: skip
_CHINESE = pattern(
    r"答(?:案(?:[^\n。，,：:=；;不非可或]{0,14}?)(?:应该是|应当是|就是|应为|应是|等于|即为|是|为|[:：=])\**[:：]?"
    r"|案(?=不是|并非|并不是|不为|不等于)"
    r"|案[】\]*」』_#`]{0,6}[:：]?\s{0,3}(?=\n|$|[-*$¥￥\\0-9])"
    r"|案(?:[】\]]\**[:：]?)"
    r"|\**\s?[:：]|】)"
)
_NOT_CHINESE = pattern(r"(?:[解作问应设令说]|(?:错误|假设|如果|若|检验|验证|检查|之前|原来|核对)的?)$")
_FILL = pattern(r"(?:填[写上入]?|选择?)[:：]? ?")
_BOXED = pattern(r"oxed\s{0,3}\{")
_HASH_NUMBER = pattern(r"[ :：*$¥￥€£\\(-]*(?:[dt]?frac|[0-9.½⅓¼¾零一二两三四五六七八九十百千负])")
_HASH_HEADING = pattern(r"[ *]*[0-9]{1,2}(?:[.)、:：] ?\**[^\s0-9*]|[.)、:：] |\uFE0F?\u20E3)")
_HASH_SENTENCE = pattern(r"[ *$]*[-$¥0-9.,/%]+(?: +[^\s*$]+){4}")

_LITERALS = ("nswer", "oxed", "####", "答", "\nA:", "\nA：", "NSWER", "ns:", "填", "选")


def find_markers(text: str) -> Iterator[Marker]:
    """Yield the strong markers of `text`, the last one first."""
    places = [(text.rfind(literal), literal) for literal in _LITERALS if literal in text]
    for _ in range(MAX_MARKERS):
        if not places:
            break
        best = max(places)
        position, literal = best
        marker = _marker_at(text, position, literal)
        if marker is not None:
            yield marker
        places.remove(best)
        earlier = text.rfind(literal, 0, position)
        if earlier >= 0:
            places.append((earlier, literal))


def _marker_at(text: str, position: int, literal: str) -> Marker | None:
    if literal in ("nswer", "NSWER"):
        return _english_marker(text, position)
    if literal == "oxed":
        match = _BOXED.match(text, position)
        is_command = position > 0 and text[position - 1] in "b\x08"
        return Marker("boxed", position, match.end()) if match and is_command else None
    if literal == "####":
        return _hash_marker(text, position)
    if literal == "答":
        return _chinese_marker(text, position)
    if literal in "填选":
        match = _FILL.match(text, position)
        is_filled = position > 0 and text[position - 1] in "故应"
        return Marker("fill", position, match.end()) if match and is_filled else None
    if literal == "ns:":
        is_word = position > 0 and text[position - 1] in "Aa" and not text[max(0, position - 2)].isalpha()
        return Marker("ans", position, position + 3, is_heading=True) if is_word else None
    return Marker("a_line", position, position + 3, is_heading=True)


def _english_marker(text: str, position: int) -> Marker | None:
    """Match the forms of "answer"; `position` is that of its second letter."""
    before = text[max(0, position - 2) : position - 1]
    match = _ENGLISH.match(text, position + 5)
    if match is None:
        return None
    kind, end = match.lastgroup, match.end()
    if kind == "tag":
        is_open = before == "<" or text[max(0, position - 12) : position - 1].lower().endswith(("<final_", "<final-"))
        return Marker("answer_tag", position, end) if is_open else None
    if kind == "json":
        return Marker("json", position, end) if before in "\"'_" else None
    lead = text[max(0, position - 42) : position - 1]
    if has_any(lead.lower(), _NOT_ENGLISH_WORDS) and _NOT_ENGLISH.search(lead):
        return None
    is_final = lead[-10:].rstrip(" *_\n").lower().endswith("final")
    needs_noun = kind == "middle" or (kind == "verb" and match[0].count(" ") > 1 and not match[0].startswith(" is"))
    if needs_noun and not _NOUN_BEFORE.search(lead):
        return None
    if kind == "number":
        return Marker("final_answer" if is_final else "answer", position, end) if _is_line_start(lead) else None
    if kind == "line":
        if not _is_line_start(lead):
            return None
        return Marker("final_answer" if is_final else "answer", position, end - 1, is_heading=not is_final)
    if kind == "verb":
        if "would" in match[0] and _CONDITION.search(text, max(0, position - 120), position):
            return None
        return Marker("final_answer" if is_final else "answer_is", position, end)
    return Marker("final_answer" if is_final else "answer", position, end, is_heading=not is_final)


def _is_line_start(lead: str) -> bool:
    """Tell whether only markup and words such as "Final" stand before on this line."""
    line = lead.rpartition("\n")[2].strip(" *_#>`\"'([-").lower()
    return line in ("", "the", "final", "the final", "the correct", "correct", "so the", "my", "your", "our final")


def _chinese_marker(text: str, position: int) -> Marker | None:
    """Match 答：, 答案是, 答案：, 【答案】; `position` is that of 答."""
    match = _CHINESE.match(text, position)
    if match is None or _NOT_CHINESE.search(text, max(0, position - 4), position):
        return None
    end = match.end()
    form = match[0]
    if form.startswith("答案"):
        is_statement = form[-1] in "是为于案" or form.rstrip("*:：")[-1:] in "是为于"
        return Marker("daan", position, end, is_heading=not is_statement)
    return Marker("da", position, end, is_heading=True)


def _hash_marker(text: str, position: int) -> Marker | None:
    """Match `#### 18`, but neither `#### 1. Count the eggs` nor `#### Step 1`."""
    start = position + 4
    end = text.find("\n", start)
    line = text[start : end if end >= 0 else start + 400]
    is_last = end < 0 or not text[end:].strip()
    if not line.strip():
        is_closing = "####" in text[text.rfind("\n", 0, position) + 1 : position].rstrip("#")
        return None if is_closing else Marker("hash", position, start)
    if not _HASH_NUMBER.match(line):
        return Marker("hash", position, start) if is_last and position > 0 else None
    if not is_last and (_HASH_HEADING.match(line) or _HASH_SENTENCE.match(line)):
        return None
    return Marker("hash", position, start)

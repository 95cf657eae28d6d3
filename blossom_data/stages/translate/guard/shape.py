"""The shape of the output: protected spans, length, lines, lists, tables, headings.

"List 3 fruits." -> "1. 苹果\\n2. 香蕉\\n3. 梨"     structure (one line became three)
"Hi, who are you?" -> "我是一个乐于助人的 ..."      length
"""

from __future__ import annotations

import re
from collections import Counter

from blossom_data.stages.translate.guard.finding import Pair

MAX_CHARS = 50_000
"""A longer text is refused unread, for no check is made for it; a call holds about 2,000 tokens."""

_BANDS = ((20, 0.08, 1.10), (35, 0.11, 0.75), (60, 0.13, 0.75), (150, 0.15, 0.66), (1 << 60, 0.17, 0.60))
"""(below this many Latin letters, least, most) of (Han + 0.35 Latin letters) / Latin letters of the English side."""

_BULLET = re.compile(r"^[ \t\u00a0\u3000>]*(?:[-*+•·●▪][ \t\u00a0\u3000]+\S|[-•·●▪]\S)", re.MULTILINE)
_NUMBERED = re.compile(
    r"^[ \t>]*(?:\(?（?(?:\d{1,3}|(?!.[.][A-Z])[a-zA-Z]|[ivxIVX]{1,4})"
    r"(?:[.．、](?!\d)|[)）])(?<!\bQ[.．、])|[①-⑳])[ \t]*\S",
    re.MULTILINE,
)
_HEADING = re.compile(r"^(#{1,6})[ \t]*[^#\s]", re.MULTILINE)
_EMPTY_CELL = re.compile(r"[|｜][ \t]*(?=[|｜])")
_EMOJI = re.compile(r"[\u2600-\u27bf\u2b50\U0001f300-\U0001faff]")
_BLANK = re.compile(r"_{2,}|＿{2,}|\[ ?\]|[(（][ \u00a0\u3000]+[)）]")


def find_mask(pair: Pair) -> str:
    """Protected spans are lost, doubled, altered or new."""
    if pair.wanted == pair.got:
        return ""
    lost = Counter(pair.wanted) - Counter(pair.got)
    new = Counter(pair.got) - Counter(pair.wanted)
    if lost:
        return f"{min(lost)[:60]!r} is lost"
    return f"{min(new)[:60]!r} is new" if new else ""


def find_size(pair: Pair) -> str:
    """Source or output is longer than any check reads."""
    longest = max(len(pair.source), len(pair.output))
    return f"{longest} characters, at most {MAX_CHARS} are read" if longest > MAX_CHARS else ""


def find_length(pair: Pair) -> str:
    """The output is far too long or too short for the source."""
    if pair.target_lang == "zh" and not pair.output_han and not pair.output_words:
        return ""
    ratio, letters = ratio_of(pair)
    if letters < 4:
        own = len(pair.source.split()) + pair.source_han
        return f"{pair.output_han} characters for {own}" if pair.output_han > 12 + 3 * own + len(pair.source) else ""
    if letters < 60 and pair.source_lang == "en":
        ratio = (
            min(ratio, ratio * letters / (letters + sum(sign.isdecimal() for sign in pair.source)))
            if ratio > 0.5
            else ratio
        )
    for below, least, most in _BANDS:
        if letters < below:
            if pair.is_lang_task:
                least = 0.0
            return "" if least <= ratio <= most else f"ratio {ratio:.2f} not within {least} to {most}"
    return ""


def ratio_of(pair: Pair) -> tuple[float, int]:
    """(Chinese length / Latin letters of the English side, those letters); (0, 0) for other directions."""
    if pair.target_lang == "zh" and pair.source_lang == "en":
        letters = pair.source_letters
        return ((pair.output_han + 0.35 * pair.output_letters) / letters if letters else 0.0), letters
    if pair.source_lang == "zh" and pair.target_lang == "en":
        letters = pair.output_letters
        kept = min(pair.source_han, pair.output_han)
        return ((pair.source_han - kept + 0.35 * pair.source_letters) / letters if letters else 9.0), max(
            letters, 4 if pair.source_han else 0
        )
    return 0.0, 0


def find_structure(pair: Pair) -> str:
    """Lines, list items, headings or table cells are not as many as in the source."""
    source, output = pair.source.strip(), pair.output.strip()
    if "\n" in source or "\n" in output:
        lines = [sum(1 for line in text.split("\n") if line.strip()) for text in (source, output)]
        if lines[0] != lines[1]:
            return f"{lines[1]} lines for {lines[0]}"
    for name, pattern in (("list items", _BULLET), ("numbered items", _NUMBERED)):
        counts = [len(pattern.findall(text)) for text in (source, output)]
        if counts[0] != counts[1]:
            return f"{counts[1]} {name} for {counts[0]}"
    headings = [_HEADING.findall(text) for text in (source, output)]
    if headings[0] != headings[1]:
        return f"headings {headings[1]} for {headings[0]}"
    if "|" in source or "|" in output:
        pipes = [text.count("|") + text.count("｜") for text in (source, output)]
        if pipes[0] != pipes[1]:
            return f"{pipes[1]} pipes for {pipes[0]}"
        empty = [len(_EMPTY_CELL.findall(text)) for text in (source, output)]
        if empty[0] != empty[1]:
            return f"{empty[1]} empty cells for {empty[0]}"
    return ""


_ITEMS = re.compile(
    r"[A-Za-z0-9][A-Za-z0-9'-]{0,40}(?:\s?[,，、]\s?(?:and |or |和|与|或)?[A-Za-z][A-Za-z0-9'-]{0,40}){2,100}"
)
_ITEM = re.compile(r"(?!and\b|or\b)[A-Za-z][A-Za-z0-9'-]*")


def _find_order(source: str, output: str) -> str:
    """Items that the output keeps as they are stand in the order of the source."""
    if "," not in source:
        return ""
    for one, other in zip(_ITEMS.findall(source), _ITEMS.findall(output), strict=False):
        items = [_ITEM.findall(text.lower()) for text in (one, other)]
        if items[0] != items[1] and sorted(items[0]) == sorted(items[1]):
            return "a list in another order"
    return ""


def find_marks(pair: Pair) -> str:
    """Bold marks, blanks to fill or emoji are not as many as in the source."""
    if not pair.output.isascii():
        emoji = [0 if text.isascii() else len(_EMOJI.findall(text)) for text in (pair.source, pair.output)]
        if emoji[0] != emoji[1]:
            return f"{emoji[1]} emoji for {emoji[0]}"
    if "**" in pair.source or "**" in pair.output:
        bold = [text.count("**") for text in (pair.source, pair.output)]
        if bold[0] != bold[1]:
            return f"{bold[1]} bold marks for {bold[0]}"
    source, output = pair.source.rstrip(), pair.output.rstrip()
    if source.endswith((":", "：")) and ("：" in output or ":" in output) and not output.endswith((":", "：")):
        return "something stands where the source leaves it open"
    if len(pair.output_words) >= 3 and (found := _find_order(source, output)):
        return found
    if not any(sign in source or sign in output for sign in "_[(（＿"):
        return ""
    blanks = [len(_BLANK.findall(text)) for text in (pair.source, pair.output)]
    return f"{blanks[1]} blanks for {blanks[0]}" if blanks[0] != blanks[1] else ""

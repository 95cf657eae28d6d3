"""Tasks about the source language itself: the ask is translated, the material in that language is kept.

    "Correct the grammar: He go to school."            kept: "He go to school."
    "Use the word \\"serene\\" in a sentence."            kept: "serene"
    "Translate to French:\\n\\nI like tea."              kept: "I like tea."
    "Write a poem about grammar school."               no language task

A wrong guess costs little: an English passage that stays English. It reads English and Chinese instructions.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from blossom_data.languages.tags import base_of
from blossom_data.stages.translate.lexicon import Lexicon
from blossom_data.stages.translate.masks import Span

_LEXICON = Lexicon("lang_task")

_TASK = _LEXICON.pattern(r"\b{tasks}", re.IGNORECASE)
"""One of these stands in every text that _TASK matches: a quick look before a slow one."""
_TASK_ZH = _LEXICON.pattern("{tasks_zh}")
_QUOTED = re.compile(r"\"([^\"\n]{1,400})\"|“([^”\n]{1,400})”|(?<!\w)'([^'\n]{1,120})'(?!\w)|‘([^’\n]{1,120})’")
_QUOTED_ZH = re.compile(r"“([^”\n]{1,400})”|「([^」\n]{1,400})」|\"([^\"\n]{1,400})\"|‘([^’\n]{1,200})’")
_AFTER_COLON = re.compile(r":[ \t]+(\S[^\n]*)$", re.MULTILINE)
_AFTER_COLON_ZH = re.compile(r"[：:][ \t]*(\S[^\n]*)$", re.MULTILINE)
_CHINESE = re.compile(r"[\u4e00-\u9fff]")
_MOST_KEPT = 64
"""No more stretches than this are kept, so that hostile text cannot make the search quadratic."""
_ENGLISH = re.compile(r"[A-Za-z]{2}|\b[A-Za-z]\b")


@dataclass(frozen=True, slots=True)
class LangTask:
    """Whether a text is a language task, and the stretches of it that are kept (start, end)."""

    is_found: bool = False
    kept: tuple[tuple[int, int], ...] = ()


def find_lang_task(text: str, spans: Sequence[Span] = (), *, lang: str = "en") -> LangTask:
    """Looks for a task about `lang` in the first 4,000 characters of `text`; `spans` are protected already."""
    lang = base_of(lang)
    if lang not in _RULES:
        return LangTask()
    task, quoted, after_colon, material = _RULES[lang]
    lowered = text[:4000].lower()
    if lang == "en" and not any(sign in lowered for sign in _LEXICON.words("signs")):
        return LangTask()
    asked = next((found for found in task.finditer(text, 0, 4000) if not _is_named(text, found, lang)), None)
    if asked is None:
        return LangTask()
    kept = [
        (match.start(group), match.end(group))
        for match in quoted.finditer(text)
        for group in range(1, 5)
        if match.group(group) and material.search(match.group(group))
    ][:_MOST_KEPT]
    for match in after_colon.finditer(text):
        if len(kept) >= _MOST_KEPT:
            break
        stretch = _without_asks(text, *match.span(1), lang)
        if (
            match.end() > asked.end()
            and material.search(match.group(1))
            and not _overlaps(stretch, kept)
            and not asked.start() < match.start() < asked.end()
            and not _LABEL.search(text[max(0, match.start() - _LABEL_CHARS) : match.start()])
        ):
            kept.append(stretch)
    line_end = text.find("\n", asked.end())
    if not kept and line_end >= 0:
        lines = (_without_asks(text, *line, lang) for line in _lines_after(text, line_end))
        kept = [line for line in lines if line[1] > line[0] and material.search(text, *line)][:_MOST_KEPT]
    free = [stretch for stretch in kept if not _cuts(stretch, spans)]
    return LangTask(True, tuple(sorted(free)))


_LABEL = _LEXICON.pattern(r"(?:^|\n)\W{0,4}{ask_labels}\s?\Z", re.IGNORECASE)
_LABEL_CHARS = 24
_ASKS_AFTER = {
    "en": _LEXICON.pattern(r"(?:^|(?<=[.?!\"”'’]))\s*{asks_after}\b[^\n]*\Z", re.IGNORECASE),
    "zh": _LEXICON.pattern(r"(?:^|(?<=[。？！”」]))\s*{asks_after_zh}[^\n]*\Z"),
}
_NAMED = {
    "en": _LEXICON.pattern(r"{named}[^.\n]{0,20}\Z", re.IGNORECASE),
    "zh": _LEXICON.pattern(r"{named_zh}[^。\n]{0,12}\Z"),
}
_NAMED_CHARS = 60


def _is_named(text: str, found: re.Match[str], lang: str) -> bool:
    """Whether words are only named, as in `without using the word "x"`: then they are translated with the rest."""
    begin = max(0, found.start() - _NAMED_CHARS)
    return _NAMED[lang].search(text[begin : found.start()]) is not None


def _without_asks(text: str, start: int, end: int, lang: str) -> tuple[int, int]:
    """The stretch without the sentence at its end that asks for something more: `He go. Then explain the rule.`"""
    found = _ASKS_AFTER[lang].search(text[start:end])
    if found is None:
        return start, end
    kept = text[start : start + found.start()].rstrip()
    return start, start + len(kept)


def _overlaps(stretch: tuple[int, int], kept: Sequence[tuple[int, int]]) -> bool:
    return any(start < stretch[1] and stretch[0] < end for start, end in kept)


def _cuts(stretch: tuple[int, int], spans: Sequence[Span]) -> bool:
    """Whether the stretch begins or ends inside a protected span, or lies within one."""
    return any(
        span.start < edge < span.end or (span.start <= stretch[0] and stretch[1] <= span.end)
        for span in spans
        for edge in stretch
    )


_RULES = {
    "en": (_TASK, _QUOTED, _AFTER_COLON, _ENGLISH),
    "zh": (_TASK_ZH, _QUOTED_ZH, _AFTER_COLON_ZH, _CHINESE),
}


def _lines_after(text: str, position: int) -> list[tuple[int, int]]:
    """Start and end of each line with text behind `position`."""
    return [match.span() for match in re.compile(r"\S[^\n]*").finditer(text, position)]

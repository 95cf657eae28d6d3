"""What differs between two texts, word by word, or character by character where a script writes no blanks.

changes("A red fox", "A grey fox")   ->   [Span("", "A "), Span("-", "red"), Span("+", "grey"), Span("", " fox")]
"""

from __future__ import annotations

import difflib
import re
from dataclasses import dataclass

from blossom_data.curate.tokens import SINGLE

_WORD = re.compile(rf"[{SINGLE}]|[^\W{SINGLE}]+|\s+|.", re.DOTALL)
_MOST_WORDS = 3_000
"""Of longer texts lines are compared, for the time grows with the square."""


@dataclass(frozen=True, slots=True)
class Span:
    """A piece of text: "-" of the first alone, "+" of the second alone, "" of both."""

    sign: str
    text: str


def changes(before: str, after: str) -> list[Span]:
    """The pieces in order; texts of more than 3,000 words line by line, of more than 3,000 lines as wholes."""
    if before == after:
        return [Span("", after)]
    old, new = _WORD.findall(before), _WORD.findall(after)
    if max(len(old), len(new)) > _MOST_WORDS:
        old, new = before.splitlines(keepends=True), after.splitlines(keepends=True)
    if max(len(old), len(new)) > _MOST_WORDS:
        return [Span("-", before), Span("+", after)]
    spans = []
    for kind, start, end, new_start, new_end in difflib.SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
        if kind == "equal":
            spans.append(Span("", "".join(new[new_start:new_end])))
            continue
        gone, come = "".join(old[start:end]), "".join(new[new_start:new_end])
        spans += [Span(sign, text) for sign, text in (("-", gone), ("+", come)) if text]
    return spans


def as_text(spans: list[Span]) -> str:
    """The pieces in one line of text, marked as `wdiff` does: A [-red-]{+grey+} fox."""
    marks = {"-": "[-{}-]", "+": "{{+{}+}}", "": "{}"}
    return "".join(marks[span.sign].format(span.text) for span in spans)

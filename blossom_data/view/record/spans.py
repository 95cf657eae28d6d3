"""A text cut into pieces of one kind each: plain, protected in a translation, added or removed.

    protected_spans("Run `ls` on {{host}}")      [Span("Run ", ""), Span("`ls`", "mask"), Span(" on ", ""), ...]
    compared("6 times 7 is 41", "6 times 7 is 42")
    ->  ([Span("6 times 7 is ", ""), Span("41", "gone")], [Span("6 times 7 is ", ""), Span("42", "new")])

Pieces are texts: whoever shows them escapes them. Signs that could turn the direction of a text or that nobody sees are
replaced by their visible code.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from blossom_data.report.changes import changes
from blossom_data.report.page.html import visible
from blossom_data.stages.translate.masks import find_spans

_MOST_MASKED_CHARS = 200_000


class Span(NamedTuple):
    """A piece of a text; `kind` is "", mask, gone or new."""

    text: str
    kind: str = ""


def plain(text: str) -> list[Span]:
    """The text in one piece."""
    return [Span(visible(text))]


def protected_spans(text: str) -> list[Span]:
    """The text with what a translation must leave as it is (code, formulas, links) apart."""
    if len(text) > _MOST_MASKED_CHARS:
        return plain(text)
    pieces, last = [], 0
    for span in find_spans(text):
        pieces += [Span(text[last : span.start]), Span(text[span.start : span.end], "mask")]
        last = span.end
    pieces.append(Span(text[last:]))
    return _shown(pieces)


def compared(before: str, after: str) -> tuple[list[Span], list[Span]]:
    """Both texts with what is only in one of them apart."""
    pieces = changes(before, after)
    left = [Span(piece.text, "gone" if piece.sign else "") for piece in pieces if piece.sign != "+"]
    right = [Span(piece.text, "new" if piece.sign else "") for piece in pieces if piece.sign != "-"]
    return _shown(left), _shown(right)


def _shown(pieces: Iterable[Span]) -> list[Span]:
    return list(_joined(Span(visible(piece.text), piece.kind) for piece in pieces if piece.text))


def _joined(pieces: Iterable[Span]) -> Iterator[Span]:
    """Neighbours of one kind as one piece."""
    last: Span | None = None
    for piece in pieces:
        if last is not None and last.kind == piece.kind:
            last = Span(last.text + piece.text, last.kind)
            continue
        if last is not None:
            yield last
        last = piece
    if last is not None:
        yield last

"""What a page is made of: sections, and figures, each a chart with the table that says the same.

    figure(words, words("Records by source"), bars(...), head, rows)

The table is folded under its chart, and open where nothing could be drawn.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from blossom_data.report.page.html import Html, table, tag
from blossom_data.report.page.words import Words

MOST_TABLE_ROWS = 60


@dataclass(frozen=True, slots=True)
class Section:
    """A part of the page with a heading; one without content is left out."""

    name: str
    """Of its anchor: letters and dashes."""
    title: str
    content: Sequence[Html]

    def html(self) -> Html:
        """The section as it stands in the page."""
        return tag("section", tag("h2", self.title, id=self.name), *self.content)


def contents(words: Words, sections: Iterable[Section]) -> Html:
    """The links to the sections, for the head of the page."""
    return tag("nav", *(tag("a", each.title, href=f"#{each.name}") for each in sections), aria_label=words("Contents"))


def figure(
    words: Words,
    caption: str,
    chart: Html,
    head: Sequence[object],
    rows: Sequence[Sequence[object]],
    *,
    numbers: Sequence[int] = (),
) -> Html:
    """A chart with its numbers."""
    told = limited(words, head, rows, numbers=numbers)
    if chart:
        told = tag("details", tag("summary", words("The numbers")), told)
    return tag("figure", tag("figcaption", caption), chart, told)


def limited(
    words: Words, head: Sequence[object], rows: Sequence[Sequence[object]], *, numbers: Sequence[int] = ()
) -> Html:
    """A table of so many rows as people read."""
    shown = table(head, rows[:MOST_TABLE_ROWS], numbers=numbers)
    if len(rows) <= MOST_TABLE_ROWS:
        return shown
    more = words("and {number} more", number=f"{len(rows) - MOST_TABLE_ROWS:,}")
    return Html(shown + tag("p", more, cls="soft"))


def tiles(entries: Iterable[tuple[str, str, str]]) -> Html:
    """Figures that are seen at a glance: (name, value, remark)."""
    boxes = (
        tag("div", tag("dt", name), tag("dd", value, tag("small", remark) if remark else ""))
        for name, value, remark in entries
    )
    return tag("dl", *boxes, cls="tiles")


def note(text: object) -> Html:
    """A remark in a soft colour."""
    return tag("p", text, cls="soft")

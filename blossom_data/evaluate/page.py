"""The scores as one page for a browser."""

from __future__ import annotations

from collections.abc import Sequence

from blossom_data.evaluate.tables import Rows
from blossom_data.report.page.html import data, document, table, tag


def page(title: str, tables: Sequence[tuple[str, Rows]], remarks: Sequence[str]) -> bytes:
    """An HTML page of tables, each with its head, and of remarks."""
    parts = [tag("h1", data(title))]
    for head, (names, *lines) in tables:
        parts += [tag("h2", data(head)), table(names, lines, numbers=range(1, len(names)))]
    if remarks:
        parts += [tag("h2", "Remarks"), tag("ul", *(tag("li", remark) for remark in remarks))]
    return document(lang="en", title=title, body=parts)

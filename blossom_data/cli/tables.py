"""Columns of text: aligned by blanks in a pipe, on a terminal a table that wraps in its cells.

show("math", Columns([("running", "no"), ("data set", "8,101 records")]))

math
  running   no
  data set  8,101 records
"""

from __future__ import annotations

import io
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import zip_longest
from typing import TYPE_CHECKING

from blossom_data.cli import output
from blossom_data.cli.progress import is_steerable

if TYPE_CHECKING:
    from rich.console import JustifyMethod
    from rich.padding import Padding

_STYLES = {"ok": "green", "warn": "yellow", "fail": "bold red", "current": "bold green", "pinned": "cyan"}
"""Words that are seen at a glance."""


@dataclass(frozen=True, slots=True)
class Columns:
    """Rows of cells; `right` names the columns of numbers, `least` how wide columns are at the least."""

    rows: Sequence[Sequence[str]]
    head: Sequence[str] = ()
    right: Sequence[int] = ()
    least: Sequence[int] = ()
    indent: int = 2

    def __str__(self) -> str:
        rows = [self.head, *self.rows] if self.head else self.rows
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        widths = [max(pair) for pair in zip_longest(widths, self.least, fillvalue=0)]
        lines = ("  ".join(self._aligned(n, cell, widths[n]) for n, cell in enumerate(row)) for row in rows)
        return "\n".join(" " * self.indent + line.rstrip() for line in lines)

    def _aligned(self, number: int, cell: str, width: int) -> str:
        return cell.rjust(width) if number in self.right else cell.ljust(width)

    def __rich__(self) -> Padding:
        from rich.padding import Padding
        from rich.table import Table
        from rich.text import Text

        table = Table(box=None, show_header=bool(self.head), header_style="dim", pad_edge=False, padding=(0, 2, 0, 0))
        heads = self.head or [""] * len(self.rows[0])
        for n, (head, least) in enumerate(zip_longest(heads, self.least)):
            justify: JustifyMethod = "right" if n in self.right else "left"
            table.add_column(Text(head), justify=justify, min_width=least, no_wrap=n < len(heads) - 1, overflow="fold")
        for row in self.rows:
            table.add_row(*(Text(output.clean(cell), style=_STYLES.get(cell, "")) for cell in row))
        return Padding.indent(table, self.indent)


def show(*parts: str | Columns) -> None:
    """The result on stdout: lines and columns, one under the other."""
    if not is_steerable(sys.stdout):
        output.result("\n".join(map(str, parts)))
        return
    from rich.text import Text

    from blossom_data.cli.live_view import Screen

    drawn = io.StringIO()
    screen = Screen(drawn, Screen(sys.stdout).size.width)
    for part in parts:
        screen.print(Text(output.clean(part)) if isinstance(part, str) else part)
    output.drawn(drawn.getvalue())

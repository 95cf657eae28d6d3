"""Records and rejects as a terminal shows them: what belongs together side by side where there is room for it.

  draw(pages, columns=120)      text with control sequences of rich, every text of the data cleaned

9f2c...  gsm8k  zh  gold 72
  user (original)                          user
  Natalia sold clips to 48 of her ...      纳塔莉亚四月份把发夹卖给了 48 个朋友 ...
"""

from __future__ import annotations

import io
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from blossom_data.cli import output
from blossom_data.report.changes import Span
from blossom_data.report.pages import Block, Page

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.text import Text

_LEAST_COLUMNS = 72
"""Of a terminal, for two texts side by side."""
_STYLES = {"-": "red strike", "+": "green", "": ""}


def draw(pages: Iterable[Page], columns: int) -> str:
    """The pages for a terminal of `columns`, one under the other."""
    from blossom_data.cli.live_view import Screen

    drawn = io.StringIO()
    screen = Screen(drawn, columns)
    for place, page in enumerate(pages):
        if place:
            screen.print()
        for part in _parts(page, columns):
            screen.print(part)
    return drawn.getvalue()


def _parts(page: Page, columns: int) -> Iterable[RenderableType]:
    from rich.padding import Padding
    from rich.rule import Rule

    yield Rule(style="dim")
    yield _text(page.head, "bold")
    for line in page.lines:
        yield _text(line, "yellow" if line == page.lines[0] else "dim")
    for block in page.blocks:
        yield Padding.indent(_block(block, columns), 2)
    if page.foot:
        yield _text(page.foot, "dim")


def _block(block: Block, columns: int) -> RenderableType:
    from rich.console import Group
    from rich.table import Table

    if block.beside is None:
        return _titled(block.title, _content(block))
    old, new = _titled(block.beside.title, _text(block.beside.text)), _titled(block.title, _content(block))
    if columns < _LEAST_COLUMNS:
        return Group(old, new)
    table = Table(box=None, show_header=False, expand=True, padding=(0, 3, 0, 0), pad_edge=False)
    table.add_column(ratio=1, overflow="fold")
    table.add_column(ratio=1, overflow="fold")
    table.add_row(old, new)
    return table


def _titled(title: str, content: Text) -> RenderableType:
    from rich.console import Group

    return Group(_text(title, "dim cyan"), *([content] if content.plain else []))


def _content(block: Block) -> Text:
    return _marked(block.spans) if block.spans else _text(block.text)


def _marked(spans: Sequence[Span]) -> Text:
    from rich.text import Text

    text = Text(overflow="fold")
    for span in spans:
        text.append(output.clean(span.text), _STYLES[span.sign])
    return text


def _text(text: str, style: str = "") -> Text:
    from rich.text import Text

    return Text(output.clean(text), style=style, overflow="fold")

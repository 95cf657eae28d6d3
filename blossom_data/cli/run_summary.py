"""What a run tells at its end: the summary, on a terminal with bars and colours; and what one would do next.

demo -> demo/dataset
  read              60  ████████████████████
  translate         49  ████████████████▎     1 rejected: quarantine 1
  ...
next:
  blossom-data show demo/dataset --rejected all          why 2 records were rejected
  blossom-data mix demo/dataset -o train/dataset         draw a training set
  blossom-data publish demo/dataset -o data --name ...   an immutable version of it
"""

from __future__ import annotations

import io
import re
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from blossom_data.cli import output
from blossom_data.cli.progress import is_steerable
from blossom_data.report import summary as report
from blossom_data.report.card import PAIRS

if TYPE_CHECKING:
    from rich.console import RenderableType

_BAR = 20
_NAME, _NUMBER = 15, 7
_LEAST_WIDTH = 70
"""Of a terminal, for bars; in a narrower one the remarks need the room."""


def show_summary(summary: dict[str, Any]) -> None:
    """The result of a run on stdout: drawn on a terminal, else as plain text."""
    if not is_steerable(sys.stdout):
        output.result(report.render_summary(summary))
        return
    from blossom_data.cli.live_view import Screen

    width, drawn = Screen(sys.stdout).size.width, io.StringIO()
    Screen(drawn, width).print(funnel_view(summary, width))
    output.drawn(drawn.getvalue())


def funnel_view(summary: dict[str, Any], width: int) -> RenderableType:
    """The summary for a terminal of `width` columns."""
    from rich.console import Group
    from rich.text import Text

    rows = report.funnel(summary)
    counts = [row for row in rows if row.is_count]
    lists = [row for row in rows if not row.is_count]
    return Group(
        Text(output.clean(f"{summary['stage']} -> {summary['out']}"), style="bold"),
        _bars(counts, with_bars=width >= _LEAST_WIDTH),
        _list([*lists, *report.rounds(summary), *report.asked(summary)]),
        *(Text(output.clean(line)) for line in report.answers(summary)),
        _list(report.further(summary)),
    )


def _bars(rows: Sequence[report.Row], *, with_bars: bool) -> RenderableType:
    """Numbers of records, each with its share of the largest one as a bar."""
    from rich.table import Table
    from rich.text import Text

    table = Table.grid(padding=(0, 2, 0, 0))
    table.add_column(min_width=_NAME, no_wrap=True)
    table.add_column(justify="right", min_width=_NUMBER, no_wrap=True)
    whole = max(1, *(int(row.value) for row in rows))
    for row in rows:
        name = Text(f"  {output.clean(row.name)}", style="bold green" if row.name == "kept" else "bold")
        bar = [Text("█" * round(_BAR * int(row.value) / whole), style="cyan")] if with_bars else []
        table.add_row(name, row.told, *bar, Text(output.clean(row.remark), style="yellow"))
    return table


def _list(rows: Sequence[report.Row]) -> RenderableType:
    """Names with what is told of them; a long text is wrapped under itself."""
    from rich.table import Table
    from rich.text import Text

    table = Table.grid(padding=(0, 2, 0, 0))
    table.add_column(min_width=_NAME, no_wrap=True)
    table.add_column(overflow="fold")
    for row in rows:
        told = Text(f"{output.clean(row.told):>{_NUMBER}}")
        told.append(f"  ({output.clean(row.remark)})" if row.remark else "", style="dim")
        table.add_row(Text(f"  {output.clean(row.name)}", style="dim"), told)
    return table


def tell_next(summary: dict[str, Any]) -> None:
    """Three commands that make sense now, on a terminal alone: a log of cron needs none."""
    if not sys.stderr.isatty():
        return
    from blossom_data.cli.live_view import Screen

    steps = next_commands(summary)
    width = max(len(command) for command, _ in steps)
    lines = [f"  {command:<{width}}   {purpose}" for command, purpose in steps]
    if max(map(len, lines)) > Screen(sys.stderr).size.width:
        lines = [f"  {command}" for command, _ in steps]
    output.say("\n".join(["next:", *lines]))


def next_commands(summary: dict[str, Any]) -> list[tuple[str, str]]:
    """(command, what it is for), three of them; of a run that kept nothing only the look at why."""
    out, name = shlex.quote(summary["out"]), Path(summary["out"]).absolute().name or "set"
    quoted = shlex.quote(name)
    lost = summary["rejected"] | summary["failed"]
    look = (f"blossom-data show {out} --sample 3", "look at three records")
    if lost:
        code = max(lost, key=lambda key: lost[key])
        number = lost[code]
        told = f"look at {number:,} rejects of the most frequent kind"
        look = (f"blossom-data show {out} --rejected {shlex.quote(code)}", told)
    if not summary["kept"]:
        return [look]
    endpoint = "--base-url URL --model NAME"
    published = re.sub("[^a-z0-9._-]+", "-", name.lower()).strip("-._")[:64] or "set"
    translate = (f"blossom-data translate {out} -o zh/{quoted} {endpoint}", "into Chinese, checked")
    annotate = (f"blossom-data annotate {out} -o sft/{quoted} {endpoint}", "answer every turn")
    verify = (f"blossom-data verify-math {out} -o verified/{quoted}", "keep what equals the gold labels")
    mix = (f"blossom-data mix {out} -o train/{quoted}", "draw a training set")
    publish = (f"blossom-data publish {out} -o data --name {published}", "an immutable version of it")
    if summary.get("layout") == PAIRS:
        pack = f"blossom-data train pack {out} -o packed/{quoted} --pairs --tokenizer MODEL --template NAME"
        return [look, (pack, "for training with DPO")]
    steps = {"pull": (translate, annotate), "translate": (annotate, mix), "annotate": (verify, mix)}
    return [look, *steps.get(summary["stage"], (mix, publish))]

"""The live view of a run on a terminal: a bar per stage, and below it what became of the records and the money.

    ── math ──────────────────────────────────────────────────────────────────────────────
    translate    ━━━━━━━━━━━━━━━━━╺━━━━━━━━━━━━━━━━━━━━━  18,204/52,002  35%  41.2/s  eta 13m
    annotate     ━━━━━━━━━━━━━━━━╺━━━━━━━━━━━━━━━━━━━━━━  17,950/51,709  34%  40.8/s  eta 13m
    kept 17,911   rejected 293   failed 2   from ledger 5,000
    rejected for  translate/quarantine 120, translate/speech_act 80, annotate/refusal 40, others 53
    in flight 64   calls 18,210   tokens in 9.1M out 11.4M
    $3.18 of $10.00 -> ~$9.07   sent again 429 14, 5xx 2

Where the terminal is too narrow or too low, what matters least goes first; why records were rejected never does. Every
text that may hold data is cleaned before rich gets it, and shown as it stands: no markup, no escapes.
"""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TextIO

from rich.cells import cell_len
from rich.console import Console, ConsoleDimensions, Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.rule import Rule
from rich.table import Table
from rich.text import Text

from blossom_data.cli.output import clean
from blossom_data.cli.progress import short, short_time, usd

CODES_SHOWN = 3
_MARGIN = 3
"""Columns left free at the right, for the ^C that a terminal writes behind the last line."""
_LEAST_BAR = 8
_NAME = 24
"""Most columns of a stage's name or a code."""
_GAP = "   "


class Screen(Console):
    """rich's console for one stream; without `columns` its size is asked of that stream each time.

    The cursor stays visible, so that a process that is killed leaves a terminal that can be used.
    """

    def __init__(self, stream: TextIO, columns: int | None = None) -> None:
        self._columns = columns
        system = "auto" if not os.environ.get("NO_COLOR") else None
        super().__init__(file=stream, color_system=system, force_terminal=True, highlight=False, markup=False)  # type: ignore[arg-type]

    @property  # type: ignore[misc]
    def size(self) -> ConsoleDimensions:
        try:
            width, height = os.get_terminal_size(self.file.fileno())
        except (OSError, ValueError):
            width, height = 80, 25
        width = self._columns or width
        return ConsoleDimensions(width or 80, height or 25)

    def show_cursor(self, show: bool = True) -> bool:
        return False


class LiveView:
    """Draws what `Progress.view` gives until it is closed; what is written to stderr meanwhile goes above it."""

    def __init__(self) -> None:
        self._stderr = sys.stderr
        self._screen = Screen(self._stderr)
        self._live = Live(
            console=self._screen,
            auto_refresh=False,
            transient=True,
            redirect_stdout=False,
            redirect_stderr=False,
            vertical_overflow="crop",
        )
        self._live.start()
        sys.stderr = _Above(self._screen, self._stderr)

    def draw(self, now: Mapping[str, Any]) -> None:
        """One frame; a terminal that is gone does not stop the work."""
        width, height = self._screen.size
        try:
            self._live.update(render(now, width - _MARGIN, height - 1), refresh=True)
        except (OSError, ValueError):
            return

    def close(self) -> None:
        """Takes the view off the terminal."""
        sys.stderr = self._stderr
        try:
            self._live.stop()
        except (OSError, ValueError):
            return


class _Above(io.TextIOBase):
    """stderr while a view is up: whole lines, cleaned, above the view."""

    def __init__(self, screen: Screen, stream: TextIO) -> None:
        self._screen, self._stream, self._rest = screen, stream, ""

    def write(self, text: str) -> int:
        *lines, self._rest = (self._rest + text).split("\n")
        if lines:
            self._screen.print(Text("\n".join(map(clean, lines))), soft_wrap=True)
        return len(text)

    def fileno(self) -> int:
        return self._stream.fileno()

    def isatty(self) -> bool:
        return True

    @property
    def encoding(self) -> str:  # type: ignore[override]
        return self._stream.encoding


def render(now: Mapping[str, Any], width: int, height: int) -> RenderableType:
    """The view in `width` columns and at most `height` lines."""
    bars = now["bars"]
    facts = [*_counts(now, width), *_reasons(now, width)]
    further = [_calls(now, width), _money(now, width)] if now["is_asking"] else []
    title: list[RenderableType] = (
        [Rule(Text(_shown(now["stage"], width - 8)), style="dim", align="left")] if len(bars) > 1 else []
    )
    if now["is_stopping"]:
        told = f"stopping: {now['in_flight']:,} calls in flight (Ctrl-C again: leave now)"
        title = [Text(told, style="bold yellow", no_wrap=True, overflow="ellipsis")]
    room = height - sum(_lines(fact, width) for fact in facts)
    while further and len(title) + len(bars) + len(further) > room:
        further.pop(0)
    if len(title) + len(bars) > room:
        title, bars = [], bars[: max(1, room)]
    return Group(*title, _table(bars, width), *facts, *further)


def _lines(fact: Text, width: int) -> int:
    return -(-cell_len(fact.plain) // max(1, width))


def _shown(text: str, width: int = _NAME) -> str:
    """`text` on one line of at most `width` columns, nothing in it that could steer a terminal."""
    told = Text(" ".join(clean(text).split()))
    told.truncate(max(1, width), overflow="ellipsis")
    return told.plain


def _table(bars: Sequence[Mapping[str, Any]], width: int) -> Table:
    """The bars, without the columns that do not fit: first the percentage goes, then the bar itself, then the rate."""
    columns: dict[str, list[str]] = {
        "name": [_shown(bar["name"]) for bar in bars],
        "count": [f"{bar['done']:,}" + (f"/{bar['total']:,}" if bar["total"] is not None else "") for bar in bars],
        "percent": [f"{min(100, 100 * bar['done'] // bar['total'])}%" if bar["total"] else "" for bar in bars],
        "rate": [_rate(bar["rate"]) if bar["rate"] else "" for bar in bars],
        "eta": [f"eta {short_time(bar['eta_s'])}" if bar["eta_s"] is not None else "" for bar in bars],
    }
    columns = {name: cells for name, cells in columns.items() if any(cells)}
    widths = {name: max(map(cell_len, cells)) + 2 for name, cells in columns.items()} | {"bar": _LEAST_BAR + 2}
    for name in ("percent", "bar", "rate"):
        if sum(widths.values()) > width:
            widths.pop(name, None)
    table = Table.grid(padding=(0, 2, 0, 0), expand=True)
    for name in ("name", "bar", "count", "percent", "rate", "eta"):
        if name in widths:
            table.add_column(
                justify="left" if name in ("name", "bar") else "right",
                ratio=1 if name == "bar" else None,
                no_wrap=True,
                overflow="ellipsis",
            )
    for place, bar in enumerate(bars):
        row: list[RenderableType] = []
        for name in ("name", "bar", "count", "percent", "rate", "eta"):
            if name == "bar" in widths:
                row.append(ProgressBar(total=bar["total"], completed=bar["done"], pulse=bar["total"] is None))
            elif name in widths:
                row.append(Text(columns[name][place], style="bold" if name == "name" else ""))
        table.add_row(*row)
    table.width = width
    return table


def _rate(per_second: float) -> str:
    return f"{per_second:,.0f}/s" if per_second >= 100 else f"{per_second:.1f}/s"


def _counts(now: Mapping[str, Any], width: int) -> list[Text]:
    """What became of the records so far."""
    parts = [(f"kept {now['kept']:,}", "green"), (f"rejected {now['rejected']:,}", "yellow" if now["rejected"] else "")]
    parts.append((f"failed {now['failed']:,}", "red" if now["failed"] else ""))
    if not now["is_asking"]:
        parts = [part for part in parts if not part[0].endswith(" 0")]
    if now["resumed"]:
        parts.append((f"from ledger {now['resumed']:,}" if now["replayed"] else f"no call {now['resumed']:,}", "cyan"))
    return [_line(parts, width)] if parts else []


def _reasons(now: Mapping[str, Any], width: int) -> list[Text]:
    """The most frequent reasons of rejects and of failures; without the stage where it is narrow, wrapped at need."""
    lines = []
    for verb, key, style in (("rejected", "codes", "yellow"), ("failed", "failures", "red")):
        if not now[key]:
            continue
        told = f"{verb} for  {_top(now[key], is_short=False)}"
        if cell_len(told) > width:
            told = f"{verb} for  {_top(now[key], is_short=True)}"
        lines.append(Text(told, style=style, overflow="fold"))
    return lines


def _top(counts: Sequence[tuple[str, int]], *, is_short: bool) -> str:
    """`quarantine 120, speech_act 80, refusal 40, others 53`."""
    merged: dict[str, int] = {}
    for code, number in counts:
        name = code.rpartition("/")[2] if is_short else code
        merged[name] = merged.get(name, 0) + number
    ranked = sorted(merged.items(), key=lambda item: -item[1])
    told = [f"{_shown(code, 2 * _NAME)} {number:,}" for code, number in ranked[:CODES_SHOWN]]
    if others := sum(number for _, number in ranked[CODES_SHOWN:]):
        told.append(f"others {others:,}")
    return ", ".join(told)


def _calls(now: Mapping[str, Any], width: int) -> Text:
    parts = [(f"in flight {now['in_flight']:,}", ""), (f"calls {now['calls']:,}", "")]
    parts.append((f"tokens in {short(now['tokens_in'])} out {short(now['tokens_out'])}", ""))
    return _line(parts, width)


def _money(now: Mapping[str, Any], width: int) -> Text:
    """Spent over all runs, the budget, and what it will come to; and why calls were sent again."""
    told = "price unknown"
    if now["spent_usd"] is not None:
        told = usd(now["spent_usd"])
        told += f" of {usd(now['budget_usd'])}" if now["budget_usd"] is not None else ""
        told += f" -> ~{usd(now['projected_usd'])}" if now["projected_usd"] is not None else ""
    parts = [(told, "")]
    if now["retries"]:
        causes = ", ".join(f"{_shown(cause)} {number:,}" for cause, number in list(now["retries"].items())[:3])
        parts.append((f"sent again {causes}", "magenta"))
    return _line(parts, width)


def _line(parts: Iterable[tuple[str, str]], width: int) -> Text:
    """The parts side by side, the last ones left out where they do not fit."""
    line = Text(no_wrap=True, overflow="ellipsis")
    for told, style in parts:
        gap = _GAP if line.plain else ""
        if line.plain and cell_len(line.plain) + len(gap) + cell_len(told) > width:
            break
        line.append(gap).append(told, style=style or None)
    return line

"""Charts as inline SVG: Vega-Lite specifications drawn by vl-convert, in the colours of the page.

    bars("Records by source", [("gsm8k", "kept", 13), ("gsm8k", "rejected", 1)], x="records")      <div ...><svg ...

Each is drawn twice, for a wide and for a narrow screen; the page shows the one that fits. Without vl-convert (extra
`report`) all of them give "", and the tables that stand beside every chart say the same. Colours are variables of the
style sheet, so a chart follows dark mode and print.
"""

from __future__ import annotations

import itertools
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from blossom_data.curate.extra import is_there
from blossom_data.report.page.html import Html, joined, tag, visible
from blossom_data.report.page.svg import tidied

Spec = dict[str, Any]
WIDTHS = {"wide": 830, "narrow": 330}
MOST_ROWS = 24
"""Categories of a chart; its table has more."""
KEPT = "kept"
"""The colour of what is kept; colours are named as in the style sheet."""
_COLOURS = tuple(f"c{number}" for number in (0, 1, 4, 3, 5, 6, 2, 7))
_LABELS = {"wide": 32, "narrow": 18}
"""Columns of a terminal that the name of a category takes at the most; to have the renderer cut it takes seconds."""
_PADDING = {"left": 14, "right": 6, "top": 4, "bottom": 2}
"""To the left, what names need more in a reader's font than in the one that they are measured in."""
_ROW, _HEIGHT = 24, 220
_DAYS_MS = 2 * 86_400_000
_INK, _SOFT, _RULE = "var(--ink)", "var(--soft)", "var(--rule)"
_CONFIG: Spec = {
    "background": None,
    "aria": False,
    "view": {"stroke": None},
    "axis": {
        "labelColor": _INK,
        "titleColor": _SOFT,
        "titleFontWeight": "normal",
        "tickColor": _RULE,
        "domainColor": _RULE,
        "gridColor": _RULE,
        "labelFontSize": 12,
        "titleFontSize": 12,
        "titlePadding": 8,
        "labelOverlap": "greedy",
    },
    "text": {"color": _INK, "fontSize": 12},
}


def can_draw() -> bool:
    """Whether the extra `report` is installed."""
    return is_there("vl_convert")


def _drawn(
    label: str, spec: Callable[[str], Spec], colours: Mapping[str, str] | None = None, *, is_any: bool = True
) -> Html:
    """The chart for each screen under its legend; "" where nothing can draw, or there is nothing to be drawn."""
    if not is_any or not can_draw():
        return Html("")
    import vl_convert

    parts = [_legend(colours or {})]
    fitting = {"type": "fit-x", "contains": "padding"}
    for screen, width in WIDTHS.items():
        sized = {"config": _CONFIG, "padding": _PADDING, "autosize": fitting, "width": width}
        parts.append(tag("div", tidied(vl_convert.vegalite_to_svg({**sized, **spec(screen)}), label), cls=screen))
    return joined(parts)


def bars(
    label: str, rows: Sequence[tuple[str, str, float]], *, x: str, colours: Mapping[str, str] | None = None
) -> Html:
    """A bar for each category, made of its series, with their sum behind it.

    Args:
        rows: (category, series, number).
        x: what the numbers are.
        colours: of series that must have one of their own.
    """
    order = _distinct(row[0] for row in rows)[:MOST_ROWS]
    series = _distinct(row[1] for row in rows)
    shown = [(visible(name), visible(part), number) for name, part, number in rows if visible(name) in order]
    sums = {name: sum(number for one, _, number in shown if one == name) for name in order}
    drawn = _coloured(series, colours or {})

    def spec(screen: str) -> Spec:
        labels = _labels(order, screen)
        values = [{"name": labels[n], "series": s, "number": v, "at": series.index(s)} for n, s, v in shown]
        number = {
            "field": "number",
            "type": "quantitative",
            "title": x,
            "axis": {**_numbers(screen), "tickMinStep": 1},
            "scale": {"domain": [0, 1.1 * max(sums.values(), default=0) or 1]},
        }
        y = _categories(labels)
        parts = {"x": number, "y": y, "color": _series(drawn), "order": {"field": "at"}}
        told = [{"name": labels[name], "number": total, "told": _short(total)} for name, total in sums.items()]
        behind = {"x": number, "y": y, "text": {"field": "told"}}
        layers = [
            {"data": {"values": values}, "mark": {"type": "bar", "height": {"band": 0.72}}, "encoding": parts},
            {"data": {"values": told}, "mark": {"type": "text", "align": "left", "dx": 5}, "encoding": behind},
        ]
        return {"height": {"step": _ROW}, "layer": layers}

    return _drawn(label, spec, drawn, is_any=bool(rows))


def histogram(label: str, rows: Sequence[tuple[str, str, float]], *, x: str, y: str) -> Html:
    """A column for each bin, made of its series; `rows` are (bin, series, number), bins in their order."""
    order, series = _distinct(row[0] for row in rows), _distinct(row[1] for row in rows)
    values = [{"bin": b, "series": visible(s), "number": v, "at": series.index(visible(s))} for b, s, v in rows]
    drawn = _coloured(series, {})

    def spec(screen: str) -> Spec:
        axis = {"labelAngle": 0, "grid": False}
        encoding = {
            "x": {"field": "bin", "type": "ordinal", "sort": order, "title": x, "axis": axis},
            "y": {"field": "number", "type": "quantitative", "title": y, "axis": _numbers(screen, ticks=5)},
            "color": _series(drawn),
            "order": {"field": "at"},
        }
        return {**_sized(screen), "data": {"values": values}, "mark": {"type": "bar"}, "encoding": encoding}

    return _drawn(label, spec, drawn, is_any=bool(rows))


def ranges(
    label: str, rows: Sequence[tuple[str, float, float, float]], *, x: str, whole: tuple[float, float] | None = None
) -> Html:
    """A line from low to high with a point between them for each category.

    Args:
        rows: (category, low, middle, high).
        whole: the ends of the axis; without them from 0 on.
    """
    shown = rows[:MOST_ROWS]
    order = _distinct(row[0] for row in shown)

    def spec(screen: str) -> Spec:
        labels = _labels(order, screen)
        values = [{"name": labels[visible(n)], "low": a, "mid": b, "high": c} for n, a, b, c in shown]
        scale = {"domain": list(whole)} if whole else {"zero": True}

        def across(field: str) -> Spec:
            axis = {"title": x, "axis": _numbers(screen), "scale": scale}
            return {"field": field, "type": "quantitative", **axis}

        y = _categories(labels)
        line = {"type": "rule", "strokeWidth": 5, "color": "var(--c0)", "opacity": 0.4, "strokeCap": "round"}
        point = {"type": "point", "filled": True, "size": 75, "color": "var(--c0)", "opacity": 1}
        layers = [
            {"mark": line, "encoding": {"x": across("low"), "x2": {"field": "high"}, "y": y}},
            {"mark": point, "encoding": {"x": across("mid"), "y": y}},
        ]
        return {"height": {"step": _ROW}, "data": {"values": values}, "layer": layers}

    return _drawn(label, spec, is_any=bool(rows))


def lines(
    label: str,
    rows: Sequence[tuple[float, str, float]],
    *,
    x: str,
    y: str,
    is_time: bool = False,
    from_zero: bool = False,
    borders: Sequence[float] = (),
    shape: str = "~s",
) -> Html:
    """A line for each series.

    Args:
        rows: (place, series, number); a place is a number, or where `is_time` seconds since 1970, told in UTC.
        borders: places where a dashed line stands.
        shape: how numbers of the axis are written, in D3's language.
    """
    series = _distinct(row[1] for row in rows)
    factor = 1000 if is_time else 1
    values = [{"at": at * factor, "series": visible(name), "number": number} for at, name, number in rows]
    colours = _coloured(series, {})

    def spec(screen: str) -> Spec:
        axis = {"grid": False, "tickCount": 7 if screen == "wide" else 3}
        across: Spec = {"field": "at", "type": "quantitative", "title": x, "axis": axis, "scale": {"zero": False}}
        if is_time:
            across |= {"type": "temporal", "scale": {"type": "utc"}, "axis": {**axis, "format": _time_format(values)}}
        up: Spec = {
            "field": "number",
            "type": "quantitative",
            "title": y,
            "axis": _numbers(screen, ticks=5, shape=shape),
        }
        up["scale"] = {"zero": from_zero}
        drawn = {"x": across, "y": up, "color": _series(colours)}
        mark = {"type": "line", "strokeWidth": 1.8, "point": {"size": 12} if len(values) < 60 else False}
        layers: list[Spec] = [{"data": {"values": values}, "mark": mark, "encoding": drawn}]
        if borders:
            places = {"values": [{"at": at * factor} for at in borders]}
            rule = {"type": "rule", "strokeDash": [3, 3], "color": _SOFT}
            layers.append({"data": places, "mark": rule, "encoding": {"x": across}})
        return {**_sized(screen), "layer": layers}

    return _drawn(label, spec, colours, is_any=bool(rows))


def _time_format(values: Sequence[Spec]) -> str:
    """How a time on the axis is written: the day where there are several."""
    places = [value["at"] for value in values]
    return "%H:%M" if max(places) - min(places) < _DAYS_MS else "%Y-%m-%d"


def _distinct(names: Any) -> list[str]:
    return list(dict.fromkeys(map(visible, names)))


def _sized(screen: str) -> Spec:
    return {"height": _HEIGHT if screen == "wide" else _HEIGHT * 3 // 4}


def _numbers(screen: str, *, ticks: int = 0, shape: str = "~s") -> Spec:
    count = ticks or (7 if screen == "wide" else 3)
    nought = "datum.value === 0 ? '0' : datum.label"  # else it stands there as 0k
    return {"format": shape, "labelExpr": nought, "tickCount": count, "domain": False, "ticks": False}


def _categories(labels: Mapping[str, str]) -> Spec:
    axis = {"labelLimit": 0, "grid": False, "ticks": False, "domain": False, "labelPadding": 6}
    return {"field": "name", "type": "nominal", "sort": list(labels.values()), "title": None, "axis": axis}


def _labels(names: Sequence[str], screen: str) -> dict[str, str]:
    """What stands on the axis for each name: its beginning, told apart by a number from another of the same."""
    labels: dict[str, str] = {}
    for name in names:
        label = _cut(name, _LABELS[screen])
        if label in labels.values():
            label = f"{label} #{len(labels) + 1}"
        labels[name] = label
    return labels


def _cut(name: str, most: int) -> str:
    """The beginning of a name that is no wider than `most` columns."""
    if sum(map(_columns, name)) <= most:
        return name
    ends = itertools.accumulate(map(_columns, name))
    return name[: sum(end < most for end in ends)] + "…"


def _columns(letter: str) -> int:
    return 2 if unicodedata.east_asian_width(letter) in "WF" else 1


def _coloured(names: Sequence[str], fixed: Mapping[str, str]) -> dict[str, str]:
    """A colour for each series: the name of a variable of the style sheet."""
    free = [colour for colour in _COLOURS if colour not in fixed.values()]
    others = [name for name in names if name not in fixed]
    made = {**fixed, **{name: free[place % len(free)] for place, name in enumerate(others)}}
    return {name: made[name] for name in names}


def _series(colours: Mapping[str, str]) -> Spec:
    drawn = [f"var(--{colour})" for colour in colours.values()]
    return {"field": "series", "type": "nominal", "scale": {"domain": list(colours), "range": drawn}, "legend": None}


def _legend(colours: Mapping[str, str]) -> Html:
    """Which colour is which series, as text that wraps; nothing for a single one."""
    if len(colours) < 2:
        return Html("")
    return tag("p", *(tag("span", tag("i", cls=colour), name) for name, colour in colours.items()), cls="legend")


def _short(number: float) -> str:
    """A number as it stands behind a bar."""
    return f"{number:,.0f}" if number == int(number) else f"{number:,.4g}"

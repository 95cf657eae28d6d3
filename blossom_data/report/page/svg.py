"""A chart's SVG as it may stand in a page: shapes and text alone, in colours that follow the page.

Of what the renderer writes only a list of elements and attributes passes, none of which can load or run anything, and
none that can be told apart is written twice: the frames that nobody sees, defaults, classes.
"""

from __future__ import annotations

import re
from xml.etree import ElementTree

from blossom_data.report.page.html import Html, tag

_ELEMENTS = frozenset(("svg", "g", "path", "rect", "line", "circle", "text", "tspan"))
_ATTRIBUTES = frozenset(
    (
        *(
            "d",
            "x",
            "y",
            "x1",
            "x2",
            "y1",
            "y2",
            "dx",
            "dy",
            "r",
            "cx",
            "cy",
            "width",
            "height",
            "viewBox",
            "transform",
        ),
        *("fill", "fill-opacity", "stroke", "stroke-width", "stroke-opacity", "stroke-dasharray", "stroke-linecap"),
        *("stroke-linejoin", "opacity", "text-anchor", "font-size", "font-weight"),
    )
)
_DEFAULTS = {
    ("opacity", "1"),
    ("stroke-width", "1"),
    ("font-weight", "normal"),
    ("text-anchor", "start"),
    ("transform", "translate(0,0)"),
    ("x2", "0"),
    ("y2", "0"),
}
_UNSEEN = ("background", "foreground")
_LONG = re.compile(r"-?\d+\.\d{2,}")


def tidied(svg: str, label: str) -> Html:
    """The chart `svg`, told to who cannot see it as `label`."""
    root = ElementTree.fromstring(svg)
    width, height = (root.get(name, "0") for name in ("width", "height"))
    shapes = (_shape(child) for child in root)
    attributes = {"viewBox": root.get("viewBox", f"0 0 {width} {height}"), "width": width, "height": height}
    return tag("svg", *shapes, role="img", aria_label=label, **attributes)


def _shape(element: ElementTree.Element) -> Html:
    name = element.tag.rpartition("}")[2]
    is_unseen = element.get("display") == "none" or element.get("class", "").startswith(_UNSEEN)
    if name not in _ELEMENTS or is_unseen:
        return Html("")
    inner = [element.text or "", *(part for child in element for part in (_shape(child), child.tail or ""))]
    attributes = {key: _LONG.sub(_short, value) for key, value in element.attrib.items() if _passes(key, value)}
    content = "".join(inner) if name == "g" else ""
    if name == "g" and not attributes:
        return Html(content)
    return Html("") if name == "g" and not content else tag(name, *inner, **attributes)


def _passes(key: str, value: str) -> bool:
    return key in _ATTRIBUTES and (key, value) not in _DEFAULTS and "url" not in value.lower()


def _short(number: re.Match[str]) -> str:
    return f"{float(number.group()):.1f}".removesuffix(".0")

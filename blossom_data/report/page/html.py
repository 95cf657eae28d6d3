"""HTML that is built, never pasted: whatever is not HTML yet is escaped where it is put in.

    tag("p", "1 < 2 ", tag("b", name), cls="note")      <p class="note">1 &lt; 2 <b>...</b></p>

A page holds no script, loads nothing and may load nothing: its policy allows one style sheet, by its hash. Text of
the data is shown as text: what would steer the direction of a line, or is no character at all, as its code.
"""

from __future__ import annotations

import base64
import hashlib
import html
import re
from collections.abc import Iterable, Mapping, Sequence
from importlib import resources

_INVISIBLE = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u2069\ud800-\udfff\ufeff\ufffe\uffff"
    "\U000e0000-\U000e007f]"
)
_VOID = frozenset(("meta",))
_STYLES = ("palette.css", "style.css")


class Html(str):
    """Text that is HTML already."""

    __slots__ = ()


def visible(text: str) -> str:
    """`text` with every character that cannot be seen, or turns the direction of others, as its code."""
    return _INVISIBLE.sub(lambda found: f"\\u{ord(found.group()):04x}", text)


def escaped(child: object) -> Html:
    """HTML as it is; anything else as text that shows it."""
    return child if isinstance(child, Html) else Html(html.escape(visible(str(child))))


def joined(children: Iterable[object]) -> Html:
    """All of them, one behind the other."""
    return Html("".join(map(escaped, children)))


def tag(name: str, /, *children: object, cls: str = "", **attributes: object) -> Html:
    """An element; `_` in the name of an attribute stands for a dash, and one that is None or False is left out."""
    named: dict[str, object] = {"class": cls or None, **attributes}
    told = "".join(
        f" {key.replace('_', '-')}" + ("" if value is True else f'="{escaped(value)}"')
        for key, value in named.items()
        if value is not None and value is not False
    )
    return Html(f"<{name}{told}>" if name in _VOID else f"<{name}{told}>{joined(children)}</{name}>")


def data(text: object, most: int = 0) -> Html:
    """A text of the data within a line: its direction is its own; of more than `most` characters the beginning."""
    told = str(text)
    return tag("bdi", told[:most] + "…" if most and len(told) > most else told)


def table(head: Sequence[object], rows: Iterable[Sequence[object]], *, numbers: Sequence[int] = ()) -> Html:
    """A table that scrolls within itself where it does not fit; `numbers` are the columns that stand to the right."""

    def cells(name: str, row: Sequence[object]) -> Html:
        return joined(tag(name, cell, cls="n" if at in numbers else "") for at, cell in enumerate(row))

    body = joined(tag("tr", cells("td", row)) for row in rows)
    inner = tag("table", tag("thead", tag("tr", cells("th", head))), tag("tbody", body))
    return tag("div", inner, cls="scroll", tabindex=0)


def document(*, lang: str, title: str, body: Iterable[object]) -> bytes:
    """The whole page, in UTF-8."""
    style = "\n".join(resources.files(__package__).joinpath(name).read_text("utf-8") for name in _STYLES)
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    policy = f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"
    head = tag(
        "head",
        tag("meta", charset="utf-8"),
        tag("meta", http_equiv="Content-Security-Policy", content=policy),
        tag("meta", name="generator", content="blossom-data"),
        tag("meta", name="referrer", content="no-referrer"),
        tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
        tag("meta", name="color-scheme", content="light dark"),
        tag("title", title),
        tag("style", Html(style)),
    )
    page = tag("html", head, tag("body", tag("main", *body)), lang=lang)
    return f"<!doctype html>\n{page}\n".encode()


def blocks(texts: Mapping[str, str]) -> Html:
    """Texts of the data side by side, each under what it is; one above the other where there is no room."""
    parts = (tag("div", tag("h4", name), tag("pre", text, dir="auto")) for name, text in texts.items())
    return tag("div", *parts, cls="beside")

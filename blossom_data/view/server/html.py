"""Pages out of templates, in the language that was asked for; every value that goes in is text and is escaped.

    Pages(lang="zh").show(request, "browse.html", rows=[...])

A text of a template stands there in English, `{{ t("Filters") }}`, and its translation in texts/zh.toml;
those of the codes of rejects are in report/page/codes_zh.toml.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from blossom_data.report.page.html import visible
from blossom_data.report.page.words import HTML_LANGS, code_meanings
from blossom_data.view.index.facets import LENGTHS

_COMPARED = 2
FACET_LABELS = {
    "kind": "What became of it",
    "mark": "Mark",
    "source": "Source",
    "lang": "Language",
    "category": "Category",
    "score": "Score",
    "tag": "Tag",
    "code": "Reject code",
    "model": "Model",
    "length": "Length in characters",
}


@cache
def translations(lang: str) -> Mapping[str, str]:
    """English texts of the pages, and what codes of rejects mean, with their translations; nothing for English."""
    if lang == "en":
        return {}
    found: dict[str, str] = tomllib.loads(files("blossom_data.view").joinpath(f"texts/{lang}.toml").read_text("utf-8"))
    return {**code_meanings(lang), **found}


class Pages:
    """The templates in one language."""

    def __init__(self, lang: str, *, has_chat: bool = False, sets: int = 1) -> None:
        self._lang = lang
        self._environment = Environment(
            loader=PackageLoader("blossom_data.view"),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self._environment.filters["number"] = lambda value: f"{value:,}"
        self._environment.globals |= {
            "t": self.text,
            "lang": HTML_LANGS[lang],
            "has_chat": has_chat,
            "has_sets": sets > 0,
            "has_versions": sets >= _COMPARED,
            "facet_label": lambda name: self.text(FACET_LABELS[name]),
            "value_label": self.value_label,
        }

    def text(self, english: str, **values: Any) -> str:
        """A text of the pages in their language, with `values` in its places."""
        told = translations(self._lang).get(english, english)
        return told.format(**values) if values else told

    def value_label(self, facet: str, value: str) -> str:
        """A value of a facet as people read it."""
        if not value:
            return self.text("(none)")
        if facet in ("kind", "mark"):
            return self.text(value)
        if facet == "length" and value.isdecimal() and int(value) in LENGTHS:
            place = LENGTHS.index(int(value))
            return f"{int(value):,}–{LENGTHS[place + 1] - 1:,}" if place + 1 < len(LENGTHS) else f"≥ {int(value):,}"
        return visible(value)

    def show(self, request: Request, template: str, *, status: int = 200, **values: Any) -> Response:
        """The page `template`."""
        text = self._environment.get_template(template).render(path=request.url.path, **values)
        # A lone surrogate of a file name has no place in UTF-8.
        return HTMLResponse(text.encode("utf-8", "replace"), status_code=status)

"""The page of a data set, out of what was found of it.

page(subject, lang="zh")      b"<!doctype html>..."
"""

from __future__ import annotations

from blossom_data.report.dataset.sections import buying, origin, outcome, style, texts
from blossom_data.report.dataset.subject import Subject
from blossom_data.report.page.charts import can_draw
from blossom_data.report.page.figures import contents, note
from blossom_data.report.page.html import Html, data, document, tag
from blossom_data.report.page.words import Words

_SECTIONS = (
    outcome.funnel,
    outcome.rejects,
    outcome.parts,
    texts.samples,
    texts.languages,
    texts.lengths,
    texts.categories,
    style.style,
    texts.repeats,
    texts.math_yield,
    buying.buying,
    buying.over_time,
    buying.tolerated,
    origin.difference,
    origin.origin,
)


def page(subject: Subject, *, lang: str = "en") -> bytes:
    """The page in UTF-8; `lang` is one of page.words.LANGS."""
    words = Words(lang)
    sections = [made for section in _SECTIONS if (made := section(words, subject)) is not None]
    version = subject.text("version")
    told = [words("Data set"), " · ", tag("code", data(subject.text("stage") or words("a file of records")))]
    head = [
        tag("h1", data(subject.name)),
        tag("p", *told, *([" · ", tag("code", data(version))] if version else []), cls="soft"),
        outcome.key_figures(words, subject),
        contents(words, sections),
        Html("") if can_draw() else note(words("Tables alone: charts come with the extra report.")),
    ]
    body = [*head, *(section.html() for section in sections)]
    return document(lang=words.html_lang, title=words("{name}: report", name=subject.name), body=body)

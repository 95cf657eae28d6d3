"""Turns of chats that were saved as HTML, as the Markdown that was shown.

    <div class="markdown prose"><p>What is <strong>2 + 2</strong>?</p></div>      What is **2 + 2**?
    a &lt; b, in a chat whose answers are HTML                                    a < b

A person who pastes HTML asks about it, and a part of a turn is never touched: a chat counts as saved HTML when an
answer of the model is HTML from its first tag to its last, when a turn carries the container that the chat page drew it
in, or when each turn of the person is nothing but paragraphs. Needs markdownify (extra `html`), imported for the first
such chat.
"""

from __future__ import annotations

import html
import re
from collections.abc import Sequence
from typing import Any

from blossom_data.errors import ConfigError, extra_hint
from blossom_data.rows.row import Unreadable

_BLOCK = r"(?:div|p|ul|ol|h[1-6]|pre|table|blockquote)"
_WHOLE = re.compile(rf"\s*+<({_BLOCK})(?:\s[^<>]*+)?>.*</{_BLOCK}>\s*", re.DOTALL | re.IGNORECASE)
_CONTAINER = re.compile(
    r'\s*+<div\s[^<>]*?class="[^"<>]*\b(?:markdown|prose|whitespace-pre-wrap|break-words)\b', re.IGNORECASE
)
_PARAGRAPHS = re.compile(r"\s*+(?:<p>(?:(?!</p>).)*+</p>\s*+)++", re.DOTALL | re.IGNORECASE)
_PAGE_PARTS = ("script", "style", "button", "svg", "head")
_ENTITY = re.compile(r"&(?:lt|gt|amp|quot|#39|#x27|nbsp);")
_MOST_CHARACTERS = 1 << 20


def is_saved_html(asked: Sequence[str], answers: Sequence[object]) -> bool:
    """Whether the turns of a person and of a model show that their chat was saved as HTML."""
    for answer in answers:
        if isinstance(answer, str) and answer[:1] in "< \n" and _WHOLE.fullmatch(answer):
            return True
    marked = [text for text in asked if text[:1] in "< \n" and text.lstrip()[:1] == "<"]
    is_drawn = any(_CONTAINER.match(text) and _WHOLE.fullmatch(text) for text in marked)
    return is_drawn or (bool(marked) and all(_PARAGRAPHS.fullmatch(text) for text in asked))


def to_markdown(text: str) -> str:
    """A turn of such a chat as Markdown; one without tags with its entities written out.

    Raises:
        ConfigError: markdownify is not installed.
        Unreadable: too_deep.
    """
    if _WHOLE.fullmatch(text) is None or len(text) > _MOST_CHARACTERS:
        return html.unescape(text) if "<" not in text and _ENTITY.search(text) else text
    return as_markdown(text, without=_PAGE_PARTS).strip()


def as_markdown(text: str, *, without: Sequence[str], only_text_of: Sequence[str] = ()) -> str:
    """HTML as Markdown, but for the elements `without`, and of `only_text_of` their text alone.

    Raises:
        ConfigError: markdownify is not installed.
        Unreadable: too_deep.
    """
    try:
        from bs4 import BeautifulSoup
        from markdownify import MarkdownConverter
    except ImportError as why:
        raise ConfigError("HTML is to be read, and markdownify is not installed", hint=extra_hint("html")) from why
    try:
        soup = BeautifulSoup(text, "html.parser")
        for part in soup.find_all(without):
            part.decompose()
        for block in soup.find_all("pre"):
            if (code := block.find("code")) is not None:  # beside it stands what the page drew around it
                block.clear()
                block.append(code)
        return str(_converter(MarkdownConverter, only_text_of).convert_soup(soup))
    except RecursionError as why:
        raise Unreadable("too_deep", "HTML that is nested too deep") from why


def _converter(kind: Any, only_text_of: Sequence[str]) -> Any:
    """A converter that leaves the text itself as it is."""
    return kind(
        strip=list(only_text_of) or None,
        heading_style="ATX",
        bullets="-",
        escape_asterisks=False,
        escape_underscores=False,
        code_language_callback=_language_of,
    )


def _language_of(block: Any) -> str:
    """The language of a code block, as its `code` element has it."""
    code = block.find("code")
    classes = (code.get("class") or []) if code is not None else []
    return next((name.removeprefix("language-") for name in classes if name.startswith("language-")), "")

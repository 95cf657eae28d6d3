"""Whether a text supports an answer, as far as code can tell: quotations to the letter, and numbers.

    missing_quote("the Rhine is 1,233 km long", text)                       ""  (it stands there)
    find_unsupported("It is 1,400 km long.", text, "How long is it?")       ("number_not_found", "1400 ...")

A quotation is looked for in the text with white space, width, and the forms of quotes and dashes made the same; not a
letter of it may differ. Numbers are compared by their value, however they are written. That a judge calls a claim
supported is believed only with a quotation that stands in the text.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

from blossom_data.curate.tokens import NUMBER, Tokenizer
from blossom_data.rows.normal import normal

_LEAST_QUOTED = 4
"""Signs of a quotation: a shorter one stands in most texts."""
_QUOTES = str.maketrans("‘’‚“”„«»–—−‐‑…", '\'\'\'"""""-----.')
_ELLIPSIS = re.compile(r"\s*(?:\.{3,}|\[\.{3}\]|…{1,2})\s*")
_LIST_MARK = re.compile(r"(?m)^\s*(?:\d{1,2}[.)、]|[-*])\s+")


@dataclass(frozen=True, slots=True)
class Claim:
    """What a judge says of one claim of an answer."""

    claim: str
    quote: str
    is_supported: bool


def missing_quote(quote: str, text: str) -> str:
    """What of `quote` does not stand in `text`, "" where all of it does; `...` may stand for words left out."""
    whole = _plain(text)
    pieces = [piece for piece in map(_plain, _ELLIPSIS.split(quote)) if piece]
    if sum(map(len, pieces)) < _LEAST_QUOTED:
        return f"a quotation of {sum(map(len, pieces))} signs: {quote[:40]!r}"
    at = 0
    for piece in pieces:
        found = whole.find(piece, at)
        if found < 0:
            return f"{piece[:120]!r} does not stand in the text"
        at = found + len(piece)
    return ""


def find_unsupported(answer: str, text: str, question: str, claims: Sequence[Claim] = ()) -> tuple[str, str] | None:
    """The first thing in `answer` that nothing supports, as (code, detail); None where all is.

    Args:
        claims: what a judge found; none: only numbers are looked at.
    """
    known = _numbers(text) | _numbers(question)
    if extra := [number for number in _numbers(_LIST_MARK.sub(" ", answer), only_figures=True) if number not in known]:
        return "number_not_found", f"{', '.join(sorted(extra)[:5])} stands neither in the text nor in the question"
    for claim in claims:
        if not claim.is_supported:
            return "unsupported", claim.claim[:200]
        if missing := missing_quote(claim.quote, text):
            return "quote_not_found", f"{claim.claim[:120]}: {missing}"
        # What is claimed of a number must stand where the judge says that it stands.
        if lost := _numbers(claim.claim, only_figures=True) - _numbers(claim.quote) - _numbers(question):
            return (
                "number_not_found",
                f"{claim.claim[:120]}: {', '.join(sorted(lost)[:5])} is not in {claim.quote[:80]!r}",
            )
    return None


def _plain(text: str) -> str:
    """`text` without case, width, line breaks, and what typesetters change."""
    return normal(text.translate(_QUOTES)).strip(" \"'.,;:。，；：")


def _numbers(text: str, *, only_figures: bool = False) -> set[str]:
    """The numbers of `text` by their value; with `only_figures` those that are figures: 300, 三百, not "two"."""
    tokenizer = _tokenizer()
    return {
        tokenizer[word].text
        for word in tokenizer.cut(text)
        if tokenizer[word].kind == NUMBER and (not only_figures or _is_figure(word))
    }


def _is_figure(word: str) -> bool:
    """Whether it counts or measures; the words for small numbers are as often pronouns: the two, 两者."""
    return any(map(str.isdecimal, word)) or (len(word) > 1 and not word.isascii())


@cache
def _tokenizer() -> Tokenizer:
    return Tokenizer()

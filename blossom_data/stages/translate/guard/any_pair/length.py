"""The output is about as long as a translation of the source is in its language.

A language's length for the same text stands in languages/languages.tsv (German 122 characters for 100 of English,
Japanese 62); the bands around it were measured on the translations that Django 5.2 comes with, in 54 languages and in
all directions between them: 997 of 1,000 pairs of texts lie within. Short texts vary most.
"""

from __future__ import annotations

from blossom_data.languages.tags import chars_of
from blossom_data.stages.translate.guard.finding import Pair

_BANDS = ((8, 0.2, 6.0), (15, 0.23, 2.7), (25, 0.27, 2.2), (40, 0.3, 2.15), (70, 0.43, 1.96), (120, 0.45, 1.7))
_LONG_TEXT = (0.46, 1.6)
"""(below so many characters of English, least, most) of what is there over what was to be expected."""
_UNMEASURED = 1.5
"""The bands are so much wider for a language whose length is not known, which is then taken for that of English."""


def find_length(pair: Pair) -> str:
    """The output is far too long or too short for the source."""
    one, other = chars_of(pair.source_lang), chars_of(pair.target_lang)
    source, output = _chars(pair.source), _chars(pair.output)
    english = source * 100 / (one or 100)
    if english < 2 or not output:
        return ""
    ratio = output * 100 / (other or 100) / english
    least, most = next(((least, most) for below, least, most in _BANDS if english < below), _LONG_TEXT)
    widen = 1.0 if one and other else _UNMEASURED
    if pair.is_lang_task:
        least = 0.0
    is_within = least / widen <= ratio <= most * widen
    return (
        "" if is_within else f"{ratio:.2f} of the expected length, not within {least / widen:.2f} to {most * widen:.2f}"
    )


def _chars(text: str) -> int:
    """Characters that are no blanks."""
    return len("".join(text.split()))

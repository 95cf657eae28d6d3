"""Text of a data set inside Markdown: nothing of it is read as Markdown, HTML or a line end.

escaped("a | b\\n# c", marks="|#")      "a &#124; b &#35; c"
"""

from __future__ import annotations


def escaped(value: object, *, marks: str) -> str:
    """`value` as text on one line, each of `marks` as its entity."""
    kept = "".join(letter if letter.isprintable() else " " for letter in str(value))
    return kept.translate({ord(mark): f"&#{ord(mark)};" for mark in marks})

"""Finds what is no text in a text: signs that no writer writes, and stretches of signs without words.

find_garbled("Paris\\ufffd")                 ->  "U+FFFD"
find_garbled("!!!!!!!!!!!!!!! ... (400)")   ->  "300 signs without words: '!!!!!!!!'"
"""

from __future__ import annotations

import re
import string

_NO_TEXT = re.compile("[\x00-\x08\x0e-\x1f\x7f-\x84\x86-\x9f\ud800-\udfff\ufffd\ufffe\uffff]")
_CODE = re.compile(r"^(?:```|~~~)|(?:^(?: {4}|\t)[^\n]*\n){3}|\\[a-z]{3,}|https?://", re.MULTILINE)
_WORDS = re.compile(r"[^\W\d_]{3,}")
_LETTERS = re.compile(r"[^\W\d_]")
_SIGNS = re.compile(r"[\W_]")
"""In a text without white space."""
_WINDOW = 300
_USUAL = (string.ascii_letters + string.digits + string.whitespace).encode()
"""Letters of which a text is full, and none of which is looked for: taken out first, and fast."""
_LEAST_SIGNS, _MOSTLY_SIGNS = _WINDOW // 5, _WINDOW * 9 // 10
_FEW_KINDS = 15
"""Random printable signs have some twenty kinds in a window, formulas and lists of numbers a handful."""


def find_garbled(text: str, question: str = "") -> str:
    """What is no text in an answer, "" when all is; what the question holds too is none of it."""
    rest = text.encode("utf-8", "surrogatepass").translate(None, _USUAL).decode("utf-8", "surrogatepass")
    for sign in _NO_TEXT.findall(rest):
        if sign not in question:
            return f"U+{ord(sign):04X}"
    if len(text) < _WINDOW or _has_few_signs(rest):
        return ""
    dense = "".join(text.split())
    signs = [sign.start() for sign in _SIGNS.finditer(dense)]
    start = -_WINDOW
    for first, last in zip(signs, signs[_LEAST_SIGNS - 1 :], strict=False):
        if last - first < _WINDOW and first >= start + _WINDOW // 2:
            start = min(first, len(dense) - _WINDOW)
            piece = dense[max(0, start) :][:_WINDOW]
            if len(piece) == _WINDOW and _is_noise(piece) and piece not in question:
                # Looked for last: most answers have neither, and it takes longer than all else.
                return "" if _CODE.search(text) else f"{_WINDOW} signs without words: {piece[:8]!r}"
    return ""


def _has_few_signs(rest: str) -> bool:
    """Whether so few signs stand in all of a text that no window of it is noise; `rest`: without its usual letters."""
    signs = _SIGNS.findall(rest)
    return len(signs) < (_LEAST_SIGNS if len(set(signs)) >= _FEW_KINDS else _MOSTLY_SIGNS)


def _is_noise(piece: str) -> bool:
    """Whether a window of signs without white space holds next to no words."""
    signs = _SIGNS.findall(piece)
    in_words = sum(map(len, _WORDS.findall(piece)))
    other_letters = sum(not letter.isascii() for letter in _LETTERS.findall(piece))
    is_many_kinds = len(set(signs)) >= _FEW_KINDS and max(in_words, other_letters) * 20 < _WINDOW * 9
    return len(signs) >= _MOSTLY_SIGNS or is_many_kinds

"""Finds what is no text in a text: signs that no writer writes, and stretches of signs without words.

find_garbled("Paris\\ufffd")                 ->  "U+FFFD"
find_garbled("!!!!!!!!!!!!!!! ... (400)")   ->  "300 signs without words: '!!!!!!!!'"
"""

from __future__ import annotations

import re

_NO_TEXT = re.compile("[\x00-\x08\x0e-\x1f\x7f-\x84\x86-\x9f\ud800-\udfff\ufffd\ufffe\uffff]")
_CODE = re.compile(r"^(?:```|~~~)|(?:^(?: {4}|\t)[^\n]*\n){3}|\\[a-z]{3,}|https?://", re.MULTILINE)
_WORDS = re.compile(r"[^\W\d_]{3,}")
_LETTERS = re.compile(r"[^\W\d_]")
_SIGNS = re.compile(r"[^\w\s]|_")
_WINDOW = 300
_FEW_KINDS = 15
"""Random printable signs have some twenty kinds in a window, formulas and lists of numbers a handful."""


def find_garbled(text: str, question: str = "") -> str:
    """What is no text in an answer, "" when all is; what the question holds too is none of it."""
    for sign in _NO_TEXT.findall(text):
        if sign not in question:
            return f"U+{ord(sign):04X}"
    if len(text) < _WINDOW or _CODE.search(text):
        return ""
    dense = "".join(text.split())
    signs = [sign.start() for sign in _SIGNS.finditer(dense)]
    least, start = _WINDOW // 5, -_WINDOW
    for first, last in zip(signs, signs[least - 1 :], strict=False):
        if last - first < _WINDOW and first >= start + _WINDOW // 2:
            start = min(first, len(dense) - _WINDOW)
            piece = dense[max(0, start) :][:_WINDOW]
            if len(piece) == _WINDOW and _is_noise(piece) and piece not in question:
                return f"{_WINDOW} signs without words: {piece[:8]!r}"
    return ""


def _is_noise(piece: str) -> bool:
    """Whether a window of signs without white space holds next to no words."""
    signs = _SIGNS.findall(piece)
    in_words = sum(map(len, _WORDS.findall(piece)))
    other_letters = sum(not letter.isascii() for letter in _LETTERS.findall(piece))
    is_many_kinds = len(set(signs)) >= _FEW_KINDS and max(in_words, other_letters) * 20 < _WINDOW * 9
    return len(signs) * 10 >= _WINDOW * 9 or is_many_kinds

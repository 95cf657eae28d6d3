"""Letters by script, as Unicode has them.

scripts_in("日本語で hello")   ->  {"Hani": 3, "Kana": 1, "Latn": 5}
is_in_scripts("Привет, Tom", ("Cyrl",))  ->  True
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from functools import cache

LETTERS = {
    "Latn": "A-Za-z\u00aa\u00ba\u00c0-\u00d6\u00d8-\u00f6\u00f8-\u024f\u1e00-\u1eff",
    "Hani": "\u3005\u3007\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff",
    "Kana": "\u3041-\u3096\u309d-\u309f\u30a1-\u30fa\u30fd-\u30ff\u31f0-\u31ff\uff66-\uff9d",
    "Hang": "\u1100-\u11ff\u3131-\u318e\uac00-\ud7a3",
    "Cyrl": "\u0400-\u052f",
    "Arab": "\u0620-\u065f\u066e-\u06d3\u06d5-\u06dc\u06fa-\u06ff\u0750-\u077f\u08a0-\u08ff\ufb50-\ufdff\ufe70-\ufefc",
    "Deva": "\u0900-\u0963\u0970-\u097f",
    "Thai": "\u0e01-\u0e2e\u0e30-\u0e3a\u0e40-\u0e4e",
    "Grek": "\u0370-\u03ff\u1f00-\u1fff",
    "Hebr": "\u0591-\u05bd\u05d0-\u05ea",
    "Beng": "\u0980-\u09e3\u09f0-\u09fe",
    "Guru": "\u0a01-\u0a5f\u0a70-\u0a75",
    "Gujr": "\u0a81-\u0ae3",
    "Orya": "\u0b01-\u0b63",
    "Taml": "\u0b82-\u0bd7",
    "Telu": "\u0c00-\u0c63",
    "Knda": "\u0c80-\u0ce3",
    "Mlym": "\u0d00-\u0d63",
    "Sinh": "\u0d81-\u0ddf",
    "Laoo": "\u0e81-\u0ecd",
    "Tibt": "\u0f40-\u0fbc",
    "Mymr": "\u1000-\u103f\u1050-\u109f",
    "Geor": "\u10a0-\u10ff\u1c90-\u1cbf",
    "Armn": "\u0531-\u0588",
    "Ethi": "\u1200-\u135f",
    "Khmr": "\u1780-\u17d3",
    "Mong": "\u1820-\u18aa",
}
"""Script (ISO 15924; Kana is both kana) -> the characters that its words consist of, marks included."""
UNSPACED = frozenset({"Hani", "Kana", "Thai", "Laoo", "Khmr", "Mymr", "Tibt"})
"""Scripts that do not part words by blanks."""
ONE_LANGUAGE = {
    "Kana": "ja", "Hang": "ko", "Thai": "th", "Grek": "el", "Hebr": "he", "Taml": "ta", "Telu": "te", "Geor": "ka",
    "Khmr": "km", "Mymr": "my", "Beng": "bn", "Guru": "pa", "Gujr": "gu", "Orya": "or", "Knda": "kn", "Mlym": "ml",
    "Sinh": "si", "Laoo": "lo", "Tibt": "bo", "Armn": "hy", "Ethi": "am", "Mong": "mn",
}  # fmt: skip
"""Scripts that tell the language, or the one that most texts in them are in."""


@cache
def run_of(scripts: tuple[str, ...]) -> re.Pattern[str]:
    """A run of letters of any of `scripts`."""
    return re.compile(f"[{''.join(LETTERS.get(script, '') for script in scripts) or chr(0)}]+")


@cache
def _any_run() -> re.Pattern[str]:
    return re.compile("|".join(f"(?P<{script}>[{letters}]+)" for script, letters in LETTERS.items()))


def runs_in(text: str) -> Iterable[tuple[str, str]]:
    """(script, run of letters) in the order of the text."""
    for match in _any_run().finditer(text):
        yield str(match.lastgroup), match[0]


def scripts_in(text: str) -> Counter[str]:
    """Letters of `text` by script."""
    found: Counter[str] = Counter()
    for script, run in runs_in(text):
        found[script] += len(run)
    return found


@cache
def simplified_only() -> frozenset[str]:
    """Characters that traditional Chinese does not use: GB 2312 less all of Big5."""
    return _less("gb2312", 0xB0, 0xF7, "big5")


@cache
def traditional_only() -> frozenset[str]:
    """Characters that simplified Chinese does not use: the frequent plane of Big5 less all of GB 2312."""
    frequent = (bytes((high, low)) for high in range(0xA4, 0xC7) for low in (*range(0x40, 0x7F), *range(0xA1, 0xFF)))
    signs = (pair.decode("big5", "ignore") for pair in frequent if pair <= b"\xc6\x7e")
    return frozenset(sign for sign in signs if len(sign) == 1 and not sign.encode("gb2312", "ignore"))


@cache
def chinese_only() -> frozenset[str]:
    """Characters of simplified Chinese that Japanese does not use: GB 2312 less all of JIS X 0213."""
    return _less("gb2312", 0xB0, 0xF7, "euc_jis_2004")


def _less(charset: str, first: int, last: int, other: str) -> frozenset[str]:
    pairs = (bytes((high, low)) for high in range(first, last + 1) for low in range(0xA1, 0xFF))
    signs = (pair.decode(charset, "ignore") for pair in pairs)
    return frozenset(sign for sign in signs if len(sign) == 1 and not sign.encode(other, "ignore"))

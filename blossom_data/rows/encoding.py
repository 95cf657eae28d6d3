"""Which encoding text that is not UTF-8 is most likely in, and the command that makes UTF-8 of it.

    likely_encoding("问题".encode("gbk"))      -> "GB18030"
    likely_encoding("café".encode("cp1252"))   -> "WINDOWS-1252"
    likely_encoding('{"a"'.encode("utf-16le")) -> "UTF-16LE"

A guess for a hint, from how common the characters are that the bytes would stand for; nothing is ever read by it.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable

from blossom_data.rows.row import MAX_RAW_BYTES

_MOST_BYTES = MAX_RAW_BYTES
_WIDE_BYTES = 64
_ZERO_SHARE = 0.3
_INFLATERS = {".gz": "gzip -dc", ".zst": "zstd -dc", ".zstd": "zstd -dc"}
_KANA = re.compile("[\u3040-\u30ff]")


def likely_encoding(data: bytes) -> str:
    """The name by which iconv knows the encoding that `data` is most likely in; "" for UTF-8 and no text."""
    data = data[:_MOST_BYTES]
    if b"\0" in data:
        return _wide(data[:_WIDE_BYTES])
    if data.isascii() or _decoded(data, "utf-8"):
        return ""
    for name, codec, is_common, least in _CANDIDATES:
        letters = [letter for letter in _decoded(data, codec) if not letter.isascii()]
        if letters and sum(map(is_common, letters)) >= least * len(letters):
            return name
    return ""


def iconv_line(encoding: str, name: str) -> str:
    """The command that makes UTF-8 of the file `name`."""
    for suffix, inflate in _INFLATERS.items():
        if name.endswith(suffix):
            target = shlex.quote(name.removesuffix(suffix))
            return f"{inflate} {shlex.quote(name)} | iconv -f {encoding} -t UTF-8 > {target}"
    stem, dot, suffix = name.rpartition(".")
    target = f"{stem}.utf8.{suffix}" if dot and "/" not in suffix else f"{name}.utf8"
    return f"iconv -f {encoding} -t UTF-8 {shlex.quote(name)} > {shlex.quote(target)}"


def _wide(data: bytes) -> str:
    """UTF-16 or UTF-32 without a byte order mark: ASCII, of which JSON has some, leaves zeros at fixed places."""
    zeros = [data[start::4].count(0) / max(1, len(data[start::4])) for start in range(4)]
    is_zero = [share >= _ZERO_SHARE for share in zeros]
    wide = {
        (False, True, True, True): "UTF-32LE",
        (True, True, True, False): "UTF-32BE",
        (False, True, False, True): "UTF-16LE",
        (True, False, True, False): "UTF-16BE",
    }
    return wide.get((is_zero[0], is_zero[1], is_zero[2], is_zero[3]), "")


def _decoded(data: bytes, codec: str) -> str:
    """The text, without what a cut in the middle of a character leaves at the end; "" where it is none."""
    for cut in range(4 if len(data) >= _MOST_BYTES else 1):
        try:
            return data[: len(data) - cut].decode(codec)
        except UnicodeDecodeError:
            continue
    return ""


def _stands_in(codec: str, leads: tuple[range, ...], least_trail: int) -> Callable[[str], bool]:
    """Whether a character lies in those rows of a two-byte code that hold its punctuation and its common characters."""

    def is_common(letter: str) -> bool:
        code = letter.encode(codec, errors="ignore")
        return len(code) == 2 and any(code[0] in rows for rows in leads) and code[1] >= least_trail

    return is_common


_CANDIDATES: tuple[tuple[str, str, Callable[[str], bool], float], ...] = (
    ("GB18030", "gb18030", _stands_in("gb18030", (range(0xA1, 0xA4), range(0xB0, 0xD8)), 0xA1), 0.8),
    ("SHIFT_JIS", "shift_jis", lambda letter: _KANA.match(letter) is not None, 0.2),
    ("BIG5", "big5", _stands_in("big5", (range(0xA1, 0xA4), range(0xA4, 0xC7)), 0x40), 0.8),
    ("WINDOWS-1252", "cp1252", str.isprintable, 0.8),
)

"""A key as servers may echo it, and all that a run wrote and printed, to look for the key in.

SPELLINGS["upper case escapes"]("sk-a+b")         ->   what stands in a JSON string of the server, sk-a\\u002Bb
[text for text in map(signs, everything(folder, done)) if KEY in text]      must be empty
"""

from __future__ import annotations

import html
import sqlite3
import urllib.parse
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import zstandard
from command import Result

SPELLINGS: dict[str, Callable[[str], str]] = {
    "plain": lambda key: key,
    "upper case escapes": lambda key: key.replace("+", "\\u002B").replace("/", "\\/"),
    "lower case escapes": lambda key: key.replace("+", "\\u002b").replace("/", "\\u002f"),
    "every sign": lambda key: "".join(f"\\u{ord(sign):04x}" for sign in key),
    "JSON in JSON": lambda key: key.replace("+", "\\\\u002B").replace("/", "\\\\\\/"),
    "in a URL": lambda key: urllib.parse.quote(key, safe=""),
    "in HTML": lambda key: html.escape(key).replace("+", "&#43;").replace("/", "&#x2F;"),
}


def everything(folder: Path, *done: Result) -> Iterator[str]:
    """All that the runs printed and wrote, with what is compressed taken apart; escapes of JSON undone."""
    for result in done:
        yield from (result.out, result.err)
    for file in folder.rglob("*"):
        if file.is_file() and not file.name.startswith("in.jsonl"):
            data = file.read_bytes()
            yield data.decode("latin-1")
            if file.suffix == ".zst":
                yield zstandard.ZstdDecompressor().stream_reader(data).read().decode()
    for ledger in folder.rglob("*.sqlite"):
        with closing(sqlite3.connect(ledger)) as database:
            for (packed,) in database.execute("SELECT body FROM replies"):
                yield zstandard.ZstdDecompressor().decompress(packed).decode()
            for row in database.execute("SELECT * FROM failures"):
                yield repr(row)


def signs(text: str) -> str:
    """The text as any reader would see it in the end: escapes undone, of JSON, of URLs and of HTML."""
    for _ in range(3):
        text = html.unescape(urllib.parse.unquote(text))
        text = text.replace("\\/", "/").replace("\\\\", "\\")
        for code in range(32, 127):
            for shown in (f"\\u{code:04x}", f"\\u{code:04X}"):
                text = text.replace(shown, chr(code))
    return text

"""Finds the files of an input and recognises what each holds, by its content before its name.

    read_rows("train.jsonl")       JSON lines, or a JSON array, or objects over several lines; plain, .gz or .zst
    read_rows("train.parquet")     Parquet
    read_rows("alpaca/")           the data files of a folder, in the order of their names (not those of its subfolders)
    read_rows("out/math-zh/")      a data set: the shards of its manifest.json, each compared with its sha256
    read_rows("-")                 standard input

It refuses what cannot be read or is surely not meant (InputError): no such file, no data file in a folder, a pipe, an
archive, UTF-16, an input without a row, a file that changes while it is read.
"""

from __future__ import annotations

import hashlib
import os
import re
import stat
import sys
from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from typing import BinaryIO

from blossom_data.errors import InputError
from blossom_data.outputs.unfinished import refuse_unfinished
from blossom_data.rows.array import read_elements
from blossom_data.rows.compressed import BLOCK_BYTES, inflate
from blossom_data.rows.lines import read_lines
from blossom_data.rows.parquet import MAGIC as PARQUET_MAGIC
from blossom_data.rows.parquet import read_parquet
from blossom_data.rows.row import BadRow, Row
from blossom_data.shards import MANIFEST, read_manifest

_LINES_SUFFIXES, _TEXT_SUFFIXES = (".jsonl", ".ndjson"), (".jsonl", ".ndjson", ".json")
_COMPRESSED_SUFFIXES = (".gz", ".zst", ".zstd")
_KNOWN = "JSON lines (.jsonl), a JSON array (.json), both also as .gz or .zst, and Parquet (.parquet)"
_FOREIGN = {
    b"PK\x03\x04": "a zip archive (or a spreadsheet)",
    b"BZh": "a bzip2 file",
    b"\xfd7zXZ": "an xz file",
    b"7z\xbc\xaf": "a 7z archive",
    b"ARROW1": "an Arrow file",
    b"SQLite format": "an SQLite database",
    b"\xff\xfe": "UTF-16 text",
    b"\xfe\xff": "UTF-16 text",
    b"version https://git-lfs": "a Git LFS pointer: the data itself was not fetched",
}
_BOM = b"\xef\xbb\xbf"
_MAGIC_BYTES = 32
"""A pipe may give fewer at first; by so many every kind of file is known."""
_PEEK_BYTES = 1 << 16
_ARRAY_OF_OBJECTS = re.compile(rb"\[\s*+(?:\{|\Z|\]\s*+\Z)")
_OBJECT_OVER_LINES = re.compile(rb"\{[ \t]*+\r?\n")


def read_rows(path: Path | str) -> Iterator[Row | BadRow]:
    """The rows of a file, a folder, a data set or standard input (`-`), in order; bad ones as BadRow.

    Raises:
        InputError: see the module docstring; for a missing file at once, else while reading.
        ConfigError: a Parquet file without pyarrow.
    """
    if str(path) == "-":
        # Without the buffer rows come as they are written, and a thread that waits for one holds no lock at the end.
        stream = getattr(sys.stdin.buffer, "raw", sys.stdin.buffer)
        return _require_a_row(_read_stream(stream, "<stdin>", ""), "standard input")
    name = label(path)
    try:
        folder = Path(path)
        mode = folder.stat().st_mode
        if not stat.S_ISDIR(mode):
            _refuse_pipe(mode, name)
            return _require_a_row(_read_file(folder), name)
        manifest = read_manifest(folder)
        if manifest is not None:
            return _read_shards(folder, manifest.get("shards"))
        refuse_unfinished(folder)
        files = _data_files(folder)
    except (OSError, ValueError) as why:
        raise InputError(f"cannot read {name}: {_reason(why)}", hint="check the path") from why
    return _require_a_row(chain.from_iterable(map(_read_file, files)), name)


def label(path: Path | str) -> str:
    """The path as text that can be encoded, whatever bytes the file name holds."""
    return os.fsencode(path).decode(errors="replace")


def _require_a_row(rows: Iterator[Row | BadRow], name: str) -> Iterator[Row | BadRow]:
    is_empty = True
    for row in rows:
        is_empty = False
        yield row
        break
    yield from rows
    if is_empty:
        raise InputError(f"{name} is empty: it holds no row", hint="was it written to the end?")


def _data_files(folder: Path) -> list[Path]:
    """The data files of `folder`, sorted by name."""
    entries = sorted(entry for entry in folder.iterdir() if not entry.name.startswith((".", "_")))
    files = [entry for entry in entries if _is_data_name(entry.name) and entry.is_file() and entry.name != MANIFEST]
    if not files:
        inner = [entry.name for entry in entries if entry.is_dir()]
        hint = f"did you mean its subfolder {inner[0]}?" if inner else f"known kinds: {_KNOWN}"
        raise InputError(f"no data file in the folder {label(folder)}", hint=hint)
    return files


def _is_data_name(name: str) -> bool:
    bare = _without_compression(name.lower())
    return bare.endswith(_TEXT_SUFFIXES) or name.lower().endswith(".parquet")


def _without_compression(name: str) -> str:
    return next((name.removesuffix(end) for end in _COMPRESSED_SUFFIXES if name.endswith(end)), name)


def _read_shards(folder: Path, shards: object) -> Iterator[Row | BadRow]:
    """The rows of a finished data set; a shard that is not the one its manifest names ends the reading."""
    try:
        named = [(str(shard["file"]), str(shard["sha256"])) for shard in shards]  # type: ignore[attr-defined]
    except (TypeError, KeyError) as why:
        raise InputError(f"{label(folder / MANIFEST)} names no shards", hint="make the data set again") from why
    for name, sha256 in named:
        path = folder / name
        if path.parent != folder or not path.is_file():
            raise InputError(f"the shard {name} of {label(folder)} is missing", hint="make the data set again")
        with path.open("rb") as file:
            if hashlib.file_digest(file, "sha256").hexdigest() != sha256:
                raise InputError(
                    f"the shard {label(path)} is not the one that its manifest names: it was changed or damaged",
                    hint="make the data set again, or pass the shard's own path to read it as it is",
                )
        yield from _read_file(path)


def _read_file(path: Path) -> Iterator[Row | BadRow]:
    name = label(path)
    try:
        with path.open("rb") as file:
            before = os.fstat(file.fileno())
            _refuse_pipe(before.st_mode, name)
            yield from _read_stream(file, name, path.name.lower())
            after = os.fstat(file.fileno())
    except OSError as why:
        raise InputError(f"cannot read {name}: {_reason(why)}", hint="check the file and its permissions") from why
    if (before.st_size, before.st_mtime_ns) != (after.st_size, after.st_mtime_ns):
        raise InputError(f"{name} changed while it was read", hint="wait until it is written, then run again")


def _refuse_pipe(mode: int, name: str) -> None:
    if not stat.S_ISREG(mode):
        raise InputError(f"{name} is neither a file nor a folder", hint="pipe it into standard input and pass -")


def _read_stream(file: BinaryIO, name: str, file_name: str) -> Iterator[Row | BadRow]:
    """The rows of an open file whose name (in lower case, "" for a stream) helps where the content leaves a choice."""
    head = file.read(BLOCK_BYTES)
    while len(head) < _MAGIC_BYTES and (more := file.read(BLOCK_BYTES)):
        head += more
    if head.startswith(PARQUET_MAGIC):
        if not file_name:
            raise InputError("Parquet cannot be read from standard input", hint="pass the file's path")
        yield from read_parquet(file.name, name)
        return
    _refuse_foreign(head, name)
    blocks = inflate(file, name, head)
    first, blocks = _peek(blocks)
    _refuse_foreign(first, name)
    bare = _without_compression(file_name)
    start = first.lstrip(b" \t\r\n")
    is_array = start.startswith(b"[") and (not bare.endswith(_LINES_SUFFIXES) or _ARRAY_OF_OBJECTS.match(start))
    if is_array or _OBJECT_OVER_LINES.match(start):
        yield from read_elements(blocks, name)
    elif not start or start.startswith(b"{") or bare.endswith(_TEXT_SUFFIXES):
        yield from read_lines(blocks, name)
    else:
        raise InputError(f"{name} does not look like data: it begins with {_preview(start)}", hint=f"known: {_KNOWN}")


def _peek(blocks: Iterator[bytes]) -> tuple[bytes, Iterator[bytes]]:
    """The first bytes without a byte order mark, and all blocks, these included."""
    first = b""
    for block in blocks:
        first += block
        start = first.removeprefix(_BOM).lstrip()
        # With its first line a row in lines is known: who writes into a pipe may take a while for the next one.
        if len(first) >= _PEEK_BYTES or (start.startswith(b"{") and b"\n" in start):
            break
    first = first.removeprefix(_BOM)
    return first, chain([first], blocks)


def _refuse_foreign(head: bytes, name: str) -> None:
    for magic, kind in _FOREIGN.items():
        if head.startswith(magic):
            hint = f"iconv -f UTF-16 -t UTF-8 {name}" if kind == "UTF-16 text" else f"known kinds: {_KNOWN}"
            raise InputError(f"{name} is {kind}", hint=hint)


def _preview(start: bytes) -> str:
    return repr(start[:24].decode(errors="replace"))


def _reason(why: Exception) -> str:
    return (why.strerror if isinstance(why, OSError) else None) or str(why)

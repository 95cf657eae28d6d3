"""Finds the files of an input and recognises what each holds, by its content before its name.

    read_rows("train.jsonl")       JSON lines, or a JSON array, or objects over several lines; plain, .gz or .zst
    read_rows("train.csv")         CSV or TSV with a header line; plain, .gz or .zst
    read_rows("train.parquet")     Parquet, and Arrow (.arrow)
    read_rows("alpaca/")           the data files of a folder, in the order of their names (not those of its subfolders)
    read_rows("out/math-zh/")      a data set: the shards of its manifest.json, each compared with its sha256
    read_rows("s3://bucket/x")     any of these in an object store
    read_rows("-")                 standard input

It refuses what cannot be read or is surely not meant (InputError): no such file, no data file in a folder, a pipe, an
archive, UTF-16, an input without a row, a file that changes while it is read. Who names the fields that are `wanted`
gets the rows inside a wrapper too (wrapped.py).
"""

from __future__ import annotations

import hashlib
import os
import re
import stat
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import chain
from pathlib import Path
from typing import BinaryIO

from blossom_data.errors import InputError
from blossom_data.object_store import ObjectPath, path_of
from blossom_data.object_store.reading import ObjectFile
from blossom_data.outputs.unfinished import refuse_unfinished
from blossom_data.rows.array import is_whole, read_elements
from blossom_data.rows.compressed import BLOCK_BYTES, inflate
from blossom_data.rows.encoding import iconv_line, likely_encoding
from blossom_data.rows.folders import LINES_SUFFIXES, TABLE_SUFFIXES, TEXT_SUFFIXES, data_files, without_compression
from blossom_data.rows.lines import read_lines
from blossom_data.rows.row import BadRow, Row
from blossom_data.rows.tables.arrow import FILE_MAGIC, STREAM_MAGIC, read_arrow
from blossom_data.rows.tables.delimited import read_table
from blossom_data.rows.tables.parquet import MAGIC as PARQUET_MAGIC
from blossom_data.rows.tables.parquet import read_parquet
from blossom_data.rows.wanted import Wanted
from blossom_data.rows.wrapped import unwrap
from blossom_data.shards import MANIFEST, read_manifest

_KNOWN = "JSON lines (.jsonl), a JSON array (.json), CSV and TSV, all also as .gz or .zst, Parquet and Arrow"
_FOREIGN = {
    b"PK\x03\x04": "a zip archive (or a spreadsheet)",
    b"BZh": "a bzip2 file",
    b"\xfd7zXZ": "an xz file",
    b"7z\xbc\xaf": "a 7z archive",
    b"SQLite format": "an SQLite database",
    b"version https://git-lfs": "a Git LFS pointer: the data itself was not fetched",
}
_BOM = b"\xef\xbb\xbf"
_WIDE_BOMS = {b"\xff\xfe\0\0": "UTF-32", b"\0\0\xfe\xff": "UTF-32", b"\xff\xfe": "UTF-16", b"\xfe\xff": "UTF-16"}
_COLUMNS = {
    PARQUET_MAGIC: ("Parquet", read_parquet),
    FILE_MAGIC: ("Arrow", read_arrow),
    STREAM_MAGIC: ("Arrow", read_arrow),
}
_MAGIC_BYTES = 32
"""A pipe may give fewer at first; by so many every kind of file is known."""
_PEEK_BYTES = 1 << 16
_ARRAY_OF_OBJECTS = re.compile(rb"\[\s*+(?:[{\[]|\Z|\]\s*+\Z)")
_OBJECT_OVER_LINES = re.compile(rb"\{[ \t]*+\r?\n")


def read_rows(
    path: Path | str, wanted: Wanted | None = None, *, files: Sequence[Path] | None = None
) -> Iterator[Row | BadRow]:
    """The rows of a file, a folder, a data set or standard input (`-`), in order; bad ones as BadRow.

    Args:
        wanted: what the reader takes of the rows; None: all that is there.
        files: of a plain folder, those that are read; None: all in it.

    Raises:
        InputError: see the module docstring; for a missing file at once, else while reading.
        ConfigError: a Parquet file without pyarrow.
    """
    if str(path) == "-":
        # Without the buffer rows come as they are written, and a thread that waits for one holds no lock at the end.
        stream = getattr(sys.stdin.buffer, "raw", sys.stdin.buffer)
        return _require_a_row(_read_stream(stream, "<stdin>", "", wanted), "standard input")
    name = label(path)
    try:
        folder = path_of(path)
        mode = folder.stat().st_mode
        if not stat.S_ISDIR(mode):
            _refuse_pipe(mode, name)
            return _require_a_row(_read_file(folder, wanted), name)
        manifest = read_manifest(folder)
        if manifest is not None:
            return _read_shards(folder, manifest.get("shards"), wanted)
        refuse_unfinished(folder)
        found = list(files) if files is not None else _data_files(folder)
    except (OSError, ValueError) as why:
        raise InputError(f"cannot read {name}: {_reason(why)}", hint="check the path") from why
    return _require_a_row(chain.from_iterable(_read_file(file, wanted) for file in found), name)


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
    files = data_files(folder)
    if not files:
        raise no_data(folder)
    return files


def no_data(folder: Path) -> InputError:
    """The error of a folder without a data file of its own."""
    inner = sorted(entry.name for entry in folder.iterdir() if entry.is_dir() and not entry.name.startswith((".", "_")))
    hint = f"did you mean its subfolder {inner[0]}?" if inner else f"known kinds: {_KNOWN}"
    return InputError(f"no data file in the folder {label(folder)}", hint=hint)


def _read_shards(folder: Path, shards: object, wanted: Wanted | None) -> Iterator[Row | BadRow]:
    """The rows of a finished data set; a shard that is not the one its manifest names ends the reading."""
    for path in verified_shards(folder, shards):
        yield from _read_file(path, wanted)


def verified_shards(folder: Path, shards: object) -> Iterator[Path]:
    """The files that `shards` of a manifest names in `folder`, each found to be the very one.

    Raises:
        InputError: one is missing or another; or none are named.
    """
    try:
        named = [(str(shard["file"]), str(shard["sha256"])) for shard in shards]  # type: ignore[attr-defined]
    except (TypeError, KeyError) as why:
        raise InputError(f"{label(folder / MANIFEST)} names no shards", hint="make the data set again") from why
    for name, sha256 in named:
        path = folder / name
        if path.parent != folder or not (isinstance(path, ObjectPath) or path.is_file()):
            raise _missing(name, folder)
        try:
            with _with_hash(path, sha256) as is_intact:
                if not is_intact:
                    raise InputError(
                        f"the shard {label(path)} is not the one that its manifest names: it was changed or damaged",
                        hint="make the data set again, or pass the shard's own path to read it as it is",
                    )
                yield path
        except FileNotFoundError as why:
            raise _missing(name, folder) from why


def _missing(name: str, folder: Path) -> InputError:
    return InputError(f"the shard {name} of {label(folder)} is missing", hint="make the data set again")


@contextmanager
def _with_hash(path: Path, sha256: str) -> Iterator[bool]:
    """Whether the file has that hash; an object is fetched once, and read from its copy within the block."""
    if isinstance(path, ObjectPath):
        with path.held(sha256) as is_intact:
            yield is_intact
        return
    with path.open("rb") as file:
        is_intact = hashlib.file_digest(file, "sha256").hexdigest() == sha256
    yield is_intact


def _read_file(path: Path, wanted: Wanted | None) -> Iterator[Row | BadRow]:
    name = label(path)
    try:
        with path.open("rb") as file:
            if isinstance(file, ObjectFile):  # each of its requests is for the very object that was opened
                yield from _read_stream(file, name, path.name.lower(), wanted)
                return
            before = os.fstat(file.fileno())
            _refuse_pipe(before.st_mode, name)
            yield from _read_stream(file, name, path.name.lower(), wanted)
            after = os.fstat(file.fileno())
    except OSError as why:
        raise InputError(f"cannot read {name}: {_reason(why)}", hint="check the file and its permissions") from why
    if (before.st_size, before.st_mtime_ns) != (after.st_size, after.st_mtime_ns):
        raise InputError(f"{name} changed while it was read", hint="wait until it is written, then run again")


def _refuse_pipe(mode: int, name: str) -> None:
    if not stat.S_ISREG(mode):
        raise InputError(f"{name} is neither a file nor a folder", hint="pipe it into standard input and pass -")


def _read_stream(file: BinaryIO, name: str, file_name: str, wanted: Wanted | None) -> Iterator[Row | BadRow]:
    """The rows of an open file whose name (in lower case, "" for a stream) helps where the content leaves a choice."""
    head = file.read(BLOCK_BYTES)
    while len(head) < _MAGIC_BYTES and (more := file.read(BLOCK_BYTES)):
        head += more
    for magic, (kind, read) in _COLUMNS.items():
        if head.startswith(magic):
            if not file_name:
                raise InputError(f"{kind} cannot be read from standard input", hint="pass the file's path")
            yield from read(file, name, wanted)
            return
    _refuse_foreign(head, name)
    first, blocks = _peek(inflate(file, name, head))
    _refuse_foreign(first, name)
    yield from _read_text(blocks, first, name, without_compression(file_name), wanted)


def _read_text(
    blocks: Iterator[bytes], first: bytes, name: str, bare: str, wanted: Wanted | None
) -> Iterator[Row | BadRow]:
    """The rows of text that begins with `first`, from a file of the name `bare`."""
    start = first.lstrip(b" \t\r\n")
    is_json = start.startswith((b"{", b"["))
    if bare.endswith(TABLE_SUFFIXES) and start and not is_json:
        yield from read_table(blocks, name, wanted)
        return
    if wanted is not None and is_json:
        rows, blocks = unwrap(blocks, start, name, wanted)
        if rows is not None:
            yield from rows
            return
    is_array = start.startswith(b"[") and (not bare.endswith(LINES_SUFFIXES) or _ARRAY_OF_OBJECTS.match(start))
    is_array = is_array and not (wanted is not None and _is_list_on_each_line(start))
    if is_array or _OBJECT_OVER_LINES.match(start):
        yield from read_elements(blocks, name, wanted)
    elif not start or start.startswith(b"{") or bare.endswith(TEXT_SUFFIXES):
        yield from read_lines(blocks, name, wanted)
    else:
        raise InputError(f"{name} does not look like data: it begins with {_preview(start)}", hint=f"known: {_KNOWN}")


def _is_list_on_each_line(start: bytes) -> bool:
    """Whether the first line is a whole list, and the next one begins another."""
    line, _, rest = start.partition(b"\n")
    return rest.lstrip().startswith(b"[") and line.rstrip().endswith(b"]") and is_whole(line)


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
    wide = next((encoding for bom, encoding in _WIDE_BOMS.items() if head.startswith(bom)), "")
    wide = wide or (likely_encoding(head[:_MAGIC_BYTES]) if b"\0" in head[:_MAGIC_BYTES] else "")
    if wide:
        raise InputError(f"{name} is {wide.removesuffix('LE').removesuffix('BE')} text", hint=iconv_line(wide, name))
    for magic, kind in _FOREIGN.items():
        if head.startswith(magic):
            raise InputError(f"{name} is {kind}", hint=f"known kinds: {_KNOWN}")


def _preview(start: bytes) -> str:
    return repr(start[:24].decode(errors="replace"))


def _reason(why: Exception) -> str:
    return (why.strerror if isinstance(why, OSError) else None) or str(why)

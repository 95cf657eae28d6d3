"""Facts about an input without reading its rows: how many there are, and which bytes it holds.

fingerprint("train.jsonl")   ->   {"name": "train.jsonl", "sha256": "17f347dc..."}
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from blossom_data.errors import InputError
from blossom_data.object_store import ObjectPath, path_of
from blossom_data.rows.inputs import label
from blossom_data.shards import MANIFEST, read_manifest

_BLOCK_BYTES = 1 << 20


def count_records(path: Path | str) -> int | None:
    """The number of records at `path`, None where only reading would tell; lines are counted, not parsed.

    Raises:
        InputError: it cannot be read. So with all of these.
    """
    at = path_of(path)
    if at.is_dir():
        manifest = read_manifest(at)
        return int(manifest["records"]) if manifest else None
    if str(path) == "-" or at.suffix not in (".jsonl", ".ndjson") or isinstance(at, ObjectPath) or not at.is_file():
        return None
    lines, last = 0, b"\n"
    with _told(at), at.open("rb") as file:
        while block := file.read(_BLOCK_BYTES):
            lines += block.count(b"\n")
            last = block
    return lines + (not last.endswith(b"\n"))


def fingerprint(path: Path | str) -> dict[str, Any]:
    """The name and sha256 of a file, or of a data set's manifest; standard input and plain folders have no sha256."""
    at = path_of(path)
    file = at / MANIFEST if at.is_dir() else at
    if str(path) == "-" or not file.is_file():
        return {"name": "stdin" if str(path) == "-" else label(at.name), "sha256": ""}
    return {"name": label(at.name), "sha256": _sha256(file)}


def content_digest(path: Path) -> str:
    """The sha256 of all bytes that a source at `path` is read from; of a folder, with the names of its files."""
    files = sorted(file for file in path.rglob("*") if file.is_file()) if path.is_dir() else [path]
    digest = hashlib.sha256()
    for file in files:
        name = os.fsencode(file.relative_to(path)) if path.is_dir() else b""
        digest.update(name + f"\0{_sha256(file)}\n".encode())
    return digest.hexdigest()


def _sha256(file: Path) -> str:
    with _told(file), file.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()


@contextmanager
def _told(file: Path) -> Iterator[None]:
    """Turns what the system refuses into an InputError."""
    try:
        yield
    except OSError as why:
        raise InputError(
            f"cannot read {label(file)}: {why.strerror}", hint="check the path and its permissions"
        ) from why

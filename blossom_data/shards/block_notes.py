"""What earlier runs noted about the blocks of a data set; by it a later run takes shards over as they are.

A block is the input records of one shard. Its note says by what the block is known again, and what came of it:

    {"digest": "9f2c...", "marks": "c1d2e3f4...", "tally": {"counts": {"kept": 9981}, ...}, "bad_rows": [],
     "shards": {"kept": [{"file": "part-00003.jsonl.zst", "sha256": ...}], "rejects": [...]}}

    OUT/.building/block-00003.json    of a run that is not finished, a file for each block
    OUT/.blocks.json                  of the finished data set: {"3": {...}, ...}

A block is taken over when its digest is the same and its shards have the bytes that the note names.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

BUILDING = ".building"
BLOCKS = ".blocks.json"
PLACE = "place"
"""In .building: by it processes on several machines know that they see the same storage."""
NOTES, _NOTE = "block-*.json", "block-{:05d}.json"
_KINDS = {"kept": ".", "rejects": "rejects"}
_SHARD = re.compile(r"part-\d{5,}\.jsonl\.zst")


@dataclass(frozen=True, slots=True)
class Note:
    """What is noted about one block, and the data set folder (or its .building) in which its shards lie."""

    folder: Path
    about: dict[str, Any]

    @property
    def digest(self) -> str:
        return str(self.about["digest"])

    @property
    def marks(self) -> str:
        """Digests of the block's beginnings, eight digits each: what differs is known before the block is read."""
        return str(self.about.get("marks", ""))

    def shards(self, kind: str) -> Iterator[tuple[Path, dict[str, Any]]]:
        """The shards of `kind` (kept, rejects): where they lie, and their entries in the manifest."""
        for shard in self.about["shards"][kind]:
            yield self.folder / _KINDS[kind] / shard["file"], shard

    def is_intact(self) -> bool:
        """Whether all shards are there with the bytes that they had."""
        try:
            return all(sha256_of(path) == shard["sha256"] for kind in _KINDS for path, shard in self.shards(kind))
        except OSError:
            return False


class BlockNotes:
    """The notes in the data set folder `folder`; those that cannot be read count as absent, all of them without one."""

    def __init__(self, folder: Path | None) -> None:
        self._notes: dict[int, list[Note]] = {}
        if folder is None:
            return
        building = folder / BUILDING
        for file in sorted(building.glob(NOTES)):
            self._add(file.stem.removeprefix("block-"), building, _read(file))
        finished = _read(folder / BLOCKS)
        for block, about in finished.items() if isinstance(finished, dict) else ():
            self._add(block, folder, about)

    def of(self, block: int) -> list[Note]:
        """What is noted about `block`, by the unfinished run first."""
        return self._notes.get(block, [])

    def files_in(self, building: Path) -> set[Path]:
        """The notes in `building`, and the shards that they name."""
        found: set[Path] = set()
        for block, notes in self._notes.items():
            for note in notes:
                if note.folder == building:
                    shards = (path for kind in _KINDS for path, _ in note.shards(kind))
                    found |= {note_file(building, block), *shards}
        return found

    def _add(self, block: str, folder: Path, about: object) -> None:
        if block.isdecimal() and _is_note(about):
            self._notes.setdefault(int(block), []).append(Note(folder, about))  # type: ignore[arg-type]


def note_file(building: Path, block: int) -> Path:
    """Where an unfinished run notes `block`."""
    return building / _NOTE.format(block)


def sha256_of(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _read(file: Path) -> object:
    try:
        return orjson.loads(file.read_bytes())
    except (OSError, ValueError):
        return None


def _is_note(about: Any) -> bool:
    """Whether it has a note's shape: a folder may come from anywhere, and its file names lead to files."""
    try:
        shards = [shard for kind in _KINDS for shard in about["shards"][kind]]
        return (
            isinstance(about["digest"], str)
            and all(_SHARD.fullmatch(shard["file"]) and isinstance(shard["sha256"], str) for shard in shards)
            and all(type(shard[size]) is int for shard in shards for size in ("records", "bytes"))
            and all([type(value) for value in row] == [str, int, str, str] for row in about["bad_rows"])
            and all(type(number) is int for group in about["tally"].values() for number in group.values())
        )
    except (KeyError, TypeError, AttributeError):
        return False

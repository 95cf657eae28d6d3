"""The review file of a data set: read, appended to durably, and applied to records.

    review = Review.of(Path("out/math"))
    review.apply(record)            ("drop", record), ("fix", the edited record), ("stale", record), ("", record) ...

The last mark of a record holds. A mark whose record has changed since is stale: it is shown, and not applied. A line
that a crash cut off at the end of the file was never confirmed, and counts as absent.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

from blossom_data.errors import BlossomError, InputError, system_hint
from blossom_data.object_store import path_of
from blossom_data.records import Lineage, Record
from blossom_data.review.marks import Mark, messages_hash, read_mark
from blossom_data.shards import sync_folder

STAGE = "review"
COUNTED = ("keep", "drop", "fix", "stale")
"""What `apply` finds, beside "" for no mark."""
_VERSION = re.compile(r"\d{4}-\d{2}-\d{2}T\d{6}Z-[0-9a-f]{8}")


def review_file(dataset: Path) -> Path:
    """Where the review of a data set, version or file lies, be it there or not."""
    place = dataset.resolve()
    if _VERSION.fullmatch(place.name) and place.is_dir():
        return place.parent / "reviews" / f"{place.name}.jsonl"
    return place.with_name(f"{place.name}.review.jsonl")


def review_facts(dataset: Path | str) -> dict[str, str]:
    """The sha256 of a data set's review file, for what is made of the set; nothing where there is none.

    Raises:
        InputError: it cannot be read.
    """
    if str(dataset) == "-":
        return {}
    file = review_file(path_of(dataset))
    content = _read(file)
    return {"review": hashlib.sha256(content).hexdigest()} if content else {}


@dataclass(slots=True)
class Review:
    """The marks of one data set by record id."""

    file: Path
    marks: dict[str, Mark] = field(default_factory=dict)

    @classmethod
    def of(cls, dataset: Path | str) -> Review:
        """The review of `dataset`; without a mark where it has no review file.

        Raises:
            InputError: a line of it is no mark, or it cannot be read.
        """
        review = cls(review_file(path_of(dataset)))
        for number, line in enumerate(_lines(review.file), 1):
            try:
                if line.strip():
                    review._take(read_mark(line))
            except ValueError as why:
                raise InputError(
                    f"{review.file}:{number} is no mark: {why}", hint="mend the line or take it out"
                ) from why
        return review

    def apply(self, record: Record) -> tuple[str, Record]:
        """What was said about `record`, one of COUNTED or "", and the record as it is to be."""
        mark = self.marks.get(record.id)
        if mark is None:
            return "", record
        if mark.messages != messages_hash(record.messages, record.tools):
            return "stale", record
        if mark.mark != "fix":
            return mark.mark, record
        if len(mark.texts) != len(record.messages):
            return "stale", record
        turns = tuple(replace(turn, content=text) for turn, text in zip(record.messages, mark.texts, strict=True))
        return "fix", replace(record, messages=turns, lineage=(*record.lineage, Lineage(STAGE, 1)))

    def add(self, mark: Mark) -> None:
        """Appends `mark`; it is durable when this comes back.

        Raises:
            BlossomError: the file cannot be written.
        """
        try:
            is_new = not self.file.exists()
            self.file.parent.mkdir(exist_ok=True)
            with self.file.open("a+b") as file:
                fcntl.flock(file, fcntl.LOCK_EX)
                file.seek(0)
                rest = file.read().rpartition(b"\n")[2]
                if rest and not _is_mark(rest):
                    file.truncate(file.tell() - len(rest))
                    rest = b""
                file.write((b"\n" if rest else b"") + mark.to_line())
                file.flush()
                os.fsync(file.fileno())
            if is_new:
                sync_folder(self.file.parent)
        except OSError as why:
            raise BlossomError(f"cannot write {self.file}: {why.strerror}", hint=system_hint(why)) from why
        self._take(mark)

    def _take(self, mark: Mark) -> None:
        if mark.mark == "none":
            self.marks.pop(mark.id, None)
        else:
            self.marks[mark.id] = mark


def _is_mark(line: bytes) -> bool:
    try:
        read_mark(line)
    except ValueError:
        return False
    return True


def _lines(file: Path) -> Iterator[bytes]:
    """The lines of a review; a last one without its line break only where it is whole."""
    *whole, rest = _read(file).split(b"\n")
    yield from whole
    if rest and _is_mark(rest):
        yield rest


def _read(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except FileNotFoundError:
        return b""
    except OSError as why:
        raise InputError(f"cannot read {file}: {why.strerror}", hint=system_hint(why)) from why

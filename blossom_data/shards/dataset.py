"""Data sets on disk: shards written atomically, the manifest last.

    OUT/part-00000.jsonl.zst          kept records, one JSON object a line (records.py)
    OUT/rejects/part-00000.jsonl.zst  {"id", "stage", "code", "detail", "file", "line", "reply", "history", "record"}
    OUT/manifest.json                 counts, sha256 of each shard, inputs, prompts, models; without it: unfinished
    OUT/.blocks.json                  by what each shard's input is known again (block_notes.py)

Shard k holds what became of input records k*N to (k+1)*N-1, so its bytes depend on the input alone. Everything is
built in OUT/.building, the manifest too, and moved when it is whole and durable: a kill leaves the old data set, or a
folder without a manifest whose new set lies whole in .building, and the next run moves that first. A shard that is
taken over from the old data set is one file with two names until then. One run at a time works on a folder. Reading is
rows' part, what may take the place of a finished set is in outputs/.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import re
import shutil
from collections.abc import Callable, Iterable
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Self

import orjson
import zstandard

from blossom_data.errors import BlossomError, ConfigError, Locked, is_full, system_hint
from blossom_data.shards.block_notes import BLOCKS, BUILDING, NOTES, PLACE, BlockNotes, Note, note_file, sha256_of
from blossom_data.shards.folder import (
    CARD,
    FORMAT,
    MANIFEST,
    REJECTS,
    TRAINER_FILES,
    read_manifest,
    refuse_foreign_folder,
)

SHARD_RECORDS = 10_000
_LEVEL = 3
# What JSON leaves as it is: DEL and C1, bidirectional controls, line separators, lone surrogates.
_STEERING = re.compile("[\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")
SPACE_HINT = "what was bought is in the ledger; mend it or free some space, and run the same command again"


def write_atomic(path: Path, data: bytes, *, hint: str = SPACE_HINT) -> None:
    """Replaces `path` by `data`: a reader sees the old file or the new one, a power cut included.

    Raises:
        BlossomError: the disk is full or broken; `hint` says what to do then.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with temporary.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
        sync_folder(path.parent)
    except OSError as why:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)
        raise BlossomError(f"cannot write {path}: {why.strerror}", hint=hint) from why


def steerless(text: str) -> str:
    """JSON `text` with what could steer a terminal or end a line written as \\uXXXX: the same value."""
    return _STEERING.sub(lambda found: f"\\u{ord(found.group()):04x}", text)


def sync_folder(folder: Path) -> None:
    """Makes the names in `folder` durable."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


class ShardWriter:
    """Lines into part-NNNNN.jsonl.zst files of one folder; a shard without a line is not written.

    A subclass writes another format: its `suffix`, and the stream that it puts over the file.
    """

    suffix = "jsonl.zst"

    def __init__(self, folder: Path, shard_records: int) -> None:
        self.folder, self.shard_records = folder, shard_records
        self.shards: list[dict[str, Any]] = []
        self._number = -1
        self._raw: IO[bytes] | None = None
        self._open_stream: Any = None
        self._lines = 0

    def write(self, index: int, lines: Iterable[bytes]) -> None:
        """Appends the lines that came of input record `index`; indexes never go back."""
        for line in lines:
            if self._raw is None or index // self.shard_records != self._number:
                self._open(index // self.shard_records)
            self._open_stream.write(line)
            self._lines += 1

    def close(self) -> None:
        """Ends the shard that is open and makes it durable."""
        if self._raw is None:
            return
        self._open_stream.close()
        self._raw.flush()
        os.fsync(self._raw.fileno())
        path = Path(self._raw.name)
        self._raw.close()
        self._raw = None
        size = path.stat().st_size
        self.shards.append({"file": path.name, "records": self._lines, "bytes": size, "sha256": sha256_of(path)})

    def abandon(self) -> None:
        """Lets go of the shard that is open, as it is."""
        if self._raw is not None:
            # What is still buffered may not fit on the disk, and that is why the shard is abandoned.
            with contextlib.suppress(OSError):
                self._raw.close()
            self._raw = None

    def _open(self, number: int) -> None:
        self.close()
        self.folder.mkdir(parents=True, exist_ok=True)
        self._number, self._lines = number, 0
        path = self.folder / f"part-{number:05d}.{self.suffix}"
        # What an earlier run left here may be the old data set's shard by another name.
        path.unlink(missing_ok=True)
        self._raw = path.open("xb")
        self._open_stream = self._stream(self._raw)

    def _stream(self, raw: IO[bytes]) -> Any:
        """What lines are written to; closing it ends the shard and leaves `raw` open."""
        return zstandard.ZstdCompressor(level=_LEVEL).stream_writer(raw, closefd=False)


class DatasetWriter:
    """One data set folder in the making; `finish` makes it whole, leaving the block without it leaves the old one.

    Args:
        kept: makes the writer of the kept records of (folder, shard_records); rejects are always JSON lines.
        is_resumed: what is settled stays for the next run, also when this one fails.
        is_replacing: shards without a manifest, which may be another program's, may be replaced.

    Raises:
        ConfigError: `folder` holds something that no data set of ours holds, or cannot be written.
        Locked: another run works on `folder`.
        BlossomError: the disk is full or broken.
    """

    def __init__(
        self,
        folder: Path,
        *,
        shard_records: int = SHARD_RECORDS,
        kept: Callable[[Path, int], ShardWriter] = ShardWriter,
        is_resumed: bool = True,
        is_replacing: bool = False,
    ) -> None:
        self.folder, self.building, self.shard_records = folder, folder / BUILDING, shard_records
        self._is_resumed = is_resumed
        self._is_whole = False
        """Whether the new set lies in .building, whole."""
        self._lock: int | None = None
        self._noted: dict[int, dict[str, Any]] = {}
        refuse_foreign_folder(folder, is_replacing=is_replacing)
        self._made = [place for place in (folder, *folder.parents) if not place.exists()]
        try:
            for inner in (self.building, self.building / REJECTS, folder / REJECTS):
                if inner.is_symlink():
                    raise ConfigError(f"{inner} is a link", hint="take it away, or name a new folder with -o")
            folder.mkdir(parents=True, exist_ok=True)
            self._lock = lock_folder(folder)
            self._end_cut_exchange()
            self.building.mkdir(exist_ok=True)
            self.notes = BlockNotes(folder)
            self._clean()
        except OSError as why:
            self._unlock()
            kind = BlossomError if is_full(why) else ConfigError
            raise kind(f"cannot write to {folder}: {why.strerror}", hint=system_hint(why)) from why
        self._kept = kept(self.building, shard_records)
        self._rejects = ShardWriter(self.building / REJECTS, shard_records)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, why: BaseException | None, at: TracebackType | None) -> None:
        self._kept.abandon()
        self._rejects.abandon()
        has_settled = self._is_resumed and any(self.building.glob(NOTES))
        if not self._is_whole and not has_settled:
            shutil.rmtree(self.building, ignore_errors=True)
        for made in self._made:
            # Only what is empty goes: a run that came to nothing leaves nothing.
            with contextlib.suppress(OSError):
                made.rmdir()
        self._unlock()

    def _unlock(self) -> None:
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def settle(self, block: int, about: dict[str, Any]) -> None:
        """Makes the shards of `block` durable and notes `about` (its digest and counts) for a later run."""
        try:
            self._close_shards()
        except OSError as why:
            raise BlossomError(f"cannot write to {self.building}: {why.strerror}", hint=SPACE_HINT) from why
        name = f"part-{block:05d}."
        shards = {
            kind: [shard for shard in writer.shards[-1:] if shard["file"].startswith(name)]
            for kind, writer in (("kept", self._kept), ("rejects", self._rejects))
        }
        self._noted[block] = {**about, "shards": shards}
        write_atomic(note_file(self.building, block), orjson.dumps(self._noted[block]))

    def _close_shards(self) -> None:
        self._kept.close()
        self._rejects.close()
        for folder in (self.building, self._rejects.folder):
            if folder.is_dir():
                sync_folder(folder)

    def adopt(self, block: int, note: Note) -> None:
        """Takes the shards of a block that an earlier run settled over as they are."""
        try:
            for kind, writer in (("kept", self._kept), ("rejects", self._rejects)):
                for path, shard in note.shards(kind):
                    _give_name(path, writer.folder / path.name)
                    writer.shards.append(shard)
        except OSError as why:
            raise BlossomError(f"cannot write to {self.building}: {why.strerror}", hint=SPACE_HINT) from why
        self._noted[block] = note.about

    def _clean(self) -> None:
        """Removes what an unfinished run left, but for its notes and the shards that they name."""
        keep = {*self.notes.files_in(self.building), self.building / PLACE}
        for file in self.building.rglob("*"):
            if file not in keep and not file.is_dir():
                file.unlink()

    def write(self, index: int, *, kept: Iterable[bytes] = (), rejects: Iterable[bytes] = ()) -> None:
        """Adds what came of input record `index` (0, 1, 2, ... in order)."""
        try:
            self._kept.write(index, kept)
            self._rejects.write(index, rejects)
        except OSError as why:
            raise BlossomError(f"cannot write to {self.building}: {why.strerror}", hint=SPACE_HINT) from why

    def finish(
        self,
        about: dict[str, Any],
        *,
        files: dict[str, bytes] | None = None,
        judge: Callable[[int], None] | None = None,
    ) -> dict[str, Any]:
        """Moves the shards into place and the manifest last; gives the manifest.

        All that takes room on the disk happens before the old data set is touched.

        Args:
            about: what the manifest says besides the shards: stage, counts, inputs, prompts, models.
            files: further files of the folder (the card), by name.
            judge: raises where a set of so many records may not take the place of the old one: then the old one
                stays, and the new one lies whole in .building until the next run.
        """
        try:
            self._close_shards()
            manifest = {
                "format": FORMAT,
                **about,
                "records": sum(shard["records"] for shard in self._kept.shards),
                "shards": self._kept.shards,
                "rejects": self._rejects.shards,
            }
            for name, data in (files or {}).items():
                write_atomic(self.building / name, data)
            text = orjson.dumps(manifest, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE).decode()
            if self._noted:
                notes = orjson.dumps({str(block): note for block, note in self._noted.items()}).decode()
                write_atomic(self.building / BLOCKS, steerless(notes).encode())
            self._drop_outdated()
            write_atomic(self.building / MANIFEST, steerless(text).encode())
            self._is_whole = True
            if judge is not None:
                judge(manifest["records"])
            self._switch(manifest)
            self._is_resumed, self._made = False, []
        except OSError as why:
            raise BlossomError(f"cannot finish {self.folder}: {why.strerror}", hint=SPACE_HINT) from why
        return manifest

    def _drop_outdated(self) -> None:
        """Removes the shards that an earlier run settled and this one has no use for."""
        for writer in (self._kept, self._rejects):
            of_us = {shard["file"] for shard in writer.shards}
            for file in writer.folder.glob("part-*"):
                if file.name not in of_us:
                    file.unlink()

    def _end_cut_exchange(self) -> None:
        """Ends the exchange that an earlier run was killed in: else its set, whole as it is, would be lost."""
        if (self.folder / MANIFEST).exists() or (manifest := read_manifest(self.building)) is None:
            return
        with contextlib.suppress(KeyError, TypeError):
            self._switch(manifest)
            shutil.rmtree(self.building, ignore_errors=True)

    def _switch(self, manifest: dict[str, Any]) -> None:
        """Takes the old data set away, manifest first, and moves the new files to their names, manifest last."""
        shards = [self.building / Path(shard["file"]).name for shard in manifest["shards"]]
        rejects = [self.building / REJECTS / Path(shard["file"]).name for shard in manifest["rejects"]]
        (self.folder / MANIFEST).unlink(missing_ok=True)
        sync_folder(self.folder)
        # Shards move first: when all of them are still here, no file has moved, and what lies there is the old set.
        # It goes whole before the first move: a shard that was taken over is the same file, and would not move onto it.
        if all(file.exists() for file in (*shards, *rejects)):
            for old in (*self.folder.glob("part-*"), *(self.folder / name for name in (BLOCKS, *TRAINER_FILES))):
                old.unlink(missing_ok=True)
            if (self.folder / REJECTS).is_dir():
                shutil.rmtree(self.folder / REJECTS)
        if rejects:
            (self.folder / REJECTS).mkdir(exist_ok=True)
        for new in (*shards, *rejects, *(self.building / name for name in (CARD, *TRAINER_FILES, BLOCKS))):
            if new.exists():
                new.replace(self.folder / new.relative_to(self.building))
        for folder in (self.folder, self.folder / REJECTS):
            if folder.is_dir():
                sync_folder(folder)
        (self.building / MANIFEST).replace(self.folder / MANIFEST)
        sync_folder(self.folder)
        self._is_whole = False


def lock_folder(folder: Path, *, is_shared: bool = False) -> int | None:
    """Holds `folder` until what it gives is closed; None where its file system knows no such locks.

    Args:
        is_shared: others that say so may hold it, too.

    Raises:
        Locked: another process holds it.
    """
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(descriptor, (fcntl.LOCK_SH if is_shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
    except OSError as why:
        os.close(descriptor)
        if why.errno == errno.EWOULDBLOCK:
            raise Locked(
                f"another run is writing to {folder}", hint="wait for it, or name another folder with -o"
            ) from why
        return None
    return descriptor


def _give_name(path: Path, name: Path) -> None:
    """Gives the durable file at `path` a further `name`; a copy where it is a link, or can have no other name."""
    if path.absolute() == name.absolute():
        return
    name.parent.mkdir(parents=True, exist_ok=True)
    name.unlink(missing_ok=True)
    try:
        if path.is_symlink():
            raise OSError(errno.EXDEV, "a link")
        name.hardlink_to(path)
    except OSError:
        with path.open("rb") as source, name.open("xb") as target:
            shutil.copyfileobj(source, target)
            target.flush()
            os.fsync(target.fileno())

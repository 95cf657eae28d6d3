"""One block of a data set that several processes build: its shards, in OUT/.building under names that others take over.

    folder = SharedBuilding(out)
    writer = folder.writer(7)                       a block for executors/accounting.Books
    writer.write(70_000, kept=[b'...\n'])
    writer.settle(7, about)
    writer.publish()                                part-00007.jsonl.zst and its note; else writer.discard()

Each block is written in a folder of its own and moved when it is whole: whoever finishes the data set (DatasetWriter)
takes over what is noted. Two who write the same block write the same bytes, so the later move changes nothing.
"""

from __future__ import annotations

import fcntl
import os
import shutil
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any

import orjson

from blossom_data.errors import BlossomError, ConfigError, is_full, system_hint
from blossom_data.shards.block_notes import BUILDING, NOTES, PLACE, BlockNotes, note_file
from blossom_data.shards.dataset import SPACE_HINT, ShardWriter, lock_folder, sync_folder, write_atomic
from blossom_data.shards.folder import REJECTS, refuse_foreign_folder


class SharedBuilding:
    """OUT/.building while several processes write blocks into it; whoever finishes has to wait until all are through.

    Raises:
        ConfigError: `folder` cannot be written, or holds what no data set of ours holds.
        Locked: another run works on `folder` alone.
    """

    def __init__(self, folder: Path, *, shard_records: int) -> None:
        refuse_foreign_folder(folder)
        self.building, self.shard_records = folder / BUILDING, shard_records
        self._made = [place for place in (folder, *folder.parents) if not place.exists()]
        for inner in (self.building, self.building / REJECTS):
            if inner.is_symlink():
                raise ConfigError(f"{inner} is a link", hint="take it away, or name a new folder with -o")
        self._lock: int | None = None
        try:
            folder.mkdir(parents=True, exist_ok=True)
            # Nothing is made before the lock: a run that finishes just now would leave it behind.
            self._lock = lock_folder(folder, is_shared=True)
            (self.building / REJECTS).mkdir(parents=True, exist_ok=True)
        except OSError as why:
            self._unlock()
            raise ConfigError(f"cannot write to {folder}: {why.strerror}", hint=system_hint(why)) from why
        self.notes = BlockNotes(folder)

    def mark(self, place: str) -> None:
        """Leaves the mark by which other processes know this storage again."""
        write_atomic(self.building / PLACE, place.encode())

    def writer(self, block: int) -> BlockWriter:
        """What writes the block `block`."""
        return BlockWriter(self.building, block, self.shard_records)

    def close(self) -> None:
        """Lets go of the folder; where no block came of it, nothing stays."""
        if not any(self.building.glob(NOTES)) and self._is_last():
            shutil.rmtree(self.building, ignore_errors=True)
            for made in self._made:
                with suppress(OSError):
                    made.rmdir()
        self._unlock()

    def _unlock(self) -> None:
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def _is_last(self) -> bool:
        """Whether nobody else has the folder; not known, and so not the case, where there are no locks."""
        if self._lock is None:
            return False
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            return False
        return True


def sees_place(folder: Path, place: str) -> bool:
    """Whether `folder` lies on the storage that was marked as `place`."""
    try:
        return bool(place) and (folder / BUILDING / PLACE).read_text() == place
    except OSError:
        return False


class BlockWriter:
    """One block in the making; raises BlossomError where the disk is full or broken."""

    def __init__(self, building: Path, block: int, shard_records: int) -> None:
        self.shard_records = shard_records
        self._building, self._block = building, block
        self._folder = building / f"worker-{os.urandom(8).hex()}"
        self._kept = ShardWriter(self._folder, shard_records)
        self._rejects = ShardWriter(self._folder / REJECTS, shard_records)
        self._note: bytes | None = None

    @property
    def is_settled(self) -> bool:
        """Whether it is whole, and without records that the endpoint would not answer."""
        return self._note is not None

    def write(self, index: int, *, kept: Iterable[bytes] = (), rejects: Iterable[bytes] = ()) -> None:
        """Adds what came of input record `index`, counted from the beginning of the input."""
        try:
            self._kept.write(index, kept)
            self._rejects.write(index, rejects)
        except OSError as why:
            raise self._broken(why) from why

    def settle(self, block: int, about: dict[str, Any]) -> None:
        """Makes the shards durable; `about` is their note."""
        try:
            self._kept.close()
            self._rejects.close()
        except OSError as why:
            raise self._broken(why) from why
        shards = {"kept": self._kept.shards, "rejects": self._rejects.shards}
        self._note = orjson.dumps({**about, "shards": shards})

    def publish(self) -> None:
        """Moves shards and note to their names."""
        assert self._note is not None, "settled"
        try:
            for writer, target in ((self._kept, self._building), (self._rejects, self._building / REJECTS)):
                for shard in writer.shards:
                    (writer.folder / shard["file"]).replace(target / shard["file"])
                sync_folder(target)
            self._folder.mkdir(exist_ok=True)
            note = note_file(self._folder, self._block)
            write_atomic(note, self._note)
            note.replace(note_file(self._building, self._block))
            sync_folder(self._building)
        except OSError as why:
            raise self._broken(why) from why
        self.discard()

    def discard(self) -> None:
        """Removes what was not moved."""
        self._kept.abandon()
        self._rejects.abandon()
        shutil.rmtree(self._folder, ignore_errors=True)

    def _broken(self, why: OSError) -> BlossomError:
        kind = BlossomError if is_full(why) else ConfigError
        return kind(f"cannot write to {self._building}: {why.strerror}", hint=SPACE_HINT)

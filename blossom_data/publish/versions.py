"""`publish`: puts an immutable version of a data set in place, and switches `current` to it in one step.

    ROOT/NAME/.building-4711-9f2c/            shards, card, then manifest.json; all of it fsynced
    ROOT/NAME/2026-01-31T030000Z-ab12cd34/    the same folder under its name for good: UTC time, hash of the content
    ROOT/NAME/current -> 2026-01-31T...       replaced by rename: a reader sees the old version or the new one, whole

One kernel lock on ROOT/NAME/.lock makes publishes and gc wait for nobody and meet nobody, so whatever a dead process
left there (.building-*, .current-*, .deleting-*) is known to be dead, and the next run takes it away.
"""

from __future__ import annotations

import os
import secrets
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from blossom_data.counters import Counters
from blossom_data.errors import BlossomError, ConfigError, LedgerError, Locked
from blossom_data.ledger.lock import take_lock
from blossom_data.object_store import ObjectPath
from blossom_data.publish.build import build_version, content_hash, is_intact
from blossom_data.publish.names import CURRENT, VERSION, check_folder, current_version, dataset_folder
from blossom_data.publish.published import Published, new_name
from blossom_data.publish.reading import Part, finished_manifest
from blossom_data.publish.remote.versions import publish_to_store
from blossom_data.publish.shard_files import VERSION_SHARD_RECORDS, check_layout, default_layout
from blossom_data.publish.steps import step
from blossom_data.publish.survey import survey
from blossom_data.report.licences import resolve
from blossom_data.shards import read_manifest, sync_folder

LOCK = ".lock"
_DEAD = (".building-", f".{CURRENT}-", ".deleting-")
_READ_ONLY = ("EACCES", "EPERM", "EROFS", "ENOTDIR", "ELOOP")


def publish(
    parts: Sequence[Part],
    *,
    root: Path,
    name: str,
    layout: str = "",
    licences: Mapping[str, str] | None = None,
    now: datetime | None = None,
    shard_records: int = VERSION_SHARD_RECORDS,
    counters: Counters | None = None,
) -> Published:
    """Publishes `parts` as a version of the data set `name` in `root`, a folder or a URL of an object store.

    Args:
        layout: "parquet" or "jsonl"; "" takes Parquet where pyarrow is installed.
        licences: by source; they go before what the manifests state. The key "" holds for sources without one.
        now: the time in the version's name, for tests; it never goes back behind the newest version's.
        counters: what a display reads.

    Raises:
        ConfigError: a bad name, a source without a licence, a folder that cannot be written or holds a stray link.
        InputError: a data set that cannot be read, or that changed meanwhile.
        Locked: another process publishes to this folder.
        BlossomError: the disk is full or broken. In all cases `current` is as it was, or already the new version.
    """
    counters = counters or Counters()
    layout = layout or default_layout()
    check_layout(layout)
    if isinstance(root, ObjectPath):
        return publish_to_store(
            parts, root=root, name=name, layout=layout, licences=licences or {},
            now=now or datetime.now(UTC), shard_records=shard_records, counters=counters,
        )  # fmt: skip
    folder = dataset_folder(root, name)
    for part in parts:
        finished_manifest(part)
    with _told(folder):
        folder.mkdir(parents=True, exist_ok=True)
        with locked(folder):
            found = survey(parts, counters)
            step("survey")
            licence_of = resolve(found.by_source, found.about["sources"], licences or {})
            sweep(folder)
            content = content_hash(found, layout, licence_of)
            previous = current_version(folder)
            version = _existing(folder, content, previous)
            if is_new := version is None:
                version = new_name(version_names(folder), content, now or datetime.now(UTC))
                with _building(folder) as building:
                    build_version(
                        building, parts, found, layout=layout, licences=licence_of, shard_records=shard_records,
                        about={"name": name, "version": version, "content": content}, counters=counters,
                    )  # fmt: skip
                    building.rename(folder / version)
                    step("rename")
            assert version is not None
            _switch(folder, version, previous)
    manifest = read_manifest(folder / version)
    assert manifest is not None
    return Published(
        name=name, version=version, path=folder / version, manifest=manifest, previous=previous, is_new=is_new
    )


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Holds the lock of a data set's folder.

    Raises:
        Locked: another process has it.
        ConfigError: it cannot be written.
    """
    try:
        file = take_lock(folder / LOCK)
    except Locked as why:
        raise Locked(str(why), hint="wait for it; the lock goes with its process") from why
    except LedgerError as why:
        raise ConfigError(str(why), hint="give the folder back its write permission, or name another") from why
    with file:
        check_folder(folder)
        step("lock")
        yield


def sweep(folder: Path) -> list[str]:
    """Takes away what dead processes left in `folder`; the caller holds its lock. Gives the names."""
    dead = sorted(entry for entry in folder.iterdir() if entry.name.startswith(_DEAD))
    for entry in dead:
        if entry.is_dir() and not entry.is_symlink():
            shutil.rmtree(entry)
        else:
            entry.unlink()
    step("clean")
    return [entry.name for entry in dead]


def version_names(folder: Path) -> list[str]:
    """The versions in `folder`, oldest first."""
    return sorted(
        entry.name
        for entry in folder.iterdir()
        if VERSION.fullmatch(entry.name) and entry.is_dir() and not entry.is_symlink()
    )


def _existing(folder: Path, content: str, current: str | None) -> str | None:
    """A whole version with this content, `current` before the newest; None where there is none."""
    for version in dict.fromkeys([*([current] if current else []), *reversed(version_names(folder))]):
        manifest = read_manifest(folder / version) if version.endswith(content[:8]) else None
        if manifest is not None and manifest.get("content") == content and is_intact(folder / version, manifest):
            return version
    return None


@contextmanager
def _building(folder: Path) -> Iterator[Path]:
    """A new folder to build in; what is left of it at the end is taken away."""
    building = folder / f".building-{os.getpid()}-{secrets.token_hex(4)}"
    building.mkdir()
    step("folder")
    try:
        yield building
    finally:
        shutil.rmtree(building, ignore_errors=True)


def _switch(folder: Path, version: str, previous: str | None) -> None:
    """Makes `current` name `version`, durably."""
    sync_folder(folder)
    step("sync-rename")
    if previous == version:
        return
    if previous is not None and (folder / previous).is_dir():
        # Its age for gc counts from now: whoever reads it may just have come through `current`.
        os.utime(folder / previous)
    step("retire")
    link = folder / f".{CURRENT}-{os.getpid()}-{secrets.token_hex(4)}"
    link.symlink_to(version)
    step("link")
    link.replace(folder / CURRENT)
    step("switch")
    sync_folder(folder)
    step("sync-switch")


@contextmanager
def _told(folder: Path) -> Iterator[None]:
    """Turns what the system says into an error with the folder's name."""
    import errno

    try:
        yield
    except OSError as why:
        place = why.filename or folder
        message = f"cannot publish to {folder}: {why.strerror or why} ({place}); what `current` names is whole"
        if errno.errorcode.get(why.errno or 0) in _READ_ONLY:
            raise ConfigError(message, hint="give the folder back its write permission, or name another") from why
        raise BlossomError(message, hint="free some space or mend the disk, then run the same command again") from why

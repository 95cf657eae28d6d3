"""Which versions of a data set stay: the newest, those that are pinned, `current`, and all younger than the grace.

    Collected(deleted=("2026-01-01T030000Z-0f3e9a11",), kept={"2026-01-31T...": "current", ...})

pins.json beside the versions: {"pins": ["2026-01-05T030000Z-77aa01bc"]}. A version goes in two steps: it loses its name
by rename, then its files; so no reader finds a version with half of its files.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterable
from pathlib import Path

import orjson

from blossom_data.errors import BlossomError, ConfigError, system_hint
from blossom_data.object_store import ObjectPath
from blossom_data.publish.names import CURRENT, check_folder, current_version
from blossom_data.publish.remote.retention import collect_in_store, list_in_store
from blossom_data.publish.retained import Collected, VersionFacts, pinned, planned
from blossom_data.publish.versions import LOCK, locked, sweep, version_names
from blossom_data.shards import read_manifest, sync_folder, write_atomic

PINS = "pins.json"


def list_versions(folder: Path) -> list[VersionFacts]:
    """The versions in the folder of a data set, oldest first."""
    if isinstance(folder, ObjectPath):
        return list_in_store(folder)
    pins, current, now = read_pins(folder), current_version(folder), time.time()
    return [
        VersionFacts(
            name=name,
            records=int((read_manifest(folder / name) or {}).get("records", 0)),
            is_current=name == current,
            is_pinned=name in pins,
            idle_s=now - (folder / name).stat().st_mtime,
        )
        for name in version_names(folder)
    ]


def read_pins(folder: Path) -> set[str]:
    """The pinned versions.

    Raises:
        BlossomError: pins.json cannot be read; gc must not take that for "no pins".
    """
    path = folder / PINS
    try:
        pins = orjson.loads(path.read_bytes())["pins"]
        if not isinstance(pins, list) or not all(isinstance(pin, str) for pin in pins):
            raise TypeError
    except FileNotFoundError:
        return set()
    except (OSError, ValueError, KeyError, TypeError) as why:
        raise BlossomError(f"cannot read the pins in {path}", hint='such as {"pins": ["VERSION"]}') from why
    return set(pins)


def collect(
    folder: Path,
    *,
    keep: int = 7,
    grace_h: float = 24.0,
    pin: Iterable[str] = (),
    unpin: Iterable[str] = (),
    is_dry_run: bool = False,
) -> Collected:
    """Deletes the versions in `folder` that nothing keeps; pins and unpins first.

    Args:
        keep: so many newest versions stay, 0 or more.
        grace_h: versions that were made, or were `current`, within so many hours stay.
        is_dry_run: changes nothing, pins included.

    Raises:
        ConfigError: not the folder of a published data set, or no such version to pin.
        Locked: a publish is running.
    """
    if isinstance(folder, ObjectPath):
        return collect_in_store(folder, keep=keep, grace_h=grace_h, pin=pin, unpin=unpin, is_dry_run=is_dry_run)
    check_folder(folder)
    if not folder.is_dir() or not ((folder / LOCK).exists() or (folder / CURRENT).is_symlink()):
        raise ConfigError(
            f"{folder} is no published data set", hint="give ROOT/NAME, as in publish -o ROOT --name NAME"
        )
    if is_dry_run:
        return _planned(folder, keep, grace_h, _pinned(folder, pin, unpin))
    try:
        with locked(folder):
            swept = sweep(folder)
            pins = _pinned(folder, pin, unpin)
            if pins != read_pins(folder):
                write_atomic(folder / PINS, orjson.dumps({"pins": sorted(pins)}, option=orjson.OPT_APPEND_NEWLINE))
            planned = _planned(folder, keep, grace_h, pins)
            for version in planned.deleted:
                _delete(folder, version)
    except OSError as why:
        told = f"cannot clean up {folder}: {why.strerror} ({why.filename})"
        raise BlossomError(told, hint=system_hint(why)) from why
    return Collected(planned.deleted, planned.kept, tuple(swept))


def _pinned(folder: Path, pin: Iterable[str], unpin: Iterable[str]) -> set[str]:
    return pinned(folder, version_names(folder), read_pins(folder), pin, unpin)


def _planned(folder: Path, keep: int, grace_h: float, pins: set[str]) -> Collected:
    now = time.time()
    idle_s = {name: now - (folder / name).stat().st_mtime for name in version_names(folder)}
    return planned(idle_s, current_version(folder), keep=keep, grace_h=grace_h, pins=pins)


def _delete(folder: Path, version: str) -> None:
    dying = folder / f".deleting-{version}"
    (folder / version).rename(dying)
    sync_folder(folder)
    shutil.rmtree(dying)

"""`publish` to an object store: a version is written where it stays, its manifest last, and `current` is swapped.

    ROOT/NAME/2026-01-31T030000Z-ab12cd34/part-00000.parquet    written only where there is none (If-None-Match)
    ROOT/NAME/2026-01-31T030000Z-ab12cd34/manifest.json         makes the version whole
    ROOT/NAME/current                                           swapped if it is the one that was seen (If-Match)

Each object of ours carries the sha256 of its bytes. A publish that was stopped left a version without a manifest; the
next one of the same content goes on in it, and sends no shard again that is there. Shards are made in a temporary
folder, one at a time, and held in memory while they are sent. Nothing is locked: who publishes second is told.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

from blossom_data.counters import Counters
from blossom_data.errors import BlossomError, Locked
from blossom_data.object_store import ObjectPath, objects
from blossom_data.object_store.faults import Conflict
from blossom_data.publish.build import CARD, build_version, content_hash
from blossom_data.publish.names import VERSION, check_name
from blossom_data.publish.published import Published, new_name
from blossom_data.publish.reading import Part, finished_manifest
from blossom_data.publish.remote.state import State, read_state, write_state
from blossom_data.publish.shard_files import sums
from blossom_data.publish.steps import step
from blossom_data.publish.survey import survey
from blossom_data.report.licences import resolve
from blossom_data.shards import MANIFEST, read_manifest


class Different(Exception):
    """An object of that name with other bytes is there already."""


def publish_to_store(
    parts: Sequence[Part],
    *,
    root: ObjectPath,
    name: str,
    layout: str,
    licences: Mapping[str, str],
    now: datetime,
    shard_records: int,
    counters: Counters,
) -> Published:
    """As versions.publish.

    Raises:
        Locked: another publish or gc was faster; nothing was switched.
        BlossomError: the store refuses or fails; `current` is as it was, or already the new version.
    """
    folder = root.child(check_name(name))
    for part in parts:
        finished_manifest(part)
    state = read_state(folder)
    step("seen")
    found = survey(parts, counters)
    step("survey")
    licence_of = resolve(found.by_source, found.about["sources"], licences)
    content = content_hash(found, layout, licence_of)
    build = partial(
        build_version, parts=parts, found=found, layout=layout, licences=licence_of, shard_records=shard_records,
        counters=counters,
    )  # fmt: skip
    names = version_names(folder)
    usable = [each for each in reversed(names) if each.endswith(content[:8]) and each not in state.deleting]
    version = next((each for each in _current_first(usable, state) if is_whole(folder, each, content)), None)
    is_new = version is None
    if version is None:
        begun = [each for each in usable if not folder.child(each, MANIFEST).is_file()]
        for version in (*begun, new_name(names, content, now)):
            about = {"name": name, "version": version, "content": content}
            with suppress(Different):
                _write_version(folder.child(version), partial(build, about=about))
                break
        else:
            raise Locked(f"somebody else writes the same version to {folder}", hint="run the same command again")
    if version != state.version:
        write_state(folder, state.switched(version, now))
        step("swapped")
    path = folder.child(version)
    manifest = read_manifest(path)
    assert manifest is not None
    return Published(name=name, version=version, path=path, manifest=manifest, previous=state.version, is_new=is_new)


def version_names(folder: ObjectPath) -> list[str]:
    """The versions in `folder`, those without a manifest too, oldest first."""
    return [name for name in objects.children(*folder.address())[0] if VERSION.fullmatch(name)]


def is_whole(folder: ObjectPath, version: str, content: str) -> bool:
    """Whether a version has that content, and all its files are those that its manifest names."""
    manifest = read_manifest(folder.child(version))
    if manifest is None or manifest.get("content") != content:
        return False
    files = [*manifest["shards"], manifest["card"]]
    return all(_is_stored(folder.child(version, file["file"]), file["sha256"], file["bytes"]) for file in files)


def _is_stored(target: ObjectPath, sha256: str, size: int) -> bool:
    """Whether an object holds these bytes; of one that another tool copied there, whether it has their number."""
    noted = objects.sha256_noted(*target.address())
    return noted == sha256 or (noted == "" and objects.head(*target.address()).size == size)


def _current_first(names: Sequence[str], state: State) -> list[str]:
    return sorted(names, key=lambda name: name != state.version)


def _write_version(folder: ObjectPath, build: Callable[..., object]) -> None:
    """Writes the version that `build` builds; raises Different where another publisher's files stand in its place."""

    def store(path: Path, sha256: str) -> None:
        _store(path, folder.child(path.name), sha256)
        path.unlink()
        step("stored")

    try:
        with TemporaryDirectory(prefix="blossom-data-") as scratch:
            build(Path(scratch), written=store)
            for name in (CARD, MANIFEST):
                store(Path(scratch) / name, sums(Path(scratch) / name)["sha256"])
            step("stored-manifest")
    except OSError as why:
        raise BlossomError(
            f"cannot make a version in the temporary folder: {why.strerror or why}", hint="free some space in TMPDIR"
        ) from why


def _store(path: Path, target: ObjectPath, sha256: str) -> None:
    """Writes a file as an object where there is none; the same bytes there already count as written.

    Raises:
        Different: other bytes are there.
    """
    noted = objects.sha256_noted(*target.address())
    if noted is None:
        try:
            objects.write(*target.address(), path.read_bytes(), replaces=None, attributes={objects.SHA256: sha256})
            return
        except Conflict:
            noted = objects.sha256_noted(*target.address())
    if noted != sha256:
        raise Different(str(target))

"""gc of a data set in an object store: what goes is noted in `current`, then loses its manifest, then its files.

A publish that had counted on a version that goes meets another `current` and is told; a gc that was stopped is finished
by the next one. Ages compare this machine's clock with the store's own, of a version's manifest, and with that of
whoever published last.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime

from blossom_data.errors import ConfigError
from blossom_data.object_store import ObjectPath, objects
from blossom_data.publish.remote.state import State, read_state, write_state
from blossom_data.publish.remote.versions import version_names
from blossom_data.publish.retained import HOUR_S, Collected, VersionFacts, pinned, planned
from blossom_data.publish.steps import step
from blossom_data.shards import MANIFEST, read_manifest


def collect_in_store(
    folder: ObjectPath, *, keep: int, grace_h: float, pin: Iterable[str], unpin: Iterable[str], is_dry_run: bool
) -> Collected:
    """As retention.collect.

    Raises:
        ConfigError: not the folder of a published data set, or no such version to pin.
        Locked: somebody published meanwhile; what is gone by then is what `current` names as such, and the next gc
            finishes it.
    """
    state, now = read_state(folder), datetime.now(UTC)
    if state.seen is None:
        raise ConfigError(
            f"{folder} is no published data set", hint="give ROOT/NAME, as in publish -o ROOT --name NAME"
        )
    whole, begun = _idle_s(folder, state, now)
    pins = pinned(folder, whole, state.pins, pin, unpin)
    plan = planned(whole, state.version, keep=keep, grace_h=grace_h, pins=pins)
    swept = tuple(name for name, idle_s in begun.items() if idle_s >= grace_h * HOUR_S or name in state.deleting)
    if is_dry_run:
        return plan
    going = (*plan.deleted, *swept)
    if going or pins != set(state.pins) or state.deleting:
        write_state(folder, replace(state, pins=tuple(pins), deleting=going))
        step("marked")
        for name in going:
            _delete(folder.child(name))
        if going:
            latest = read_state(folder)
            retired = {name: when for name, when in latest.retired.items() if name not in going}
            write_state(folder, replace(latest, retired=retired, deleting=()))
    return Collected(plan.deleted, plan.kept, swept)


def list_in_store(folder: ObjectPath) -> list[VersionFacts]:
    """As retention.list_versions."""
    state = read_state(folder)
    return [
        VersionFacts(
            name=name,
            records=int((read_manifest(folder.child(name)) or {}).get("records", 0)),
            is_current=name == state.version,
            is_pinned=name in state.pins,
            idle_s=idle_s,
        )
        for name, idle_s in _idle_s(folder, state, datetime.now(UTC))[0].items()
    ]


def _idle_s(folder: ObjectPath, state: State, now: datetime) -> tuple[dict[str, float], dict[str, float]]:
    """The seconds since the versions were made or were `current`, of the whole ones and of those that are not."""
    whole, begun = {}, {}
    for name in version_names(folder):
        files = dict(objects.beneath(*folder.child(name).address()))
        manifest = files.get(folder.child(name, MANIFEST).address()[2])
        if manifest is not None and name not in state.deleting:
            last = max(manifest.modified, state.retired.get(name, manifest.modified))
            whole[name] = (now - last).total_seconds()
        elif files:
            begun[name] = (now - max(each.modified for each in files.values())).total_seconds()
    return whole, begun


def _delete(version: ObjectPath) -> None:
    scheme, bucket, key = version.address()
    objects.delete(scheme, bucket, [f"{key}/{MANIFEST}"])
    step("unnamed")
    objects.delete(scheme, bucket, [found for found, _ in objects.beneath(scheme, bucket, key)])
    step("emptied")

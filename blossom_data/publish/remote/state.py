"""`current` of a data set in an object store: the one object that changes, always as a whole and only if unchanged.

    {"version": "2026-01-31T030000Z-ab12cd34", "serial": 7, "by": "9f2c...", "pins": [],
     "retired": {"2026-01-30T030000Z-0f3e9a11": "2026-01-31T03:00:09+00:00"}, "deleting": []}

Who changes it names the object that they had seen (If-Match), so of two at once one is told. `serial` and `by` make any
two states differ, which a store that compares contents would otherwise take for the same. What gc is about to delete
stands in `deleting` before it does: a publish that had counted on one of those versions then meets another state.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

import orjson

from blossom_data.errors import BlossomError, Locked
from blossom_data.object_store import ObjectPath, objects
from blossom_data.object_store.faults import Conflict
from blossom_data.object_store.objects import Facts
from blossom_data.object_store.paths import forget
from blossom_data.publish.names import CURRENT, VERSION


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """What `current` says, and the object that said it; without one (`seen` None) nothing is published yet."""

    version: str | None = None
    serial: int = 0
    pins: tuple[str, ...] = ()
    retired: Mapping[str, datetime] = field(default_factory=dict)
    """When a version stopped being `current`, by the clock of who published the next one."""
    deleting: tuple[str, ...] = ()
    seen: Facts | None = None

    def switched(self, version: str, now: datetime) -> State:
        """The state in which `version` is current."""
        retired = {name: when for name, when in self.retired.items() if name != version}
        if self.version is not None and self.version != version:
            retired[self.version] = now
        return replace(self, version=version, retired=retired)


def read_state(folder: ObjectPath) -> State:
    """What `current` in `folder` says now.

    Raises:
        BlossomError: it is no object of ours.
    """
    try:
        data, seen = objects.read(*folder.child(CURRENT).address())
    except FileNotFoundError:
        return State()
    try:
        told = orjson.loads(data)
        version = told["version"]
        names = [*told["pins"], *told["deleting"], *told["retired"], *([version] if version is not None else [])]
        if not all(VERSION.fullmatch(name) for name in names):
            raise ValueError
        retired = {name: datetime.fromisoformat(when) for name, when in told["retired"].items()}
        return State(
            version=version,
            serial=int(told["serial"]),
            pins=tuple(told["pins"]),
            retired=retired,
            deleting=tuple(told["deleting"]),
            seen=seen,
        )
    except (ValueError, KeyError, TypeError) as why:
        raise BlossomError(
            f"{folder / CURRENT} is not one that a publish has written", hint="look at it; move it away"
        ) from why


def write_state(folder: ObjectPath, state: State) -> None:
    """Puts `state` in the place of the one that it was made of.

    Raises:
        Locked: somebody else has changed it since.
    """
    told: dict[str, Any] = {
        "version": state.version,
        "serial": state.serial + 1,
        "by": secrets.token_hex(8),
        "pins": sorted(state.pins),
        "retired": {name: when.isoformat(timespec="seconds") for name, when in sorted(state.retired.items())},
        "deleting": sorted(state.deleting),
    }
    data, address = orjson.dumps(told, option=orjson.OPT_APPEND_NEWLINE), folder.child(CURRENT).address()
    try:
        objects.write(*address, data, replaces=state.seen)
    except Conflict as why:
        # A request whose answer was lost is sent again, and then meets what it has written itself.
        if _bytes_of(address) != data:
            raise Locked(
                f"somebody else published to {folder}, or cleaned it up, meanwhile: `current` is theirs",
                hint="run the same command again to publish on top of it; what was sent is not sent again",
            ) from why
    forget(folder.child(CURRENT))


def _bytes_of(address: tuple[str, str, str]) -> bytes | None:
    """The object, None where there is none any more."""
    try:
        return objects.read(*address)[0]
    except FileNotFoundError:
        return None

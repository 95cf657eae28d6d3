"""Which versions of a data set stay, wherever they lie: the newest, the pinned, `current`, and all within the grace.

planned({"2026-01-01T...": 90_000.0, ...}, "2026-01-31T...", keep=7, grace_h=24, pins=set())
-> Collected(deleted=("2026-01-01T030000Z-0f3e9a11",), kept={"2026-01-31T...": "current", ...}, swept=())
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from blossom_data.errors import ConfigError
from blossom_data.publish.names import VERSION

HOUR_S = 3600.0


@dataclass(frozen=True, slots=True)
class VersionFacts:
    """One version as a list shows it; `idle_s` counts from when it was made, or stopped being `current`."""

    name: str
    records: int
    is_current: bool
    is_pinned: bool
    idle_s: float


@dataclass(frozen=True, slots=True)
class Collected:
    """What gc took away (or would), and why the rest stays."""

    deleted: tuple[str, ...]
    kept: dict[str, str]
    swept: tuple[str, ...]
    """What dead processes had left."""


def pinned(
    folder: Path, names: Collection[str], pins: Iterable[str], pin: Iterable[str], unpin: Iterable[str]
) -> set[str]:
    """The pins after `pin` and `unpin`.

    Raises:
        ConfigError: there is no such version among `names`.
    """
    for version in (*pin, *unpin):
        if VERSION.fullmatch(version) is None or version not in names:
            raise ConfigError(
                f"there is no version {version[:80]!r} in {folder}",
                hint=f"versions: {', '.join([*names][-5:])}" if names else "nothing is published there",
            )
    return (set(pins) | set(pin)) - set(unpin)


def planned(
    idle_s: Mapping[str, float], current: str | None, *, keep: int, grace_h: float, pins: Collection[str]
) -> Collected:
    """What goes and what stays; nothing is touched.

    Args:
        idle_s: the versions, oldest first, each with the seconds since it was made, or was `current`.
    """
    names = list(idle_s)
    newest = set(names[max(0, len(names) - keep) :])
    kept, deleted = {}, []
    for name in names:
        if name == current:
            kept[name] = "current"
        elif name in pins:
            kept[name] = "pinned"
        elif name in newest:
            kept[name] = f"among the newest {keep}"
        elif idle_s[name] < grace_h * HOUR_S:
            kept[name] = f"in use within the last {grace_h:g} h"
        else:
            deleted.append(name)
    return Collected(tuple(deleted), kept, ())

"""The test sets whose items were left out of a data set, as its manifest says, or those of all sets it was made of.

    left_out_of(Path("train/stage1"))                         frozenset({"gsm8k-test"})
    still_in("gsm8k-test", left_out_of(Path("sft/orca")))     True: its items were never looked for

A set that was made of others is clean of what all of these are clean of; where one of them has gone, of nothing, unless
its own manifest says it. Only names are compared: which items a name stood for, each manifest has by their hash.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from blossom_data.object_store.paths import beside
from blossom_data.shards import MANIFEST, read_manifest

KEY = "decontaminated"
"""In a manifest: the names of the test sets."""
_MOST_STEPS = 16
_MOST_FOLDERS = 3


def left_out_of(place: Path, steps: int = _MOST_STEPS) -> frozenset[str]:
    """The names of the test sets whose items are not in the data set or shard at `place`."""
    folder = place if place.is_dir() else _folder_of(place)
    manifest = read_manifest(folder) if folder is not None else None
    if folder is None or manifest is None:
        return frozenset()
    names = frozenset(str(name) for name in manifest.get(KEY) or ())
    looked = (manifest.get("curate") or {}).get("decontaminate") or {}
    names |= {str(entry["name"]) for entry in looked.get("against") or () if "name" in entry}
    made = manifest.get("made_of")
    inputs = made.get("inputs", ()) if isinstance(made, dict) and made.get("command") != "pull" and steps else ()
    return names | common(left_out_of(beside(folder, str(name)), steps - 1) for name in inputs)


def common(found: Iterable[frozenset[str]]) -> frozenset[str]:
    """What all of `found` hold; nothing of none."""
    sets = list(found)
    return frozenset.intersection(*sets) if sets else frozenset()


def still_in(wanted: str, left_out: Iterable[str]) -> bool:
    """Whether items of the test set `wanted` may be there; one that is a file goes by the end of its path, too."""
    ending = f"/{wanted.removeprefix('./')}"
    return not any(name == wanted or name.endswith(ending) for name in left_out)


def described(places: Iterable[Path]) -> dict[str, Any]:
    """The entry of the manifest of what is made of the sets at `places`; none where nothing was left out."""
    names = common(left_out_of(place) for place in places)
    return {KEY: sorted(names)} if names else {}


def _folder_of(shard: Path) -> Path | None:
    """The data set that a file is a shard of, by its manifest."""
    for folder in list(shard.parents)[:_MOST_FOLDERS]:
        if (folder / MANIFEST).is_file():
            listed = {str(each.get("file")) for each in (read_manifest(folder) or {}).get("shards") or ()}
            return folder if str(shard.relative_to(folder)) in listed else None
    return None

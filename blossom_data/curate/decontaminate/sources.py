"""What the records of a translated set were translated from: the sets that its manifest says it was made of.

source_sets(Path("sft/math"))      [Path("zh/math"), Path("raw/math")], as far as they are still there
"""

from __future__ import annotations

from pathlib import Path

from blossom_data.curate.decontaminate.decontaminate import Decontaminate
from blossom_data.curate.decontaminate.ngrams import Hit
from blossom_data.object_store.paths import beside
from blossom_data.records import Record
from blossom_data.rows import read_records
from blossom_data.shards import read_manifest

_MOST = 16


def source_sets(folder: Path) -> list[Path]:
    """The sets that the one in `folder` was made of, step by step."""
    found: list[Path] = []
    ahead = [folder]
    while ahead and len(found) < _MOST:
        at = ahead.pop(0)
        manifest = read_manifest(at) if at.is_dir() else None
        made = manifest.get("made_of") if manifest else None
        if not isinstance(made, dict) or made.get("command") == "pull":
            continue
        for name in made.get("inputs", ()):
            place = beside(at, str(name))
            if place.exists() and place.resolve() not in {each.resolve() for each in (folder, *found)}:
                found.append(place)
                ahead.append(place)
    return found


def find_source_hits(folder: Path, measure: Decontaminate) -> dict[str, Hit]:
    """By the id of a record, the item that some earlier form of it holds."""
    hits: dict[str, Hit] = {}
    for place in source_sets(folder):
        for record in read_records(place):
            if isinstance(record, Record) and record.id not in hits and (hit := measure.find(record)) is not None:
                hits[record.id] = hit
    return hits

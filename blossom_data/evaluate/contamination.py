"""Whether the training set of a model holds questions of a suite: what its manifests say, else what its words say.

    look_up(Path("data/train"), "gsm8k-test", place)     {"told": "the training set was ...", "leaks": 0}

A set is made of others, step by step: any step that `decontaminate` took against the suite counts. Where none did, its
records are compared by their words alone: translated and reworded questions are not seen.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from blossom_data.curate.decontaminate.against import items_of, measure_of
from blossom_data.curate.decontaminate.sources import source_sets
from blossom_data.curate.extra import is_there
from blossom_data.records import Record
from blossom_data.rows import read_records
from blossom_data.shards import read_manifest

_LEAK = "decontaminate/leak"


def look_up(trained_on: Path, test_set: str, place: Path) -> dict[str, Any]:
    """What is known of questions of `test_set`, which lies in `place`: `told` in words, `leaks` found or None."""
    folders = [trained_on, *source_sets(trained_on)] if trained_on.is_dir() else []
    for folder in folders:
        manifest = read_manifest(folder) or {}
        about = (manifest.get("curate") or {}).get("decontaminate") or {}
        if any(each.get("name") == test_set for each in about.get("against", ())):
            went = (manifest.get("rejected") or {}).get(_LEAK, 0)
            how = "words and meaning" if about.get("meaning") else "words alone"
            told = f"the training set was decontaminated against {test_set} ({how}): {went} records went"
            return {"told": told, "leaks": 0}
    if not is_there("rapidfuzz", "numpy"):
        told = f"the training set was not decontaminated against {test_set}, and the extra `curate` is not installed"
        return {"told": told, "leaks": None}
    measure = measure_of(items_of([str(place)], None), by_meaning=False)
    leaks = read = 0
    for record in read_records(trained_on):
        if isinstance(record, Record):
            read += 1
            leaks += measure.find(record) is not None
    told = f"{leaks} of {read} records of the training set hold a question of {test_set} (by their words)"
    if leaks:
        told += ": its score is no measure of what the model can do"
    return {"told": told, "leaks": leaks}

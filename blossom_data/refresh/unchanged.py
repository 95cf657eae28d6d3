"""Whether a data set or mix on the disk is already what a run would write: then the run is left out.

Equal identities (sources, prompts, settings, models) and an unchanged folder mean equal bytes, for a run is a pure
function of them and the ledger. A data set with unanswered records is never taken as finished.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from blossom_data import __version__
from blossom_data.executors.job import Job
from blossom_data.mix.inputs import input_facts
from blossom_data.mix.plan import Mix
from blossom_data.shards import read_manifest


def finished_records(job: Job) -> dict[str, Any] | None:
    """The manifest of the data set that `job` would write once more, None when there is work to do."""
    manifest = read_manifest(job.out)
    if manifest is None or manifest.get("failed") or manifest.get("blossom_data") != __version__:
        return None
    is_same = manifest.get("identity") == job.about.get("identity") is not None
    return manifest if is_same and _is_intact(job.out, manifest) else None


def finished_mix(mix: Mix) -> dict[str, Any] | None:
    """The manifest of the mix that `mix` would write once more, None when there is work to do."""
    manifest = read_manifest(mix.out)
    if manifest is None or manifest.get("blossom_data") != __version__ or manifest.get("recipe") != mix.to_dict():
        return None
    inputs = [input_facts(data) for data in dict.fromkeys(part.data for part in mix.parts)]
    if manifest.get("inputs") != inputs or not all(facts["sha256"] for facts in inputs):
        return None
    return manifest if _is_intact(mix.out, manifest) else None


def _is_intact(folder: Path, manifest: Mapping[str, Any]) -> bool:
    """Whether the shards are those of the manifest."""
    try:
        for shard in manifest["shards"]:
            with (folder / shard["file"]).open("rb") as file:
                if hashlib.file_digest(file, "sha256").hexdigest() != shard["sha256"]:
                    return False
    except (OSError, KeyError, TypeError):
        return False
    return True

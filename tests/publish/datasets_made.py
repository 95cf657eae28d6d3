"""Finished data sets and looks at published ones, for the tests of publishing."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from blossom_data.publish.names import current_version
from blossom_data.records import Lineage, Message, Record
from blossom_data.rows import BadRow, read_records
from blossom_data.shards import DatasetWriter, read_manifest

MIT = {"source": "gsm8k", "licence": "MIT", "name": "train.jsonl", "sha256": "17f347dc"}


def record(number: int, **changes: Any) -> Record:
    """A math record; equal numbers make equal records."""
    prompt, model = changes.pop("prompt", "p1"), changes.pop("model", "m1")
    reply = hashlib.blake2b(f"{number} {prompt} {model}".encode(), digest_size=16).hexdigest()
    fields: dict[str, Any] = {
        "id": hashlib.blake2b(str(number).encode(), digest_size=16).hexdigest(),
        "source": "gsm8k",
        "source_id": f"train-{number}",
        "lang": "en",
        "messages": (
            Message("user", f"What is {number} plus {number}?"),
            Message("assistant", f"It is {2 * number}. 答案是 {2 * number}。"),
        ),
        "gold": str(2 * number),
        "tags": ("layout:gsm8k",),
        "lineage": (Lineage("pull", 1), Lineage("annotate", 1, prompt, model, reply)),
    }
    return Record(**{**fields, **changes})


def make(folder: Path, records: Iterable[Record], **about: Any) -> Path:
    """A finished data set, as a run writes it."""
    with DatasetWriter(folder, shard_records=40) as writer:
        for kept, each in enumerate(records, 1):
            writer.write(kept - 1, kept=[each.to_line()])
        counts = {"read": kept + 2, "added": 0, "kept": kept, "skipped": 0}
        codes = {"rejected": {"annotate/refusal": 2}, "failed": {}, "passed": {"annotate": kept}}
        asked = [{"stage": "annotate", "model": "m1", "replies": kept, "tokens_in": 9, "tokens_out": 9}]
        extra = {"asked": asked, "sources": [MIT], "prompts": {"annotate": "p1"}}
        writer.finish({"blossom_data": "0", "stage": "math", **counts, **codes, **extra, **about})
    return folder


def whole(folder: Path) -> list[Record]:
    """The records behind `current`, which must be an intact version."""
    version = current_version(folder)
    assert version is not None
    return whole_version(folder / version)


def whole_version(path: Path) -> list[Record]:
    """The records of a version; every file is the one that its manifest names, and none is missing or more."""
    manifest = read_manifest(path)
    assert manifest is not None
    assert manifest["version"] == path.name
    files = {"manifest.json", "README.md", *(shard["file"] for shard in manifest["shards"])}
    assert {entry.name for entry in path.iterdir()} == files
    for shard in manifest["shards"]:
        data = (path / shard["file"]).read_bytes()
        assert (shard["bytes"], shard["sha256"]) == (len(data), hashlib.sha256(data).hexdigest())
    records = list(read_records(path))
    assert not any(isinstance(each, BadRow) for each in records)
    assert len(records) == manifest["records"]
    return [each for each in records if isinstance(each, Record)]


def tidy(folder: Path) -> bool:
    """Whether nothing of a dead run is left."""
    return not [entry.name for entry in folder.iterdir() if entry.name.startswith((".building", ".current", ".del"))]

"""Data sets on disk: a folder of shards and its manifest.

    with DatasetWriter(folder) as writer:
        writer.write(0, kept=[b'{"id": ...}\\n'])
        writer.finish({"stage": "pull", ...})
    read_manifest(folder)                           {"format": 1, "stage": "pull", "records": 1, "shards": [...]}

dataset.py writes one, block_notes.py knows what of it a later run can take over. Reading records is rows' part.
"""

from __future__ import annotations

from blossom_data.shards.block_notes import BUILDING, BlockNotes, Note
from blossom_data.shards.dataset import (
    FORMAT,
    MANIFEST,
    SHARD_RECORDS,
    DatasetWriter,
    ShardWriter,
    read_manifest,
    refuse_foreign_folder,
    steerless,
    sync_folder,
    write_atomic,
)

__all__ = [
    "BUILDING",
    "FORMAT",
    "MANIFEST",
    "SHARD_RECORDS",
    "BlockNotes",
    "DatasetWriter",
    "Note",
    "ShardWriter",
    "read_manifest",
    "refuse_foreign_folder",
    "steerless",
    "sync_folder",
    "write_atomic",
]

"""Data sets on disk: a folder of shards and its manifest.

    with DatasetWriter(folder) as writer:
        writer.write(0, kept=[b'{"id": ...}\\n'])
        writer.finish({"stage": "pull", ...})
    read_manifest(folder)                           {"format": 1, "stage": "pull", "records": 1, "shards": [...]}

dataset.py writes one, block_writer.py a block of one that several processes build, block_notes.py knows what of it a
later run can take over, folder.py what is one of ours. Reading records is rows' part.
"""

from __future__ import annotations

from blossom_data.shards.block_notes import BUILDING, BlockNotes, Note
from blossom_data.shards.block_writer import BlockWriter, SharedBuilding, sees_place
from blossom_data.shards.dataset import SHARD_RECORDS, DatasetWriter, ShardWriter, steerless, sync_folder, write_atomic
from blossom_data.shards.folder import (
    CARD,
    FORMAT,
    MANIFEST,
    REJECTS,
    holds_shards,
    read_manifest,
    refuse_foreign_folder,
)

__all__ = [
    "BUILDING",
    "CARD",
    "FORMAT",
    "MANIFEST",
    "REJECTS",
    "SHARD_RECORDS",
    "BlockNotes",
    "BlockWriter",
    "DatasetWriter",
    "Note",
    "ShardWriter",
    "SharedBuilding",
    "holds_shards",
    "read_manifest",
    "refuse_foreign_folder",
    "sees_place",
    "steerless",
    "sync_folder",
    "write_atomic",
]

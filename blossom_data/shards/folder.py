"""A data set's folder from outside: the names that it holds, its manifest, and whether it is one of ours at all.

read_manifest(Path("raw/gsm8k"))            {"format": 1, "records": 7473, ...}
refuse_foreign_folder(Path("thesis"))       output folder thesis holds other files (chapter.tex ...)
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import orjson

from blossom_data.errors import ConfigError
from blossom_data.shards.block_notes import BLOCKS, BUILDING

MANIFEST = "manifest.json"
FORMAT = 1
CARD = "README.md"
REJECTS = "rejects"
TRAINER_FILES = ("dataset_info.json", "axolotl.yml", "trl_sft.py")
_SHARD = re.compile(r"part-\d{5}\.(?:jsonl|jsonl\.zst|parquet)")


def read_manifest(folder: Path) -> dict[str, Any] | None:
    """The manifest of the finished data set in `folder`, or None where there is none that can be read."""
    try:
        manifest = orjson.loads((folder / MANIFEST).read_bytes())
    except (OSError, ValueError):
        return None
    return manifest if isinstance(manifest, dict) and manifest.get("format") == FORMAT else None


def holds_shards(folder: Path) -> bool:
    """Whether `folder` holds shards, kept or rejected, under the very names that a data set gives them."""
    return any(_SHARD.fullmatch(file.name) for file in (*folder.glob("part-*"), *folder.glob(f"{REJECTS}/part-*")))


def refuse_foreign_folder(folder: Path, *, is_replacing: bool = False) -> None:
    """Raises ConfigError when `folder` is a file, a link, or holds files that blossom-data did not write.

    It knows its own by a manifest, or by the folder of a run that is not finished: other programs write part-* too,
    and are not touched unless `is_replacing` and every name is one that a data set has.
    """
    if folder.is_symlink() or (folder.exists() and not folder.is_dir()):
        raise ConfigError(f"output {folder} is not a folder", hint="name a new folder with -o")
    if not folder.is_dir():
        return
    named = (f".{MANIFEST}", BUILDING, BLOCKS, REJECTS, MANIFEST, CARD, *TRAINER_FILES)
    entries = sorted(entry.name for entry in folder.iterdir())
    is_known = (folder / BUILDING).is_dir() or read_manifest(folder) is not None
    if is_known:
        foreign = [name for name in entries if not name.startswith((*named, "part-"))]
    elif holds_shards(folder) and ((folder / MANIFEST).is_file() or is_replacing):
        foreign = [name for name in entries if not name.startswith(named) and _SHARD.fullmatch(name) is None]
    else:
        foreign = [name for name in entries if not name.startswith((BUILDING, BLOCKS, f".{MANIFEST}"))]
    if foreign:
        hint = "name a new folder with -o"
        if not is_known and holds_shards(folder):
            hint += "; or, where it is a data set that lost its manifest, replace it: --replace"
        raise ConfigError(f"output folder {folder} holds other files ({foreign[0]} ...)", hint=hint)

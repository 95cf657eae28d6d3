"""What a reader refuses: a data set of ours that is not whole, or whose manifest cannot be read.

    refuse_unfinished(Path("raw/gsm8k"))      raw/gsm8k is not finished: it holds shards and no manifest.json

A folder of another program's files is none of ours, and is read as it is.
"""

from __future__ import annotations

from pathlib import Path

from blossom_data.errors import InputError
from blossom_data.shards import BUILDING, MANIFEST, REJECTS, holds_shards, read_manifest


def refuse_unfinished(folder: Path) -> None:
    """Raises InputError where `folder` is a data set of ours that is not whole, or whose manifest is damaged."""
    home = folder.parent if folder.name == REJECTS else folder
    if read_manifest(home) is not None:
        return
    if (home / MANIFEST).is_file() and (holds_shards(home) or (home / BUILDING).is_dir()):
        raise InputError(
            f"{home / MANIFEST} is damaged, or of a version that is not known: what {home} holds cannot be told",
            hint="run the command that wrote it again: it buys nothing again, and mends it",
        )
    if (folder / BUILDING).is_dir():
        raise InputError(
            f"{folder} is not finished: the run that writes it is still at work, or was stopped",
            hint="wait for it, or run its command again",
        )
    if holds_shards(folder):
        raise InputError(
            f"{folder} is not finished: it holds shards and no {MANIFEST}",
            hint="run the command that writes it again, with --replace; one shard's own path is read as it is",
        )

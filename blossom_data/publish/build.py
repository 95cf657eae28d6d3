"""The second reading of a publish: writes shards, card and, last, the manifest of a version into a new folder.

    manifest.json: {"format": 1, "stage": "publish", "name": "math", "version": "2026-...", "content": "ab12cd34...",
                    "layout": "parquet", "records": 8792, "shards": [...], "sources": [...], "prompts": {...}, ...}

Everything is fsynced before the folder gets its name; versions.py gives it.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import orjson

from blossom_data import __version__
from blossom_data.counters import Counters
from blossom_data.errors import InputError
from blossom_data.publish.reading import Part
from blossom_data.publish.shard_files import LAYOUTS, Shards, Width, shard_prefix, sums
from blossom_data.publish.steps import step
from blossom_data.publish.survey import Digest, Survey, distinct
from blossom_data.report.card import render_card
from blossom_data.shards import FORMAT, MANIFEST, steerless, sync_folder

CARD = "README.md"


def content_hash(found: Survey, layout: str, licences: Mapping[str, str]) -> str:
    """The hash that tells one version from another: its records in their order, file format and licences."""
    identity = {"records": found.digest, "layout": layout, "licences": dict(licences)}
    return hashlib.sha256(orjson.dumps(identity, option=orjson.OPT_SORT_KEYS)).hexdigest()


def build_version(
    folder: Path,
    parts: Sequence[Part],
    found: Survey,
    *,
    layout: str,
    licences: Mapping[str, str],
    shard_records: int,
    about: Mapping[str, Any],
    counters: Counters,
    written: Callable[[Path, str], None] | None = None,
) -> dict[str, Any]:
    """Writes a whole version into the empty `folder`; gives its manifest.

    Args:
        written: is told each shard when it is whole, with its sha256, and may take it away.

    Raises:
        InputError: the parts are no longer what the survey found.
    """
    digest = Digest()
    width = Width(has_reasoning=found.with_reasoning > 0, has_tools=found.wide > 0)
    with Shards(folder, layout=layout, shard_records=shard_records, width=width, written=written) as shards:
        for config, record in counters.counted("writing", distinct(parts), total=found.records):
            digest.add(config, record.to_line())
            shards.write(config, record)
    if digest.hexdigest() != found.digest:
        raise InputError(
            f"{', '.join(str(part.path) for part in parts)} changed while it was read: not published",
            hint="wait until it is written, then run again",
        )
    manifest = {
        "format": FORMAT,
        "blossom_data": __version__,
        "stage": "publish",
        **about,
        "layout": layout,
        **_described(found, licences),
        "configs": _configs(found, layout),
        "records": found.records,
        "shards": shards.written,
        "rejects": [],
    }
    write_synced(folder / CARD, render_card(manifest, str(about["name"])))
    step("card")
    manifest["card"] = {"file": CARD, **sums(folder / CARD)}
    text = orjson.dumps(manifest, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE).decode()
    write_synced(folder / MANIFEST, steerless(text).encode())
    step("manifest")
    sync_folder(folder)
    step("sync")
    return manifest


def write_synced(path: Path, data: bytes) -> None:
    """Writes a new file and makes it durable; its name is durable once its folder is synced."""
    with path.open("xb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def is_intact(folder: Path, manifest: Mapping[str, Any]) -> bool:
    """Whether the files of a version are those that its manifest names."""
    files = [*manifest.get("shards", ()), *([manifest["card"]] if "card" in manifest else [])]
    try:
        return all(
            Path(file["file"]).name == file["file"]
            and sums(folder / file["file"]) == {"bytes": file["bytes"], "sha256": file["sha256"]}
            for file in files
        )
    except (OSError, KeyError, TypeError):
        return False


def _configs(found: Survey, layout: str) -> list[dict[str, Any]]:
    """The configurations as the card names them."""
    return [
        {"name": config, "files": f"{shard_prefix(config)}-*{LAYOUTS[layout]}", "records": records}
        for config, records in found.configs.items()
    ]


def _described(found: Survey, licences: Mapping[str, str]) -> dict[str, Any]:
    """What the manifest says of the records and of how they were made."""
    return {
        **found.about,
        "licences": dict(sorted(licences.items())),
        "by_source": {source: {"kept": kept} for source, kept in sorted(found.by_source.items())},
        "by_lang": dict(sorted(found.by_lang.items())),
        "with_gold": found.with_gold,
        **({"reviewed": dict(found.reviewed)} if found.reviewed else {}),
        **({"with_reasoning": found.with_reasoning} if found.with_reasoning else {}),
        **({"with_tools": found.wide} if found.wide else {}),
        "made_by": [
            {"stage": stage, "version": version, "model": model, "prompt": prompt, "records": records}
            for (stage, version, model, prompt), records in sorted(found.made_by.items())
        ],
    }

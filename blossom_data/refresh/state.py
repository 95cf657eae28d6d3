"""What there is of a pipeline: who runs it, its last refresh, its data set, its versions, its ledger.

    {"pipeline": "math", "running": {"pid": "4711", "host": "gpu3", "since": "..."}, "last": {...}, "records": 8001,
     "versions": [{"name": "2026-01-31T030000Z-ab12cd34", "records": 8001, "is_current": true, ...}], "ledger": {...}}

It changes nothing and takes no lock.
"""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

from blossom_data.errors import ConfigError
from blossom_data.ledger.address import LedgerAddress
from blossom_data.ledger.lock import holder_of
from blossom_data.ledger.opening import ledger_holder, look_into, work_at
from blossom_data.ledger.place import job_of
from blossom_data.pipelines.settings import Pipeline
from blossom_data.publish.names import CURRENT, NAME
from blossom_data.publish.retention import list_versions
from blossom_data.publish.versions import LOCK, version_names
from blossom_data.refresh.runs import last_result
from blossom_data.shards import read_manifest

_LAST = ("run", "started", "ended", "exit_code", "outcome", "calls", "cost_usd", "version", "error")


def pipeline_state(pipeline: Pipeline) -> dict[str, Any]:
    """The state of a pipeline."""
    last = last_result(pipeline.refresh.logs / pipeline.name)
    manifest = read_manifest(pipeline.out)
    published = pipeline.publish
    return {
        "pipeline": pipeline.name,
        "file": str(pipeline.file),
        "running": holder_of(pipeline.lock),
        "ledger_in_use": ledger_holder(pipeline.ledger),
        "work": work_at(pipeline.ledger, job_of(pipeline.out)),
        "last": {name: last.get(name) for name in _LAST} if last else None,
        "out": str(pipeline.out),
        "records": manifest["records"] if manifest else None,
        "rejected": sum(manifest["rejected"].values()) if manifest else None,
        "published": str(published.root / published.name) if published else None,
        "versions": _versions(published.root / published.name) if published else [],
        "ledger": ledger_state(pipeline.ledger),
    }


def ledger_state(address: LedgerAddress) -> dict[str, Any]:
    """What the ledger at `address` holds, zeros where there is none."""
    found = look_into(address)
    return {
        "path": str(address),
        "replies": found.replies if found else 0,
        "failures": found.failures if found else 0,
        "bytes": found.bytes if found else 0,
        "totals": [asdict(row) for row in found.totals] if found else [],
    }


def root_state(root: Path) -> dict[str, Any]:
    """The published data sets in `root`, or the one that `root` is.

    Raises:
        ConfigError: there is none.
    """
    folders = [
        root,
        *sorted(entry for entry in root.iterdir() if NAME.fullmatch(entry.name) and not entry.is_symlink()),
    ]
    found = [folder for folder in folders if folder.is_dir() and (folder / CURRENT).is_symlink()]
    if not found:
        raise ConfigError(f"there is no published data set in {root}", hint="give a pipeline file, ROOT or ROOT/NAME")
    return {
        "root": str(root),
        "datasets": [
            {"name": folder.resolve().name, "running": holder_of(folder / LOCK), "versions": _versions(folder)}
            for folder in found
        ],
    }


def _versions(folder: Path) -> list[dict[str, Any]]:
    if not folder.is_dir() or not version_names(folder):
        return []
    return [asdict(version) | {"idle_s": round(version.idle_s)} for version in list_versions(folder)]

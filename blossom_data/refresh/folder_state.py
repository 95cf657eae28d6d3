"""What stands under a folder, whoever made it: data sets that are whole, running or stopped, and what each has bought.

    {"folder": "work", "published": [...], "ledgers": [...], "sets": [
        {"path": "work/zh/gsm8k", "state": "stopped", "command": None, "records": None, "rejected": 0, "done": 20000,
         "spent": [{"stage": "translate", "model": "qwen2.5-72b", "replies": 20140, "tokens_in": ..., ...}]}]}

A run that was stopped before its first shard was whole has left nothing but its replies: the ledger knows its output.
It changes nothing and waits for nobody.
"""

from __future__ import annotations

import fcntl
import itertools
import os
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import orjson

from blossom_data.ledger.lock import holder_of, lock_of
from blossom_data.ledger.place import DEFAULT_LEDGER, job_of, ledger_named
from blossom_data.ledger.snapshot import totals_by_job
from blossom_data.publish.names import CURRENT
from blossom_data.refresh.call_state import call_state
from blossom_data.refresh.state import ledger_state, root_state
from blossom_data.shards import BUILDING, MANIFEST, REJECTS, holds_shards, read_manifest

_DEEPEST = 5
_MOST_FOLDERS = 20_000
_SPENT = ("stage", "model", "replies", "tokens_in", "tokens_out")


def folder_state(root: Path) -> dict[str, Any]:
    """What stands under `root`; `sets`, `published` and `ledgers` are empty where there is nothing."""
    sets: list[Path] = []
    published: list[dict[str, Any]] = []
    ledgers: dict[Path, Path] = {}
    for folder in _folders(root):
        if (folder / CURRENT).is_symlink():
            published += root_state(folder)["datasets"]
        elif _is_set(folder):
            sets.append(folder)
        for ledger in (folder / DEFAULT_LEDGER, ledger_named(folder)):
            if ledger is not None and ledger.is_file():
                ledgers.setdefault(ledger.resolve(), _short(ledger))
    bought, calls = _bought(ledgers.values())
    told = [_set_state(folder, bought.pop(job_of(folder), []), calls.get(job_of(folder))) for folder in sets]
    here = root.resolve()
    for job, spent in bought.items():
        if Path(job).is_relative_to(here) and not Path(job).exists():
            told.append(_lost_set(_as_given(root, here, Path(job)), spent, calls.get(job)))
    return {
        "folder": str(root),
        "sets": sorted(told, key=lambda each: str(each["path"])),
        "published": published,
        "ledgers": [
            {**ledger_state(ledger), "running": holder_of(lock_of(ledger))} for ledger in sorted(ledgers.values())
        ],
    }


def _short(path: Path) -> Path:
    """`path` as seen from the working directory, where it lies below that."""
    here = Path.cwd()
    return path.relative_to(here) if path.is_relative_to(here) else path


def _folders(root: Path) -> Iterator[Path]:
    """`root` and the folders below it, but for hidden ones, and what is inside of data sets and versions."""
    for place, names, _ in itertools.islice(os.walk(root), _MOST_FOLDERS):
        folder = Path(place)
        depth = len(folder.relative_to(root).parts)
        is_closed = depth >= _DEEPEST or (folder / CURRENT).is_symlink()
        names[:] = [] if is_closed else sorted(name for name in names if not name.startswith(".") and name != REJECTS)
        yield folder


def _is_set(folder: Path) -> bool:
    is_ours = (folder / BUILDING).is_dir() or (folder / MANIFEST).is_file()
    return is_ours and (holds_shards(folder) or (folder / BUILDING).is_dir() or read_manifest(folder) is not None)


def _bought(ledgers: Iterable[Path]) -> tuple[dict[str, list[dict[str, Any]]], dict[str, dict[str, Any]]]:
    """What was bought for each output, and how its calls went, by its job name."""
    found: dict[str, list[dict[str, Any]]] = {}
    calls: dict[str, dict[str, Any]] = {}
    for ledger in ledgers:
        rows = totals_by_job(ledger)
        for job, row in rows:
            found.setdefault(job, []).append({name: getattr(row, name) for name in _SPENT})
        for job in {job for job, _ in rows}:
            if (state := call_state(ledger, job)) is not None:
                calls[job] = state
    return found, calls


def _set_state(folder: Path, spent: list[dict[str, Any]], calls: dict[str, Any] | None) -> dict[str, Any]:
    """One data set: is it whole, is somebody at it, how far did a run come that was stopped."""
    manifest, notes = read_manifest(folder), _notes(folder)
    is_building = (folder / BUILDING).is_dir()
    state = "running" if _is_held(folder) else "stopped" if is_building and manifest is None else "whole"
    if manifest is None and not is_building:
        state = "damaged"
    made = manifest.get("made_of") if manifest else None
    return {
        "path": str(folder),
        "state": state,
        "is_update_stopped": state == "whole" and is_building,
        "command": (made or {}).get("command") or (manifest or {}).get("stage"),
        "records": manifest.get("records") if manifest else None,
        "rejected": _sum(manifest, "rejected"),
        "failed": _sum(manifest, "failed"),
        "done": sum(notes) if is_building else None,
        "spent": spent,
        "calls": calls,
    }


def _lost_set(path: Path, spent: list[dict[str, Any]], calls: dict[str, Any] | None) -> dict[str, Any]:
    """An output that was bought for, and of which nothing stands yet."""
    nothing = {"is_update_stopped": False, "command": None, "records": None, "rejected": 0, "failed": 0, "done": 0}
    return {"path": str(path), "state": "stopped", **nothing, "spent": spent, "calls": calls}


def _as_given(root: Path, here: Path, path: Path) -> Path:
    return root / path.relative_to(here)


def _sum(manifest: dict[str, Any] | None, key: str) -> int:
    counts = (manifest or {}).get(key)
    return sum(counts.values()) if isinstance(counts, dict) else 0


def _notes(folder: Path) -> Iterator[int]:
    """Records that are kept or rejected in each shard that a run has finished."""
    for note in (folder / BUILDING).glob("block-*.json"):
        with suppress(OSError, ValueError, KeyError, TypeError, AttributeError):
            tally = orjson.loads(note.read_bytes())["tally"]
            yield tally["counts"].get("kept", 0) + sum(tally.get("rejected", {}).values())


def _is_held(folder: Path) -> bool:
    """Whether a run holds the lock of the folder."""
    try:
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return False
    finally:
        os.close(descriptor)
    return False

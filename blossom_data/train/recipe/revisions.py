"""What a recipe names and others may change meanwhile, kept by the run: a model's commit, a data set's version.

    OUT/pins.json   {"model": {"id": "Qwen/Qwen2.5-0.5B", "asked": "", "commit": "060db649..."},
                     "versions": {"/data/published/blossom-v5": "2026-01-30T030000Z-0f3e9a11"}}

The first process that begins a run pins; whoever goes on takes what is pinned, so a new version on the hub or in the
published folder changes nothing of a run that has begun.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import orjson

from blossom_data.errors import ConfigError
from blossom_data.publish.names import CURRENT, current_version
from blossom_data.shards import read_manifest, write_atomic
from blossom_data.train.recipe.hub import fetch
from blossom_data.train.recipe.recipe import Recipe

FILE = "pins.json"


def pinned(recipe: Recipe, out: Path | None, *, tell: Callable[[str], None]) -> Recipe:
    """The recipe with its model fetched, and with versions in place of what `current` names.

    Args:
        out: folder of the run, which keeps the pins; None: nothing is kept, and no weights are fetched.

    Raises:
        ConfigError, EndpointError: the hub has no such model or cannot be reached, or nothing is published yet.
    """
    before = _read(out)
    after: dict[str, Any] = {"versions": {}}
    if recipe.hub_id:
        known = before.get("model", {})
        is_same = (known.get("id"), known.get("asked")) == (recipe.hub_id, recipe.revision)
        folder = fetch(
            recipe.hub_id, known["commit"] if is_same else recipe.revision, has_weights=out is not None, tell=tell
        )
        after["model"] = {"id": recipe.hub_id, "asked": recipe.revision, "commit": folder.name}
        recipe = replace(recipe, base_model=folder, revision=folder.name)
    versions = before.get("versions", {})
    stages = []
    for stage in recipe.stages:
        parts = []
        for part in stage.data:
            folder = part.path.parent if part.path.name == CURRENT and part.path.is_symlink() else part.path
            version = versions.get(str(folder)) or _version(folder, part.config)
            if version:
                after["versions"][str(folder)] = version
            parts.append(replace(part, path=folder / version) if version else part)
        stages.append(replace(stage, data=tuple(parts)))
    if out is not None and after != before and (after["versions"] or "model" in after):
        out.mkdir(parents=True, exist_ok=True)
        write_atomic(out / FILE, orjson.dumps(after, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE))
    return replace(recipe, stages=tuple(stages))


def _version(folder: Path, config: str) -> str:
    """The version that `current` in a published data set's folder names; "" of any other path."""
    if (folder / CURRENT).is_symlink():
        return current_version(folder) or ""
    if config and read_manifest(folder) is None:
        raise ConfigError(f"{folder} holds no published version", hint="make one: blossom-data refresh, or publish")
    return ""


def _read(out: Path | None) -> dict[str, Any]:
    """The pins of a run; none where it has not begun."""
    try:
        value = orjson.loads((out / FILE).read_bytes()) if out is not None else {}
    except (OSError, ValueError):
        return {}
    return value if isinstance(value, dict) else {}

"""The packed set of each part of a recipe's data: the one that it names, or one that is made of its records.

    packed_part(DataPart(path="published/blossom-v5/2026-01-30T030000Z-0f3e9a11", config="stage1"), recipe, OUT/packed)
    -> OUT/packed/stage1-3f9ac01b22d7

What is made is named by everything that decides it, and made once: a version that is thrown away meanwhile stays packed
in the run that began with it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import orjson

from blossom_data.errors import ConfigError, InputError
from blossom_data.publish.names import VERSION
from blossom_data.rows.facts import fingerprint
from blossom_data.shards import read_manifest
from blossom_data.train.data.pack import pack_dataset
from blossom_data.train.data.pack_judged import pack_judged
from blossom_data.train.data.pack_pairs import pack_pairs
from blossom_data.train.data.pack_text import pack_text
from blossom_data.train.data.packing_report import packed_lines
from blossom_data.train.data.store import KIND
from blossom_data.train.recipe.recipe import Recipe
from blossom_data.train.recipe.stages import DataPart, Kind
from blossom_data.train.template.templates import identity_of

_PACKERS: dict[Kind, Callable[..., dict[str, Any]]] = {
    "chats": pack_dataset,
    "pairs": pack_pairs,
    "labelled": pack_judged,
    "text": pack_text,
}


def packed_part(part: DataPart, recipe: Recipe, into: Path | None, *, kind: Kind, tell: Callable[[str], None]) -> Path:
    """The packed set of `part`.

    Args:
        into: folder of the sets that are made; None: none is.
        kind: what the records are.

    Raises:
        ConfigError, InputError: it is not there, not whole, or cannot be packed.
    """
    if (read_manifest(part.path) or {}).get("kind") == KIND:
        if part.config:
            raise ConfigError(f"{part.path} is a packed set, which has no configuration", hint="leave out config")
        return part.path
    if part.path.is_dir() and any((part.path / name).exists() for name in ("ids.bin", "docs.bin")):
        raise InputError(f"{part.path} is no finished packed set", hint="make it again: blossom-data train pack")
    if into is None:
        raise ConfigError(f"{part.path} is not packed", hint="pack it first: blossom-data train pack")
    # The name of a version tells its content, also when its files have gone.
    is_version = VERSION.fullmatch(part.path.name) is not None
    identity = [part.path.name, part.config] if is_version else fingerprint(part.path)
    is_of: object = {"chats": False, "pairs": True}.get(kind, kind)
    digest = hashlib.sha256(orjson.dumps([identity, identity_of(recipe.template), recipe.seq_len, is_of])).hexdigest()
    folder = into / f"{part.place.stem}-{digest[:12]}"
    if read_manifest(folder) is None:
        inputs = _inputs(part)
        tell(f"packing {part.place} into {folder}")
        into.mkdir(parents=True, exist_ok=True)
        manifest = _PACKERS[kind](
            inputs, folder, tokenizer=recipe.base_model, template=recipe.template, seq_len=recipe.seq_len,
            seed=recipe.seed, max_bad=recipe.max_bad, max_dropped=recipe.max_dropped,
        )  # fmt: skip
        for line in packed_lines(manifest, str(part.place)):
            tell(line)
    return folder


def _inputs(part: DataPart) -> list[Path]:
    """What is read: the path, or of a published version the shards of the configuration, which are whole.

    Raises:
        ConfigError: the version has no such configuration, or several and none is named.
        InputError: a shard is not the one that was published.
    """
    manifest = read_manifest(part.path) if part.path.is_dir() else None
    shards = [shard for shard in (manifest or {}).get("shards", []) if "config" in shard]
    known = list(dict.fromkeys(str(shard["config"]) for shard in shards))
    if not part.config and len(known) < 2:
        return [part.path]
    if part.config not in known:
        problem = f"has no configuration {part.config!r}" if part.config else "has several configurations"
        hint = f'name one with config = "{known[0]}", known: {", ".join(known)}' if known else "leave out config"
        raise ConfigError(f"{part.path} {problem}", hint=hint)
    files = []
    for shard in shards:
        path = part.path / shard["file"]
        if shard["config"] == part.config:
            if not path.is_file() or fingerprint(path)["sha256"] != shard["sha256"]:
                raise InputError(f"{path} is not the shard that was published", hint="publish the data again")
            files.append(path)
    return files

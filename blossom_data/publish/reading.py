"""Reads what is published: finished data sets, each with the configuration that its records go to.

    for config, record in read_part(Part(Path("out/math"))): ...

A configuration is what `load_dataset(repo, NAME)` names: `default` unless the user says `stage1=out/stage1`. Ids are
unique within one configuration; the same record may stand in two (the replay of stage 1 in stage 2).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from blossom_data.errors import ConfigError, InputError
from blossom_data.object_store import path_of
from blossom_data.outputs.unfinished import refuse_unfinished
from blossom_data.publish.names import CURRENT, DEFAULT_CONFIG, check_config
from blossom_data.records import Record
from blossom_data.rows import BadRow, read_rows
from blossom_data.rows.row import Unreadable
from blossom_data.rows.valid import valid_record
from blossom_data.shards import read_manifest


@dataclass(frozen=True, slots=True)
class Part:
    """One data set to publish; `config` "" leaves its records in the configurations that it has itself."""

    path: Path
    config: str = ""


def parse_part(text: str) -> Part:
    """`out/math`, or `stage1=out/stage1` where no such path exists.

    Raises:
        ConfigError: the configuration's name cannot be used.
    """
    config, mark, path = text.partition("=")
    if not mark or path_of(text).exists():
        return Part(path_of(text))
    return Part(path_of(path), check_config(config))


def located(path: Path) -> Path:
    """`path`, or the version that its `current` names where it is the folder of a published data set."""
    current = path / CURRENT
    return current.resolve() if current.is_symlink() and read_manifest(path) is None else path


def finished_manifest(part: Part) -> dict[str, Any]:
    """The manifest of a data set that is to be published.

    Raises:
        ConfigError: it is not there, or no data set.
        InputError: it is not finished, or its manifest is damaged.
    """
    manifest = read_manifest(located(part.path))
    if manifest is None:
        refuse_unfinished(located(part.path))
        raise ConfigError(
            f"{part.path} is no finished data set: it has no manifest.json that can be read",
            hint="publish what a command wrote with -o; run that command again if it was stopped",
        )
    return manifest


def read_part(part: Part) -> Iterator[tuple[str, Record]]:
    """The records of a finished data set in order, each with its configuration.

    Raises:
        InputError: a row that is no record, or a shard that is not the one of the manifest.
    """
    for config, item in read_any(located(part.path)):
        if isinstance(item, BadRow):
            raise InputError(
                f"{item.file}:{item.line} is no record ({item.code}: {item.detail})",
                hint="make the data set again; training layouts are made from records by `mix`, and not published",
            )
        yield part.config or config, item


def read_any(path: Path) -> Iterator[tuple[str, Record | BadRow]]:
    """The records and bad rows of a data set, version or file, each with the configuration of its shard."""
    manifest = read_manifest(path) if path.is_dir() else None
    configs = {shard["file"]: shard["config"] for shard in (manifest or {}).get("shards", []) if "config" in shard}
    if manifest is not None and not manifest.get("records"):
        return
    file, config = "", DEFAULT_CONFIG
    for row in read_rows(path):
        if row.file != file:
            file, config = row.file, configs.get(Path(row.file).name, DEFAULT_CONFIG)
        if isinstance(row, BadRow):
            yield config, row
            continue
        try:
            yield config, valid_record(row.value)
        except Unreadable as why:
            yield config, why.at(row.file, row.line)

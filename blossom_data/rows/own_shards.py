"""The rows of a finished data set for who only looks at them, at twice the pace of read_rows.

    for value in shard_values(Path("out/math")): ...      {"id": ..., "messages": [...]}, None for a line that is none

Each shard is the one of the manifest, and JSON lines of ours hold no key twice and no number too large, so those
checks are left out; a line's length and depth stay bounded. What a value holds its reader must still look at: a
manifest proves that nothing was changed, not who wrote it. Parquet, and what is no data set, goes through read_rows.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson

from blossom_data.rows.compressed import BLOCK_BYTES, inflate
from blossom_data.rows.inputs import label, read_rows, verified_shards
from blossom_data.rows.lines import cut_lines
from blossom_data.rows.row import MAX_LINE_BYTES, Row
from blossom_data.shards import REJECTS, read_manifest


def shard_values(path: Path) -> Iterator[dict[str, Any] | None]:
    """The rows of a data set, version, folder or file, in order.

    Raises:
        InputError, ConfigError: as read_rows.
    """
    manifest = read_manifest(path) if path.is_dir() else None
    if manifest is None:
        yield from _checked(path)
        return
    for shard in verified_shards(path, manifest.get("shards")):
        yield from _lines(shard)


def reject_values(path: Path) -> Iterator[dict[str, Any] | None]:
    """The rejects of a finished data set, none for one that has none."""
    manifest = read_manifest(path) if path.is_dir() else None
    if manifest is not None and manifest.get("rejects"):
        for shard in verified_shards(path / REJECTS, manifest["rejects"]):
            yield from _lines(shard)


def _checked(path: Path) -> Iterator[dict[str, Any] | None]:
    return (row.value if isinstance(row, Row) else None for row in read_rows(path))


def _lines(shard: Path) -> Iterator[dict[str, Any] | None]:
    if shard.suffix == ".parquet":
        yield from _checked(shard)
        return
    with shard.open("rb") as file:
        blocks = inflate(file, label(shard), file.read(BLOCK_BYTES))
        for lines, _ in cut_lines(blocks):
            for line in lines:
                if line:
                    yield _value(line)


def _value(line: bytes) -> dict[str, Any] | None:
    if len(line) > MAX_LINE_BYTES:
        return None
    try:
        value = orjson.loads(line)
    except orjson.JSONDecodeError:
        return None
    return value if type(value) is dict else None

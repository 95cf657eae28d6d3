"""Reads mixes from TOML: a recipe file of their own, or the [[mix]] tables that a pipeline hands on.

    [[mix]]
    name = "stage1"                    # out defaults to train/NAME beside the file
    seed = 1
    caps = {flan = 20000}              # most records of a source
    [[mix.part]]
    data = "data/orca"                 # relative to the file; in a pipeline it defaults to the pipeline's own data set
    source = "orca"                    # or a list
    count = 40000                      # or weight = 2.0, or share = 0.5 (of the part's own records)
    lang = {zh = 0.5, en = 0.5}

    [[mix]]
    name = "stage2"
    [[mix.replay]]
    of = "stage1"                      # an earlier mix of this file, or data = "train/stage1"
    share = 0.2                        # or count

It checks values; blending is write.py's part.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from blossom_data.config import reject_unknown
from blossom_data.errors import ConfigError
from blossom_data.mix.plan import Mix, Part
from blossom_data.shards import SHARD_RECORDS
from blossom_data.toml_file import read_toml

_NAME = re.compile(r"\w[\w.-]{0,99}")
_MIX = (
    "name",
    "out",
    "seed",
    "records",
    "caps",
    "lang",
    "layout",
    "format",
    "plain",
    "shard_records",
    "allow_short",
    "max_bad",
    "part",
    "replay",
)
_PART = ("data", "name", "count", "weight", "share", "source", "lang")
_REPLAY = ("of", "data", "name", "count", "share", "source", "lang")


def load_recipe(path: Path, *, out: Path | None = None) -> tuple[Mix, ...]:
    """The mixes of the recipe file at `path`, to be written to OUT/NAME if `out` is given.

    Raises:
        ConfigError: not TOML, an unknown key (with the nearest known one), a missing or wrong value.
    """
    raw = read_toml(path, "recipe")
    reject_unknown(raw, ("mix",), f"recipe {path}")
    return read_mixes(raw.get("mix"), where=f"recipe {path}", folder=path.resolve().parent, out=out)


def read_mixes(tables: Any, *, where: str, folder: Path, data: str = "", out: Path | None = None) -> tuple[Mix, ...]:
    """The mixes that the [[mix]] tables (or one [mix] table) describe.

    Args:
        tables: what stands under the key "mix".
        where: named in errors, such as "pipeline math.toml".
        folder: what relative paths are relative to.
        data: the data set of parts that name none; "": they must.
        out: mixes are written to OUT/NAME, whatever the tables say.
    """
    listed = [tables] if isinstance(tables, dict) else tables
    if not isinstance(listed, list) or not listed:
        raise ConfigError(f"{where}: has no [[mix]]", hint='such as [[mix]] name = "stage1"')
    mixes: dict[str, Mix] = {}
    for number, table in enumerate(listed, 1):
        mix = _mix(table, f"{where}, mix {number}", folder, data, out, mixes)
        if mix.name in mixes or any(mix.out.resolve() == other.out.resolve() for other in mixes.values()):
            raise ConfigError(f"{where}: two mixes have the name or folder of {mix.name!r}")
        mixes[mix.name] = mix
    return tuple(mixes.values())


def _mix(table: Any, where: str, folder: Path, data: str, out: Path | None, earlier: Mapping[str, Mix]) -> Mix:
    _require_table(table, where)
    reject_unknown(table, _MIX, where)
    name = _text(table, "name", where)
    if not _NAME.fullmatch(name):
        raise ConfigError(f"{where}: name {name!r} must be letters, digits, dots and dashes")
    where = f"{where} ({name})"
    lang = _numbers(table, "lang", where)
    parts = [
        _part(entry, f"{where}, part {number}", folder, data, lang)
        for number, entry in enumerate(_tables(table, "part", where), 1)
    ]
    replays = [
        _replay(entry, f"{where}, replay {number}", folder, earlier)
        for number, entry in enumerate(_tables(table, "replay", where), 1)
    ]
    caps = table.get("caps", {})
    _require_table(caps, f"{where}, caps")
    seed = _whole(table, "seed", where)
    max_bad = _number(table, "max_bad", where)
    if max_bad is not None and not 0 <= max_bad <= 1:
        raise ConfigError(f"{where}: max_bad must be a number from 0 to 1, is {max_bad:g}")
    return Mix(
        name=name,
        out=out / name if out else folder / (_text(table, "out", where, default="") or f"train/{name}"),
        parts=tuple(parts + replays),
        seed=0 if seed is None else seed,
        records=_whole(table, "records", where),
        caps={source: _whole(caps, source, f"{where}, caps") or 0 for source in caps},
        layout=_text(table, "layout", where, default="messages"),
        format=_text(table, "format", where, default="jsonl"),
        is_plain=_flag(table, "plain", where),
        shard_records=_whole(table, "shard_records", where) or SHARD_RECORDS,
        is_short_allowed=_flag(table, "allow_short", where),
        max_bad=0.01 if max_bad is None else max_bad,
    )


def _part(entry: Any, where: str, folder: Path, data: str, lang: Mapping[str, float]) -> Part:
    _require_table(entry, where)
    reject_unknown(entry, _PART, where)
    named = _text(entry, "data", where, default=data)
    if not named:
        raise ConfigError(f"{where}: data must name a data set")
    return Part(data=str(folder / named), **_amount(entry, where), lang=_numbers(entry, "lang", where) or lang)


def _replay(entry: Any, where: str, folder: Path, earlier: Mapping[str, Mix]) -> Part:
    _require_table(entry, where)
    reject_unknown(entry, _REPLAY, where)
    if ("of" in entry) == ("data" in entry):
        raise ConfigError(f"{where}: give `of` (the name of an earlier mix) or `data` (its folder)")
    if "of" in entry:
        of = _text(entry, "of", where)
        reject_unknown({of: None}, earlier, f"{where}, of")
        place = str(earlier[of].out)
    else:
        place = str(folder / _text(entry, "data", where))
    return Part(data=place, **_amount(entry, where), lang=_numbers(entry, "lang", where), is_replay=True)


def _amount(entry: Mapping[str, Any], where: str) -> dict[str, Any]:
    """The fields that part and replay have in common."""
    sources = entry.get("source", [])
    sources = [sources] if isinstance(sources, str) else sources
    if not isinstance(sources, list) or not all(isinstance(source, str) and source for source in sources):
        raise ConfigError(f"{where}: source must be a name or a list of names")
    return {
        "name": _text(entry, "name", where, default=sources[0] if len(sources) == 1 else ""),
        "count": _whole(entry, "count", where),
        "weight": _number(entry, "weight", where),
        "share": _number(entry, "share", where),
        "sources": tuple(sources),
    }


def _require_table(entry: Any, where: str) -> None:
    if not isinstance(entry, dict):
        raise ConfigError(f"{where}: must be a table")


def _tables(table: Mapping[str, Any], key: str, where: str) -> Sequence[Any]:
    listed = table.get(key, [])
    listed = [listed] if isinstance(listed, dict) else listed
    if not isinstance(listed, list):
        raise ConfigError(f"{where}: {key} must be a list of tables")
    return listed


def _text(table: Mapping[str, Any], key: str, where: str, *, default: str | None = None) -> str:
    value = table.get(key, default)
    if not isinstance(value, str) or (default is None and not value) or "\0" in value:
        raise ConfigError(f"{where}: {key} must be a text{'' if value is None else f', is {value!r}'}")
    return value


def _whole(table: Mapping[str, Any], key: str, where: str) -> int | None:
    value = table.get(key)
    if value is not None and (isinstance(value, bool) or not isinstance(value, int)):
        raise ConfigError(f"{where}: {key} must be a whole number, is {value!r}")
    return value


def _number(table: Mapping[str, Any], key: str, where: str) -> float | None:
    value = table.get(key)
    if value is not None and (isinstance(value, bool) or not isinstance(value, int | float)):
        raise ConfigError(f"{where}: {key} must be a number, is {value!r}")
    return None if value is None else float(value)


def _numbers(table: Mapping[str, Any], key: str, where: str) -> dict[str, float]:
    value = table.get(key, {})
    _require_table(value, f"{where}, {key}")
    return {name: _number(value, name, f"{where}, {key}") or 0.0 for name in value}


def _flag(table: Mapping[str, Any], key: str, where: str) -> bool:
    value = table.get(key, False)
    if not isinstance(value, bool):
        raise ConfigError(f"{where}: {key} must be true or false, is {value!r}")
    return value

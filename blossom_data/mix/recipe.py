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

The classes say what each table may hold; blending is write.py's part.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any

from pydantic import AfterValidator, Field, Strict, with_config

from blossom_data.config import SAMPLE_WAYS
from blossom_data.errors import near_hint
from blossom_data.mix.plan import FORMATS, LAYOUT_NAMES, Mix, Part
from blossom_data.settings_file import read_table, wrong
from blossom_data.settings_types import (
    STRICT,
    Count,
    Flag,
    FreeText,
    Language,
    OneOf,
    Positive,
    Share,
    Text,
    one_or_list,
    refuse,
)
from blossom_data.shards import SHARD_RECORDS
from blossom_data.toml_file import TomlFile, read_toml
from blossom_data.toml_lines import KeyPath

_NAME = re.compile(r"\w[\w.-]{0,99}")


def _name(text: str) -> str:
    if _NAME.fullmatch(text) is None:
        raise refuse(f"name {text[:100]!r} must be letters, digits, dots and dashes")
    return text


SomeOf = Annotated[float, Strict(), Field(gt=0, le=1)]
Sources = Annotated[tuple[Text, ...], one_or_list(str)]


@with_config(STRICT)
@dataclass(frozen=True, slots=True, kw_only=True)
class PartTable:
    """[[mix.part]]: a data set, and how much of it is taken; all of it without count, weight or share."""

    data: Text | None = None
    """A data set folder or file, relative to this file; in a pipeline its own data set without one."""
    name: FreeText | None = None
    """Shown in errors, card and manifest."""
    count: Count | None = None
    """Records to take."""
    weight: Positive | None = None
    """Size in the mix, relative to the other weighted parts."""
    share: SomeOf | None = None
    """Share of the part's own records."""
    source: Sources = ()
    """Take only records of this source, or of these."""
    lang: Mapping[Language, Share] = field(default_factory=dict)
    """Share of each language among what is taken, such as {en = 0.5, zh = 0.5}; the mix's without it."""


@with_config(STRICT)
@dataclass(frozen=True, slots=True, kw_only=True)
class ReplayTable:
    """[[mix.replay]]: a sample of an earlier mix."""

    of: Text | None = None
    """The name of an earlier mix of this file."""
    data: Text | None = None
    """Or its folder, relative to this file."""
    name: FreeText | None = None
    """Shown in errors, card and manifest."""
    count: Count | None = None
    """Records to take."""
    share: SomeOf | None = None
    """Share of the mix's records."""
    source: Sources = ()
    """Take only records of this source, or of these."""
    lang: Mapping[Language, Share] = field(default_factory=dict)
    """Share of each language among what is taken."""


@with_config(STRICT)
@dataclass(frozen=True, slots=True, kw_only=True)
class MixTable:
    """[[mix]]: one training set."""

    name: Annotated[Text, AfterValidator(_name)]
    """What LLaMA-Factory and the card call it."""
    out: FreeText = ""
    """Folder that it is written to, relative to this file; train/NAME without one."""
    seed: Annotated[int, Strict()] = 0
    """Of the draw and the order."""
    records: Count | None = None
    """Size of the whole mix: what weighted parts fill up to."""
    caps: Mapping[str, Count] = field(default_factory=dict)
    """Most records of a source in the mix, such as {flan = 20000}."""
    sample_by: Annotated[str, OneOf(*SAMPLE_WAYS)] = SAMPLE_WAYS[0]
    """How a part that gives less than it has is drawn: uniform, or diversity, which covers what is asked."""
    lang: Mapping[Language, Share] = field(default_factory=dict)
    """Share of each language in every part, not in replays."""
    layout: Annotated[str, OneOf(*LAYOUT_NAMES)] = "messages"
    """Layout of a row."""
    format: Annotated[str, OneOf(*FORMATS)] = "jsonl"
    """Format of the files."""
    plain: Flag = False
    """JSON lines without compression."""
    shard_records: Count = SHARD_RECORDS
    """Records in one file."""
    allow_short: Flag = False
    """Write what there is where a part has too few records."""
    max_bad: Share = 0.01
    """Largest share of rows that may be unreadable."""
    part: Annotated[tuple[PartTable, ...], one_or_list(PartTable)] = ()
    """What it is drawn from; a prompt that two parts hold is taken from the first."""
    replay: Annotated[tuple[ReplayTable, ...], one_or_list(ReplayTable)] = ()
    """Samples of earlier mixes."""


@with_config(STRICT)
@dataclass(frozen=True, slots=True, kw_only=True)
class MixFile:
    """A recipe of mixes."""

    mix: Annotated[
        Annotated[tuple[MixTable, ...], Field(min_length=1)],
        one_or_list(MixTable),
        Field(examples=['[[mix]] name = "stage1"']),
    ]
    """Training sets, in order: a later one may replay an earlier one."""


def load_recipe(path: Path, *, out: Path | None = None) -> tuple[Mix, ...]:
    """The mixes of the recipe file at `path`, to be written to OUT/NAME if `out` is given.

    Raises:
        ConfigError: not TOML, an unknown key (with the nearest known one), a missing or wrong value; its line is told.
    """
    file = read_toml(path, "recipe")
    return _mixes(file, read_table(file, MixFile).mix, path.resolve().parent, "", out)


def read_mixes(file: TomlFile, *, folder: Path, data: str = "", out: Path | None = None) -> tuple[Mix, ...]:
    """The mixes that the [[mix]] tables (or the one [mix] table) of a file describe, whatever else it holds.

    Args:
        folder: what relative paths are relative to.
        data: the data set of parts that name none; "": they must.
        out: mixes are written to OUT/NAME, whatever the tables say.
    """
    tables = tuple(read_table(file, MixTable, at=at) for at in file.tables(("mix",)))
    return _mixes(file, tables, folder, data, out)


def _mixes(file: TomlFile, tables: tuple[MixTable, ...], folder: Path, data: str, out: Path | None) -> tuple[Mix, ...]:
    mixes: dict[str, Mix] = {}
    for at, table in zip(file.tables(("mix",)), tables, strict=True):
        home = out / table.name if out else folder / (table.out or f"train/{table.name}")
        parts = _parts(file, at, table, folder, data) + _replays(file, at, table, folder, mixes)
        mix = _mix(file, at, table, home, parts)
        if mix.name in mixes or any(mix.out.resolve() == other.out.resolve() for other in mixes.values()):
            raise wrong(file, (*at, "name"), f"two mixes have the name or folder of {mix.name!r}")
        mixes[mix.name] = mix
    return tuple(mixes.values())


def _mix(file: TomlFile, at: KeyPath, table: MixTable, out: Path, parts: list[Part]) -> Mix:
    with file.locating(at):
        return Mix(
            name=table.name,
            out=out,
            parts=tuple(parts),
            seed=table.seed,
            records=table.records,
            caps=table.caps,
            sample_by=table.sample_by,
            layout=table.layout,
            format=table.format,
            is_plain=table.plain,
            shard_records=table.shard_records,
            is_short_allowed=table.allow_short,
            max_bad=table.max_bad,
        )


def _parts(file: TomlFile, at: KeyPath, table: MixTable, folder: Path, data: str) -> list[Part]:
    parts = []
    for place, part in zip(file.tables((*at, "part")), table.part, strict=True):
        if not (part.data or data):
            raise wrong(file, (*place, "data"), "data must name a data set")
        with file.locating(place):
            parts.append(
                Part(
                    data=str(folder / (part.data or data)),
                    weight=part.weight,
                    lang=part.lang or table.lang,
                    **_amount(part),
                )
            )
    return parts


def _replays(file: TomlFile, at: KeyPath, table: MixTable, folder: Path, earlier: Mapping[str, Mix]) -> list[Part]:
    replays = []
    for place, replay in zip(file.tables((*at, "replay")), table.replay, strict=True):
        if (replay.of is None) == (replay.data is None):
            raise wrong(file, (*place, ""), "give `of` (the name of an earlier mix) or `data` (its folder)")
        if replay.of is not None and replay.of not in earlier:
            hint = near_hint(replay.of, earlier, "earlier mixes:") if earlier else "the first mix has none before it"
            raise wrong(file, (*place, "of"), f"of is {replay.of!r}, which is no earlier mix", hint)
        data = str(earlier[replay.of].out) if replay.of is not None else str(folder / str(replay.data))
        with file.locating(place):
            replays.append(Part(data=data, lang=replay.lang, is_replay=True, **_amount(replay)))
    return replays


def _amount(table: PartTable | ReplayTable) -> dict[str, Any]:
    """The fields that part and replay have in common."""
    name = table.name or (table.source[0] if len(table.source) == 1 else "")
    return {"name": name, "count": table.count, "share": table.share, "sources": table.source}

"""The settings of a mix, checked whoever gives them: a recipe, a pipeline or the command line.

    Mix(name="stage1", out=Path("train/stage1"), seed=1,
        parts=(Part(data="data/orca", count=40_000), Part(data="data/math", share=0.5, lang={"en": 0.5, "zh": 0.5})))

It reads nothing: recipe.py makes these of TOML, cli/data/mix.py of flags.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from blossom_data.config import SAMPLE_WAYS
from blossom_data.errors import ConfigError
from blossom_data.languages.tags import canonical
from blossom_data.shards import SHARD_RECORDS

LAYOUT_NAMES = ("messages", "sharegpt", "alpaca")
FORMATS = ("jsonl", "parquet")


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One input of a mix and how much of it is taken; all of it when neither count, weight nor share is given."""

    data: str
    """A data set folder, a file, or an earlier mix."""
    name: str = ""
    """Shown in errors, card and manifest; the last part of the path when empty."""
    count: int | None = None
    """Records to take."""
    weight: float | None = None
    """Size in the mix, relative to the other weighted parts."""
    share: float | None = None
    """Share of the part's own records, 0 to 1."""
    sources: tuple[str, ...] = ()
    """Take only records of these sources; empty: all."""
    lang: Mapping[str, float] = field(default_factory=dict)
    """Share of each language among what is taken, summing to 1; empty: as it comes."""
    is_replay: bool = False
    """The part is a sample of an earlier mix."""

    @property
    def label(self) -> str:
        return self.name or Path(self.data).name or self.data

    def __post_init__(self) -> None:
        where = f"part {self.label!r}"
        if self.data == "-":
            raise ConfigError("mix reads its inputs twice, standard input is gone by then", hint="save it to a file")
        if sum(amount is not None for amount in (self.count, self.weight, self.share)) > 1:
            raise ConfigError(f"{where}: count, weight and share exclude each other", hint="give one of them")
        if self.count is not None and self.count < 1:
            raise ConfigError(f"{where}: count must be 1 or more, is {self.count}", hint="leave the part out for none")
        if self.weight is not None and not 0 < self.weight < math.inf:
            raise ConfigError(f"{where}: weight must be greater than 0, is {self.weight}", hint="such as 2, or 2x")
        if self.share is not None and not 0 < self.share <= 1:
            raise ConfigError(
                f"{where}: share must be greater than 0 and at most 1, is {self.share}", hint="such as 0.5, or 50%"
            )
        check_languages(self.lang, where)

    def to_dict(self) -> dict[str, Any]:
        """As the manifest keeps it: without the path, which differs between machines."""
        return {
            "name": self.label,
            **{key: value for key in ("count", "weight", "share") if (value := getattr(self, key)) is not None},
            **({"source": list(self.sources)} if self.sources else {}),
            **({"lang": dict(sorted(self.lang.items()))} if self.lang else {}),
            "replay": self.is_replay,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Mix:
    """One training set to be written."""

    name: str
    """What LLaMA-Factory and the card call it."""
    out: Path
    parts: tuple[Part, ...]
    """In order of precedence: a prompt that two parts hold is taken from the first of them."""
    seed: int = 0
    records: int | None = None
    """Size of the whole mix, of which the weighted parts take what the others leave; None: as large as they permit."""
    caps: Mapping[str, int] = field(default_factory=dict)
    """Most records of a source in the whole mix."""
    sample_by: str = SAMPLE_WAYS[0]
    """How a part that gives less than it has is drawn: each record as likely, or so that they cover what is asked."""
    layout: str = "messages"
    format: str = "jsonl"
    is_plain: bool = False
    """JSON lines without compression."""
    shard_records: int = SHARD_RECORDS
    is_short_allowed: bool = False
    """Write what there is where a part has less than was asked for."""
    max_bad: float = 0.01
    """Largest share of rows that may be unreadable, 0 to 1."""

    def __post_init__(self) -> None:
        where = f"mix {self.name!r}"
        weighted = [part for part in self.parts if part.weight is not None]
        if not self.parts:
            raise ConfigError(f"{where}: has no part", hint="such as data/orca=40000")
        for value, known, key in (
            (self.layout, LAYOUT_NAMES, "layout"),
            (self.format, FORMATS, "format"),
            (self.sample_by, SAMPLE_WAYS, "sample_by"),
        ):
            if value not in known:
                raise ConfigError(f"{where}: {key} is {value!r}", hint=f"one of {', '.join(known)}")
        if self.is_plain and self.format != "jsonl":
            raise ConfigError(f"{where}: Parquet is compressed by itself", hint="leave out plain")
        for key, limit in (("records", self.records), ("shard_records", self.shard_records), *self.caps.items()):
            if limit is not None and limit < 1:
                raise ConfigError(f"{where}: {key} must be 1 or more, is {limit}", hint="leave it out for no limit")
        if self.records and not weighted:
            raise ConfigError(
                f"{where}: records says how large the weighted parts grow, and there is none",
                hint="give a part a weight, such as DATA=1x, or leave records out",
            )
        if self.caps and weighted and not self.records:
            raise ConfigError(f"{where}: weights and caps together need a size", hint="set records (--records)")

    def to_dict(self) -> dict[str, Any]:
        """The recipe as the manifest keeps it."""
        return {
            "seed": self.seed,
            "records": self.records,
            "caps": dict(sorted(self.caps.items())),
            "layout": self.layout,
            "format": self.file_format,
            "shard_records": self.shard_records,
            "allow_short": self.is_short_allowed,
            "parts": [part.to_dict() for part in self.parts],
            # Left out where it says nothing new: recipes of before stay equal to themselves.
            **({"sample_by": self.sample_by} if self.sample_by != SAMPLE_WAYS[0] else {}),
        }

    @property
    def file_format(self) -> str:
        """How the shards end: parquet, jsonl or jsonl.zst."""
        return self.format if self.format == "parquet" or self.is_plain else "jsonl.zst"


def check_languages(lang: Mapping[str, float], where: str) -> None:
    """Raises ConfigError unless the shares are of known languages and sum to 1."""
    for name, share in lang.items():
        try:
            tag = canonical(name)
        except ConfigError as why:
            raise ConfigError(f"{where}: {why}", hint=why.hint) from why
        if tag != name:
            raise ConfigError(f"{where}: {name!r} stands in records as {tag!r}", hint=f"write {tag}")
        if not 0 <= share <= 1:
            raise ConfigError(
                f"{where}: the share of {name} must be from 0 to 1, is {share}", hint="such as 0.5, or 50%"
            )
    if lang and not math.isclose(sum(lang.values()), 1.0, abs_tol=1e-6):
        raise ConfigError(
            f"{where}: the language shares sum to {sum(lang.values()):g}, not to 1", hint="such as zh=0.5,en=0.5"
        )


def split_evenly(total: int, shares: Mapping[str, float]) -> dict[str, int]:
    """`total` cut by `shares`: whole numbers that sum to it (largest remainder, the first name where even)."""
    scale = sum(shares.values())
    exact = {name: total * share / scale for name, share in shares.items()}
    parts = {name: math.floor(value + 1e-9) for name, value in exact.items()}
    by_remainder = sorted(exact, key=lambda name: parts[name] - exact[name])
    for name in by_remainder[: total - sum(parts.values())]:
        parts[name] += 1
    return parts

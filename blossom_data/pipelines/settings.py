"""The settings that a pipeline file holds, checked and frozen; load.py reads them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from blossom_data.pipelines.tables import File

STAGES = ("translate", "annotate", "verify-math")
EVENTS = ("start", "done", "fail")


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceSettings:
    """One [[source]] of a pipeline."""

    kind: str
    path: str
    """A file or folder (absolute), or a hub id."""
    stages: tuple[str, ...]
    limit: int | None = None
    sample: int | None = None
    seed: int = 0
    fields: Mapping[str, str] = field(default_factory=dict)
    licence: str = ""
    split: str = "train"
    revision: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PublishSettings:
    """[publish]: where versions go."""

    root: Path
    name: str
    keep: int | None = None
    """So many newest versions stay (what was `current` within 24 hours stays too); None: all."""
    layout: str = ""
    """parquet or jsonl; "" takes Parquet where pyarrow is installed."""
    licences: Mapping[str, str] = field(default_factory=dict)
    """By source; they go before what the sources state."""
    parts: tuple[str, ...] = ()
    """What is published: names of mixes, or "records" for the data set itself; empty: all mixes, else the records."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RefreshSettings:
    """[refresh]: the gates that a new version must pass, and the logs."""

    logs: Path
    keep_logs: int = 30
    """Folders of so many newest runs stay."""
    max_rejected: float | None = None
    """Largest share of the records read that may be rejected."""
    max_failed: float = 0.0
    """Largest share of the records read that the endpoint may leave unanswered."""
    min_math_yield: float | None = None
    """Smallest share of the records that reach verify-math which it lets through."""
    min_lang: Mapping[str, float] = field(default_factory=dict)
    """Smallest share of each language among the records."""
    max_lang: Mapping[str, float] = field(default_factory=dict)
    min_size_ratio: float | None = None
    """Smallest size of a version, relative to the one that is `current`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NotifySettings:
    """[notify]: who hears of a refresh; the message holds counts and the exit code, never data or keys."""

    on: tuple[str, ...] = ("fail",)
    url: str = ""
    """Webhook that gets the message by POST; BLOSSOM_NOTIFY_URL goes before it."""
    command: tuple[str, ...] = ()
    """Program and arguments; the message is its standard input."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pipeline:
    """A checked pipeline file."""

    name: str
    file: Path
    folder: Path
    """What its relative paths are relative to."""
    out: Path
    ledger: Path
    sources: tuple[SourceSettings, ...]
    endpoints: tuple[Mapping[str, Any], ...] = ()
    stages: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """Settings of each stage, by its name."""
    shard_records: int = 10_000
    max_bad: float = 0.01
    budget_usd: float | None = None
    budget_tokens: int | None = None
    seed: int = 0
    mixes: tuple[Mapping[str, Any], ...] = ()
    """The [[mix]] tables, which mix/recipe.py reads."""
    publish: PublishSettings | None = None
    refresh: RefreshSettings
    notify: NotifySettings | None = None
    train: Mapping[str, Any] = field(default_factory=dict)
    """The [train] table, which train/recipe/recipe.py reads."""
    scale: float = 1.0
    """Counts of sources and mixes are this share of what the file says."""
    source: File
    """The file's values and their lines."""

    @property
    def endpoint(self) -> Mapping[str, Any]:
        """The first endpoint, {} without one."""
        return self.endpoints[0] if self.endpoints else {}

    @property
    def lock(self) -> Path:
        """The lock of a refresh, beside the output."""
        return self.out.with_name(f".{self.out.name}.lock")

"""Pipeline files: what to pull, through which stages, with which endpoint, where to.

    name = "math"
    out = "data/math"                  # relative to this file
    ledger = "ledger.sqlite"

    [endpoint]
    base_url = "http://127.0.0.1:8000/v1"
    model = "qwen2.5-72b-instruct"

    [[source]]
    kind = "gsm8k"                     # one of `blossom-data pull --help`
    path = "raw/gsm8k/train.jsonl"     # file, folder, hub id, or bundled:NAME
    stages = ["translate", "annotate", "verify-math"]

    [stage.verify-math]
    resample = 3

It reads and checks the file; building stages is stages/build.py's part, running them executors/local.py's.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from blossom_data.config import reject_unknown
from blossom_data.errors import ConfigError
from blossom_data.prompts import bundled

_TOP = (
    "name",
    "out",
    "ledger",
    "shard_records",
    "max_bad",
    "budget_usd",
    "budget_tokens",
    "seed",
    "endpoint",
    "source",
    "stage",
)
_SOURCE = ("kind", "path", "stages", "limit", "sample", "seed", "fields", "licence", "split", "revision")
_ENDPOINT = (
    "base_url",
    "model",
    "name",
    "max_in_flight",
    "timeout_s",
    "max_tries",
    "requests_per_minute",
    "tokens_per_minute",
    "structured",
    "engine",
    "serve",
    "serve_start_s",
)
STAGES = ("translate", "annotate", "verify-math")


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
class Pipeline:
    """A checked pipeline file."""

    name: str
    file: Path
    out: Path
    ledger: Path
    sources: tuple[SourceSettings, ...]
    endpoint: Mapping[str, Any] = field(default_factory=dict)
    stages: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """Settings of each stage, by its name."""
    shard_records: int = 10_000
    max_bad: float = 0.01
    budget_usd: float | None = None
    budget_tokens: int | None = None
    seed: int = 0


def find_pipeline(name: str) -> Path:
    """The file of the pipeline `name`: a path, or the name of one that comes with blossom-data."""
    path = Path(name)
    if path.is_file():
        return path
    shipped = bundled("pipelines") / f"{path.stem}.toml"
    if path.parent == Path() and shipped.is_file():
        return shipped
    names = ", ".join(sorted(file.stem for file in bundled("pipelines").glob("*.toml")))
    raise ConfigError(f"no pipeline file {name}", hint=f"give a path, or one of: {names}")


def load_pipeline(path: Path) -> Pipeline:
    """Reads and checks the pipeline file at `path`.

    Raises:
        ConfigError: not TOML, an unknown key (with the nearest known one), a missing or wrong value.
    """
    raw = _parse(path)
    where = f"pipeline {path}"
    reject_unknown(raw, _TOP, where)
    folder = path.resolve().parent
    name = _text(raw, "name", where, default=path.stem)
    stages = _table(raw, "stage", where)
    reject_unknown(stages, STAGES, f"{where}, [stage]")
    endpoint = _table(raw, "endpoint", where)
    reject_unknown(endpoint, _ENDPOINT, f"{where}, [endpoint]")
    listed = raw.get("source")
    if not isinstance(listed, list) or not listed:
        raise ConfigError(f"{where}: has no [[source]]", hint='such as [[source]] kind = "gsm8k" path = "train.jsonl"')
    sources = tuple(_source(entry, folder, f"{where}, source {number}") for number, entry in enumerate(listed, 1))
    max_bad, budget_usd = _amount(raw, "max_bad", where), _amount(raw, "budget_usd", where)
    if max_bad is not None and max_bad > 1:
        raise ConfigError(f"{where}: max_bad must be a number from 0 to 1, is {max_bad!r}")
    return Pipeline(
        name=name,
        file=path,
        out=folder / _text(raw, "out", where, default=f"data/{name}"),
        ledger=folder / _text(raw, "ledger", where, default=".blossom/ledger.sqlite"),
        sources=sources,
        endpoint=endpoint,
        stages=stages,
        shard_records=_number(raw, "shard_records", where) or 10_000,
        max_bad=0.01 if max_bad is None else max_bad,
        budget_usd=budget_usd,
        budget_tokens=_number(raw, "budget_tokens", where),
        seed=_number(raw, "seed", where, least=0) or 0,
    )


def _parse(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as why:
        raise ConfigError(f"cannot read pipeline {path}: {why.strerror}") from why
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError) as why:
        raise ConfigError(f"pipeline {path} is not valid TOML: {why}") from why


def _source(entry: Any, folder: Path, where: str) -> SourceSettings:
    if not isinstance(entry, dict):
        raise ConfigError(f"{where}: must be a table")
    reject_unknown(entry, _SOURCE, where)
    kind, path = _text(entry, "kind", where), _text(entry, "path", where)
    stages = entry.get("stages", list(STAGES))
    if not isinstance(stages, list) or not all(isinstance(stage, str) for stage in stages):
        raise ConfigError(f"{where}: stages must be a list of names")
    reject_unknown(dict.fromkeys(stages), STAGES, f"{where}, stages")
    fields = _table(entry, "fields", where)
    return SourceSettings(
        kind=kind,
        path=_located(path, folder, where),
        stages=tuple(stages),
        limit=_number(entry, "limit", where),
        sample=_number(entry, "sample", where),
        seed=_number(entry, "seed", where, least=0) or 0,
        fields={key: str(value) for key, value in fields.items()},
        licence=_text(entry, "licence", where, default=""),
        split=_text(entry, "split", where, default="train"),
        revision=_text(entry, "revision", where, default="") or None,
    )


def _located(path: str, folder: Path, where: str) -> str:
    """`path` made absolute: bundled:NAME is a file that comes with blossom-data, hf:ID stays a hub id."""
    if path.startswith("hf:"):
        return path
    if path.startswith("bundled:"):
        file = bundled("demo") / "raw" / path.removeprefix("bundled:")
        if not file.is_file():
            raise ConfigError(f"{where}: no bundled file {path!r}")
        return str(file)
    return str(folder / path)


def _text(table: Mapping[str, Any], key: str, where: str, *, default: str | None = None) -> str:
    value = table.get(key, default)
    if not isinstance(value, str) or (default is None and not value):
        raise ConfigError(f"{where}: {key} must be a text{'' if value is None else f', is {value!r}'}")
    return value


def _number(table: Mapping[str, Any], key: str, where: str, *, least: int = 1) -> int | None:
    value = table.get(key)
    if value is not None and (isinstance(value, bool) or not isinstance(value, int) or value < least):
        raise ConfigError(f"{where}: {key} must be a whole number from {least}, is {value!r}")
    return value


def _amount(table: Mapping[str, Any], key: str, where: str) -> float | None:
    value = table.get(key)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or value < 0:
        raise ConfigError(f"{where}: {key} must be a number from 0, is {value!r}")
    return float(value)


def _table(table: Mapping[str, Any], key: str, where: str) -> dict[str, Any]:
    value = table.get(key, {})
    if not isinstance(value, dict):
        raise ConfigError(f"{where}: {key} must be a table")
    return value

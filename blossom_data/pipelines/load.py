"""Reads a pipeline file into a Pipeline: finds it, checks every key and value, makes paths absolute, scales counts.

open_pipeline("blossom-v5", scale=0.01).sources[0].sample   ->   240, where the file says 24000
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from blossom_data.errors import ConfigError
from blossom_data.pipelines.settings import (
    EVENTS,
    STAGES,
    NotifySettings,
    Pipeline,
    PublishSettings,
    RefreshSettings,
    SourceSettings,
)
from blossom_data.pipelines.tables import Table, read_file
from blossom_data.prompts import bundled
from blossom_data.records import LANGUAGES

_TOP = (
    "name", "out", "ledger", "shard_records", "max_bad", "budget_usd", "budget_tokens", "seed", "endpoint", "source",
    "stage", "mix", "publish", "refresh", "notify", "train",
)  # fmt: skip
_SOURCE = ("kind", "path", "stages", "limit", "sample", "seed", "fields", "licence", "split", "revision")
_ENDPOINT_TEXTS = ("base_url", "model", "name", "structured", "key_env", "engine", "serve", "ca_file")
_ENDPOINT_COUNTS = ("max_in_flight", "max_tries", "requests_per_minute", "tokens_per_minute")
_ENDPOINT_NUMBERS = ("timeout_s", "serve_start_s", "weight")
_ALONE = ("engine", "serve", "serve_start_s")
"""Settings of an endpoint that is the only one."""
_PUBLISH = ("root", "name", "keep", "layout", "licences", "parts")
_REFRESH = (
    "logs", "keep_logs", "max_rejected", "max_failed", "min_math_yield", "min_lang", "max_lang", "min_size_ratio",
)  # fmt: skip
_NOTIFY = ("on", "url", "command")
_ROLES = (*STAGES, "judge")
_LAYOUTS = ("parquet", "jsonl")
_NAME = re.compile(r"(?!.*\.\.)\w[\w.-]{0,63}")


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


def open_pipeline(name: str, *, scale: float = 1.0) -> Pipeline:
    """Finds and loads the pipeline `name`; of one that comes along, paths are relative to the current folder."""
    path = find_pipeline(name)
    is_shipped = not Path(name).is_file()
    return load_pipeline(path, folder=Path.cwd() if is_shipped else None, scale=scale)


def load_pipeline(path: Path, *, folder: Path | None = None, scale: float = 1.0) -> Pipeline:
    """Reads and checks the pipeline file at `path`.

    Args:
        folder: what relative paths are relative to; None: the folder of the file.
        scale: share of the counts of sources and mixes, above 0; what is written goes to a folder of its own.

    Raises:
        ConfigError: not TOML, an unknown key (with the nearest known one and its line), a missing or wrong value.
    """
    file = read_file(path)
    top = Table(file, file.values)
    top.refuse_unknown(_TOP)
    home = folder or path.resolve().parent
    target = home if scale == 1.0 else home / f"scale-{scale:g}"
    name = top.text("name", default=path.stem)
    if _NAME.fullmatch(name) is None:
        raise top.wrong(
            "name", f"is {name[:80]!r}", "letters, digits, dots and dashes, 64 at most; no two dots together"
        )
    stages = top.table("stage")
    stages.refuse_unknown(STAGES)
    if not (listed := top.tables("source")):
        raise ConfigError(
            f"pipeline {path}: has no [[source]]", hint='such as [[source]] kind = "gsm8k" path = "train.jsonl"'
        )
    max_bad = top.number("max_bad", most=1.0)
    return Pipeline(
        name=name,
        file=path,
        folder=home,
        out=target / top.text("out", default=f"data/{name}"),
        ledger=home / top.text("ledger", default=".blossom/ledger.sqlite"),
        sources=tuple(_source(table, home, scale) for table in listed),
        endpoints=_endpoints(top),
        stages={stage: stages.table(stage).values for stage in stages.values},
        shard_records=top.whole("shard_records") or 10_000,
        max_bad=0.01 if max_bad is None else max_bad,
        budget_usd=top.number("budget_usd"),
        budget_tokens=top.whole("budget_tokens"),
        seed=top.whole("seed", least=0) or 0,
        mixes=tuple(table.values for table in top.tables("mix")),
        publish=_publish(top, target, name),
        refresh=_refresh(top.table("refresh"), target),
        notify=_notify(top),
        train=top.table("train").values,
        scale=scale,
        source=file,
    )


def _source(table: Table, folder: Path, scale: float) -> SourceSettings:
    table.refuse_unknown(_SOURCE)
    stages = table.texts("stages", STAGES)
    for stage in stages:
        if stage not in STAGES:
            raise table.wrong("stages", f"names {stage!r}", f"known stages: {', '.join(STAGES)}")
    return SourceSettings(
        kind=table.text("kind"),
        path=_located(table, folder),
        stages=stages,
        limit=scaled(table.whole("limit"), scale),
        sample=scaled(table.whole("sample"), scale),
        seed=table.whole("seed", least=0) or 0,
        fields={key: str(value) for key, value in table.table("fields").values.items()},
        licence=table.text("licence", default=""),
        split=table.text("split", default="train"),
        revision=table.text("revision", default="") or None,
    )


def scaled(count: int | None, scale: float) -> int | None:
    """`count` at `scale`, at least 1; None stays."""
    return None if count is None else max(1, round(count * scale))


def _located(table: Table, folder: Path) -> str:
    """`path` made absolute: bundled:NAME is a file that comes with blossom-data, hf:ID stays a hub id."""
    path = table.text("path")
    if path.startswith("hf:"):
        return path
    if path.startswith("bundled:"):
        file = bundled("demo") / "raw" / path.removeprefix("bundled:")
        if not file.is_file():
            raise table.wrong("path", f"is no bundled file: {path!r}")
        return str(file)
    return str(folder / path)


def _endpoints(top: Table) -> tuple[Mapping[str, Any], ...]:
    """The one endpoint, or all of several, as keywords of config.Endpoint and `key_env`, `engine`, `serve`."""
    tables = top.tables("endpoint")
    return tuple(_endpoint(table, is_alone=len(tables) == 1) for table in tables)


def _endpoint(table: Table, *, is_alone: bool) -> dict[str, Any]:
    known = (*_ENDPOINT_TEXTS, *_ENDPOINT_COUNTS, *_ENDPOINT_NUMBERS, "roles")
    table.refuse_unknown(key for key in known if is_alone or key not in _ALONE)
    for key in () if is_alone else ("base_url", "model"):
        table.text(key)
    for role in (roles := table.texts("roles")):
        if role not in _ROLES:
            raise table.wrong("roles", f"names {role!r}", f"known roles: {', '.join(_ROLES)}")
    values = {
        **{key: table.text(key) for key in _ENDPOINT_TEXTS if key in table.values},
        **{key: table.whole(key) for key in _ENDPOINT_COUNTS},
        **{key: table.number(key) for key in _ENDPOINT_NUMBERS},
    }
    return {key: value for key, value in values.items() if value is not None} | ({"roles": roles} if roles else {})


def _publish(top: Table, folder: Path, name: str) -> PublishSettings | None:
    if "publish" not in top.values:
        return None
    table = top.table("publish")
    table.refuse_unknown(_PUBLISH)
    layout = table.text("layout", default="")
    if layout and layout not in _LAYOUTS:
        raise table.wrong("layout", f"is {layout!r}", f"one of {', '.join(_LAYOUTS)}")
    licences = table.table("licences")
    return PublishSettings(
        root=folder / table.text("root", default="published"),
        name=table.text("name", default=name),
        keep=table.whole("keep"),
        layout=layout,
        licences={source: licences.text(source) for source in licences.values},
        parts=table.texts("parts"),
    )


def _refresh(table: Table, folder: Path) -> RefreshSettings:
    table.refuse_unknown(_REFRESH)
    return RefreshSettings(
        logs=folder / table.text("logs", default=".blossom/logs"),
        keep_logs=table.whole("keep_logs") or 30,
        max_rejected=table.number("max_rejected", most=1.0),
        max_failed=table.number("max_failed", most=1.0) or 0.0,
        min_math_yield=table.number("min_math_yield", most=1.0),
        min_lang=table.shares("min_lang", LANGUAGES),
        max_lang=table.shares("max_lang", LANGUAGES),
        min_size_ratio=table.number("min_size_ratio"),
    )


def _notify(top: Table) -> NotifySettings | None:
    if "notify" not in top.values:
        return None
    table = top.table("notify")
    table.refuse_unknown(_NOTIFY)
    events = table.texts("on", ("fail",))
    for event in events:
        if event not in EVENTS:
            raise table.wrong("on", f"names {event!r}", f"known events: {', '.join(EVENTS)}")
    command = table.texts("command")
    if "command" in table.values and not (command and command[0]):
        raise table.wrong("command", "must name a program", 'such as ["mail", "-s", "blossom", "me@example.com"]')
    return NotifySettings(on=events, url=table.text("url", default=""), command=command)

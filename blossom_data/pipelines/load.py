"""Reads a pipeline file into a Pipeline: finds it, has keys and values checked, makes paths absolute, scales counts.

open_pipeline("blossom-v5", scale=0.01).sources[0].sample   ->   240, where the file says 24000
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

from blossom_data.errors import ConfigError
from blossom_data.ledger.address import address_of
from blossom_data.ledger.place import DEFAULT_LEDGER
from blossom_data.pipelines.settings import CurateSettings, EndpointSettings, Pipeline, PipelineTables, SourceSettings
from blossom_data.prompts import bundled
from blossom_data.settings_file import read_table, wrong
from blossom_data.toml_file import TomlFile, read_toml
from blossom_data.toml_lines import KeyPath

_ALONE = ("engine", "serve", "serve_start_s", "replicas")
"""Settings of an endpoint that is the only one."""


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
    file = read_toml(path, "pipeline")
    home = folder or path.resolve().parent
    target = home if scale == 1.0 else home / f"scale-{scale:g}"
    context = {"folder": home, "target": target}
    tables = read_table(file, PipelineTables, defaults={"refresh": {}}, context=context)
    for at, source in zip(file.tables(("source",)), tables.source, strict=True):
        _check_fields(file, at, source)
    name = tables.name or path.stem
    publish = tables.publish
    return Pipeline(
        name=name,
        file=path,
        folder=home,
        out=tables.out or target / "data" / name,
        ledger=tables.ledger or address_of(os.environ.get("BLOSSOM_LEDGER") or home / DEFAULT_LEDGER),
        sources=tuple(
            replace(source, limit=scaled(source.limit, scale), sample=scaled(source.sample, scale))
            for source in tables.source
        ),
        curate=_curate(file, tables.curate, home),
        endpoints=_endpoints(file, tables.endpoint),
        stages=file.values.get("stage", {}),
        shard_records=tables.shard_records,
        max_bad=tables.max_bad,
        budget_usd=tables.budget_usd,
        budget_tokens=tables.budget_tokens,
        seed=tables.seed,
        publish=replace(publish, name=publish.name or name) if publish else None,
        refresh=tables.refresh,
        notify=tables.notify,
        scale=scale,
        source=file,
    )


def scaled(count: int | None, scale: float) -> int | None:
    """`count` at `scale`, at least 1; None stays."""
    return None if count is None else max(1, round(count * scale))


def _curate(file: TomlFile, settings: CurateSettings | None, home: Path) -> CurateSettings | None:
    """[curate], its test sets that are files with their paths made absolute.

    Raises:
        ConfigError: `against` and decontaminate are not given together, a step twice, or a judge of nothing.
    """
    if settings is None:
        return None
    if ("decontaminate" in settings.steps) != bool(settings.against):
        hint = 'such as steps = ["decontaminate"] with against = ["gsm8k-test"]'
        raise wrong(file, ("curate",), "decontaminate and its test sets (against) go together", hint)
    if len(set(settings.steps)) < len(settings.steps):
        raise wrong(file, ("curate", "steps"), "steps names one step twice")
    if settings.judge and "decontaminate" not in settings.steps:
        told = "judge decides where decontaminate is not sure, and steps has no decontaminate"
        raise wrong(file, ("curate", "judge"), told, "leave it out")
    against = tuple(str(home / name) if (home / name).exists() else name for name in settings.against)
    return replace(settings, against=against)


def _check_fields(file: TomlFile, at: KeyPath, source: SourceSettings) -> None:
    """Raises ConfigError where `fields` and `kind` do not fit."""
    names = source.fields
    if source.kind != "custom" and names:
        raise wrong(file, (*at, "fields"), f"fields are only for the kind custom, not for {source.kind}")
    if source.kind == "custom" and "instruction" not in names:
        raise wrong(file, (*at, "fields"), "no field is named for the instruction", 'fields = {instruction = "FIELD"}')
    if len(set(names.values())) < len(names):
        raise wrong(file, (*at, "fields"), "fields names one field for two purposes")


def _endpoints(file: TomlFile, listed: tuple[EndpointSettings, ...]) -> tuple[Mapping[str, Any], ...]:
    """Of each endpoint what the file says."""
    for at, endpoint in zip(file.tables(("endpoint",)), listed, strict=True) if len(listed) > 1 else ():
        for key in _ALONE:
            if getattr(endpoint, key) is not None:
                raise wrong(file, (*at, key), f"{key} is of an endpoint that is the only one, and there are several")
        for key in ("base_url", "model"):
            if getattr(endpoint, key) is None:
                raise wrong(file, (*at, key), f"has no {key}", "each of several endpoints names its own")
    return tuple(_given(endpoint) for endpoint in listed)


def _given(endpoint: EndpointSettings) -> dict[str, Any]:
    values = {each.name: getattr(endpoint, each.name) for each in fields(endpoint)}
    return {key: value for key, value in values.items() if value is not None and value != ()}

"""Every setting of a pipeline with where it is from: `run X --show-config`.

    {"key": "source[1].sample", "value": 24000, "origin": "math.toml:14"}
    {"key": "shard_records", "value": 10000, "origin": "default"}

Addresses of webhooks, the arguments of commands and the passwords of URLs are masked: people put tokens into them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import MISSING, fields
from typing import Any

from blossom_data.pipelines.settings import NotifySettings, Pipeline, PublishSettings, RefreshSettings, SourceSettings
from blossom_data.redaction.commands import is_secret, shown_command
from blossom_data.redaction.urls import MASK, shown_host, shown_url
from blossom_data.toml_lines import KeyPath

_TOP_DEFAULTS = ("shard_records", "max_bad", "budget_usd", "budget_tokens", "seed")


def list_origins(pipeline: Pipeline) -> list[dict[str, Any]]:
    """The settings of the file and the defaults of what it leaves out, but for endpoints and stages."""
    rows = _leaves(pipeline, {k: v for k, v in pipeline.source.values.items() if k not in ("endpoint", "stage")})
    named = {row["key"] for row in rows}

    def add(key: str, value: Any) -> None:
        if key not in named and not any(name.startswith((f"{key}.", f"{key}[")) for name in named):
            rows.append({"key": key, "value": shown(key, value), "origin": "default"})

    for key, value in (("name", pipeline.name), ("out", pipeline.out), ("ledger", pipeline.ledger)):
        add(key, value)
    for key in _TOP_DEFAULTS:
        add(key, getattr(pipeline, key))
    for number in range(len(pipeline.sources)):
        for key, value in _defaults(SourceSettings).items():
            add(f"source[{number + 1}].{key}", value)
    add("refresh.logs", pipeline.refresh.logs)
    for table, kind in (("refresh", RefreshSettings), ("publish", PublishSettings), ("notify", NotifySettings)):
        if settings := getattr(pipeline, table):
            for key in (field.name for field in fields(kind)):
                add(f"{table}.{key}", getattr(settings, key))
    return rows


def _defaults(kind: Any) -> dict[str, Any]:
    return {field.name: field.default for field in fields(kind) if field.default is not MISSING}


def _leaves(pipeline: Pipeline, values: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Each value of the file, in its order; lists of plain values stay whole."""
    rows: list[dict[str, Any]] = []

    def walk(path: KeyPath, value: Any) -> None:
        if isinstance(value, dict):
            for key, each in value.items():
                walk((*path, key), each)
        elif isinstance(value, list) and any(isinstance(each, dict) for each in value):
            for number, each in enumerate(value):
                walk((*path, number), each)
        else:
            key = dotted(path)
            rows.append({"key": key, "value": shown(key, value), "origin": pipeline.source.place(path)})

    walk((), values)
    return rows


def dotted(path: KeyPath) -> str:
    """("source", 0, "kind") as `source[1].kind`."""
    text = ""
    for part in path:
        text += f"[{part + 1}]" if isinstance(part, int) else f".{part}" if text else part
    return text


def shown(key: str, value: Any) -> Any:
    """`value` as plain data, without what may be a secret."""
    if key == "notify.url" and value:
        return shown_host(str(value))
    if key.endswith("base_url"):
        return shown_url(str(value))
    if key == "notify.command" and value:
        return [str(value[0]), *[MASK] * (len(value) - 1)]
    if isinstance(value, tuple | list):
        return [shown("", each) for each in value]
    if isinstance(value, Mapping):
        return {name: MASK if is_secret(name) and each else shown("", each) for name, each in value.items()}
    return value if isinstance(value, int | float | bool | None) else shown_command(str(value))

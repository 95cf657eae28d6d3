"""What `run --show-config` prints: each setting with its origin, keys masked."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import MISSING, fields
from typing import Any

from blossom_data.cli import output
from blossom_data.cli.flags.pipeline import Wanted
from blossom_data.cli.pipelines.endpoints import endpoint_settings, key_of
from blossom_data.cli.pipelines.job import build_stages
from blossom_data.config import Endpoint, authority_of
from blossom_data.pipelines.origins import list_origins, shown
from blossom_data.pipelines.settings import Pipeline
from blossom_data.prompts import Prompt
from blossom_data.redaction.urls import MASK

_FLAGS = ("out", "ledger", "limit", "only", "until")
_MONEY = ("budget_usd", "budget_tokens", "price_in", "price_out", "prices")
_NOT_SHOWN = ("api_key", "base_url", "model")
_HOOK, _LEDGER = "BLOSSOM_NOTIFY_URL", "BLOSSOM_LEDGER"


def show_config(pipeline: Pipeline, wanted: Wanted) -> int:
    """Prints the settings, and gives the exit code."""
    rows = {
        row["key"]: row for row in (*list_origins(pipeline), *_endpoints(pipeline, wanted), *_stages(pipeline, wanted))
    }
    for name in _FLAGS:
        if (value := getattr(wanted.part, name)) is not None:
            rows[name] = {"key": name, "value": shown(name, value), "origin": f"flag --{name}"}
    for name in _MONEY:
        if (value := getattr(wanted.asking.money, name)) is not None:
            rows[name] = {"key": name, "value": shown(name, value), "origin": f"flag --{name.replace('_', '-')}"}
    if pipeline.scale != 1.0:
        rows["scale"] = {"key": "scale", "value": pipeline.scale, "origin": "flag --scale"}
    if pipeline.notify and (hook := os.environ.get(_HOOK)):
        origin = wanted.dotenv.get(_HOOK, f"environment {_HOOK}")
        rows["notify.url"] = {"key": "notify.url", "value": shown("notify.url", hook), "origin": origin}
    if rows["ledger"]["origin"] == "default" and os.environ.get(_LEDGER):
        rows["ledger"]["origin"] = wanted.dotenv.get(_LEDGER, f"environment {_LEDGER}")
    if wanted.common.is_json:
        output.json_result({"pipeline": pipeline.name, "settings": list(rows.values())})
        return 0
    width = max(len(key) for key in rows)
    for row in rows.values():
        output.result(f"{row['key']:<{width}}  {_text(row['value'])}   ({row['origin']})")
    return 0


_WRITTEN_AS = {"source_lang": "from", "target_lang": "to"}


def _endpoints(pipeline: Pipeline, wanted: Wanted) -> list[dict[str, Any]]:
    listed = endpoint_settings(pipeline, wanted.asking.address, wanted.asking.engine, wanted.dotenv)
    hosts = {authority_of(str(settings["base_url"].value)) for settings in listed}
    rows = []
    for number, settings in enumerate(listed, 1):
        table = "endpoint" if len(listed) == 1 else f"endpoint[{number}]"
        for key, setting in settings.items():
            rows.append({"key": f"{table}.{key}", "value": shown(key, setting.value), "origin": setting.origin})
        secret = key_of({name: each.value for name, each in settings.items()}, is_one_host=len(hosts) == 1)
        origin = wanted.dotenv.get(secret.origin, f"environment {secret.origin}") if secret else "no key is set"
        rows.append({"key": f"{table}.api_key", "value": MASK if secret else "", "origin": origin})
        for name, value in _defaults(Endpoint, _NOT_SHOWN).items():
            if name not in settings:
                rows.append({"key": f"{table}.{name}", "value": shown(name, value), "origin": "default"})
    return rows


def _stages(pipeline: Pipeline, wanted: Wanted) -> list[dict[str, Any]]:
    rows = []
    for name, stage in build_stages(pipeline, wanted)[0].items():
        given: Mapping[str, Any] = pipeline.stages.get(name, {})
        for field in fields(stage):  # type: ignore[arg-type]
            if field.name in ("name", "version"):
                continue
            value = getattr(stage, field.name)
            value = f"{value.name} ({value.hash})" if isinstance(value, Prompt) else value
            key = next((key for key in (field.name, _WRITTEN_AS.get(field.name)) if key in given), None)
            place = pipeline.source.place(("stage", name, key)) if key else "default"
            rows.append({"key": f"stage.{name}.{field.name}", "value": shown("", value), "origin": place})
    return rows


def _defaults(kind: Any, left_out: tuple[str, ...]) -> dict[str, Any]:
    return {
        field.name: field.default
        for field in fields(kind)
        if field.name not in left_out and field.default is not MISSING
    }


def _text(value: Any) -> str:
    return "-" if value is None or value == "" else str(value)

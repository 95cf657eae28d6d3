"""The endpoints of a pipeline: flags over environment over `.env` over file over defaults, each value with its origin.

[{"base_url": Setting("http://127.0.0.1:8000/v1", "environment OPENAI_BASE_URL"), "model": Setting("m", "math.toml:7")}]
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any, NamedTuple

from blossom_data.cli.flags.endpoint import AddressFlags, key_from_environment
from blossom_data.cli.flags.engine import EngineEndpoint, EngineFlags
from blossom_data.config import Endpoint, Secret, authority_of
from blossom_data.errors import ConfigError
from blossom_data.pipelines.settings import Pipeline
from blossom_data.redaction.urls import shown_url

_ENVIRONMENT = (
    ("base_url", "BLOSSOM_BASE_URL"),
    ("base_url", "OPENAI_BASE_URL"),
    ("model", "BLOSSOM_MODEL"),
)
_OF_THE_ADDRESS = ("engine", "serve", "serve_start_s", "replicas", "key_env", "roles", "weight", "name", "ca_file")
"""Settings of the file that go with its own address."""
_OF_THE_ENGINE = tuple(field.name for field in fields(EngineFlags))
_NOT_OF_AN_ENDPOINT = ("key_env", *_OF_THE_ENGINE)


class Setting(NamedTuple):
    """A value and where it is from."""

    value: Any
    origin: str


def endpoint_settings(
    pipeline: Pipeline, address: AddressFlags, engine: EngineFlags, dotenv: Mapping[str, str]
) -> list[dict[str, Setting]]:
    """The settings of each endpoint; an address given by flag or environment replaces all of the file's endpoints.

    Args:
        address, engine: what flags give.
        dotenv: names of the environment that came from `.env`, with their origin.
    """
    told: dict[str, Setting] = {}
    given = asdict(address) | asdict(engine)
    for key, name in _ENVIRONMENT:
        if key not in told and (value := os.environ.get(name)):
            told[key] = Setting(value, dotenv.get(name, f"environment {name}"))
    told |= {key: Setting(value, f"flag --{key.replace('_', '-')}") for key, value in given.items() if value}
    listed = [_from_file(pipeline, number) for number in range(len(pipeline.endpoints))] or [{}]
    if told.keys() & {"base_url", "engine", "serve"}:
        listed = [{key: setting for key, setting in listed[0].items() if key not in _OF_THE_ADDRESS}]
    nothing = {key: Setting("", "default") for key in ("base_url", "model")}
    return [{**nothing, **file, **told} for file in listed]


def _from_file(pipeline: Pipeline, number: int) -> dict[str, Setting]:
    file, settings = pipeline.source, dict(pipeline.endpoints[number])
    is_alone = isinstance(file.values["endpoint"], dict)
    if settings.get("engine") == "local":
        beside = pipeline.file.resolve().parent / str(settings.get("model", ""))
        settings["model"] = str(beside) if beside.is_file() else settings.get("model", "")
    if settings.get("ca_file"):
        settings["ca_file"] = str(pipeline.folder / Path(str(settings["ca_file"])).expanduser())
    path = ("endpoint",) if is_alone else ("endpoint", number)
    return {key: Setting(value, file.place((*path, key))) for key, value in settings.items()}


def engine_of(settings: Mapping[str, Any]) -> EngineFlags:
    """The local engine that the settings of an endpoint (values alone) ask for."""
    return EngineFlags(**{name: settings[name] for name in _OF_THE_ENGINE if name in settings})


def build_endpoints(listed: Sequence[Mapping[str, Any]], local: EngineEndpoint | None = None) -> tuple[Endpoint, ...]:
    """The endpoints with these settings (values alone); the only one's address is that of a local engine, if any.

    Raises:
        ConfigError: one cannot be used, or names a key that is not set.
    """
    if local is not None:
        address = {"base_url": local.base_url, "model": local.model, "api_key": local.api_key}
        return local.all_of(_endpoint({**listed[0], **address}, is_one_host=True))
    hosts = {authority_of(str(settings["base_url"])) for settings in listed}
    for settings in listed:
        if not settings["base_url"]:
            raise ConfigError(
                "no endpoint is named",
                hint="give --base-url http://HOST:PORT/v1 and --model NAME, set OPENAI_BASE_URL, or fill in [endpoint]",
            )
    return tuple(_endpoint(settings, is_one_host=len(hosts) == 1) for settings in listed)


def _endpoint(settings: Mapping[str, Any], *, is_one_host: bool) -> Endpoint:
    known = {key: value for key, value in settings.items() if key not in _NOT_OF_AN_ENDPOINT}
    return Endpoint(**{"api_key": key_of(settings, is_one_host=is_one_host), **known})


def key_of(settings: Mapping[str, Any], *, is_one_host: bool) -> Secret:
    """The key of an endpoint: from its `key_env`, else the usual names, which never go to one host of several.

    Raises:
        ConfigError: the name that `key_env` gives is not set.
    """
    if name := settings.get("key_env"):
        if not (value := os.environ.get(name, "").strip()):
            raise ConfigError(
                f"the key of {shown_url(settings['base_url'])} is read from {name}, which is not set",
                hint=f"export {name}=..., or put it into .env beside the pipeline file",
            )
        return Secret(value, origin=name)
    return key_from_environment() if is_one_host else Secret()

"""The flags about local engines: which one to start, and the endpoint that it will be."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import urlsplit

import click

from blossom_data.config import Secret
from blossom_data.errors import ConfigError

if TYPE_CHECKING:
    from blossom_data.llm.engines.serve import Serving

Function = TypeVar("Function", bound=Callable[..., Any])
ENGINES = ("endpoint", "local")
_KEYS = ("engine", "serve", "serve_start_s", "allow_download")
_START_S = 600.0
_LOOPBACK = ("127.0.0.1", "localhost", "::1")


def engine_options(function: Function) -> Function:
    """--serve and --engine with what belongs to them."""
    for option in (
        click.option("--allow-download", is_flag=True, help="With --engine local: fetch the model from the hub."),
        click.option(
            "--engine",
            type=click.Choice(ENGINES),
            help="local: the embedded llama.cpp (extra `local`) with --model FILE.gguf or hf:ORG/REPO/FILE.gguf.",
        ),
        click.option(
            "--serve-start-s", type=click.FloatRange(min=0.1), help="Longest start of a local engine.  [default: 600]"
        ),
        click.option(
            "--serve",
            metavar="COMMAND",
            default="",
            help="Start this engine for the run: 'vllm serve {model} --port {port}'. See docs/engines.md.",
        ),
    ):
        function = option(function)
    return function


def with_engine(settings: Mapping[str, Any], *, ledger: Path) -> tuple[dict[str, Any], Serving | None]:
    """`settings` of an endpoint, pointed at the local engine that they ask for, and that engine, if any.

    An engine of the user's own gets BLOSSOM_API_KEY alone: OPENAI_API_KEY is not for a program that was just started.

    Raises:
        ConfigError: the engine cannot be started like that.
        EndpointError: its model has to be fetched, and the hub cannot be reached.
    """
    engine, serve = settings.get("engine") or ENGINES[0], settings.get("serve") or ""
    rest = {key: value for key, value in settings.items() if key not in _KEYS}
    if engine not in ENGINES:
        raise ConfigError(f"engine is {engine!r}", hint=f"one of {', '.join(ENGINES)}")
    if engine == ENGINES[0] and not serve:
        return rest, None
    if engine != ENGINES[0] and serve:
        raise ConfigError("--engine local and --serve each start an engine", hint="give one of them")
    if settings.get("batch"):
        raise ConfigError("--batch is for providers; a local engine has no batches", hint="leave out --batch")
    from blossom_data.llm.engines.settings import plan_embedded, plan_served

    model, start_s = str(settings.get("model") or ""), float(settings.get("serve_start_s") or _START_S)
    log = ledger.parent / f"{ledger.stem}.engine.log"
    if serve:
        base_url = str(settings.get("base_url") or "")
        if "{port}" not in serve and base_url and urlsplit(base_url).hostname not in _LOOPBACK:
            raise ConfigError(
                f"the engine will run on this machine, not at {base_url}", hint="put {port} into its command"
            )
        key = Secret(os.environ.get("BLOSSOM_API_KEY", "").strip(), origin="BLOSSOM_API_KEY")
        local = plan_served(serve, model=model, base_url=base_url, log=log, start_s=start_s, api_key=key)
        return {**rest, "base_url": local.serving.base_url, "api_key": key}, local.serving
    local = plan_embedded(model, log=log, may_download=bool(settings.get("allow_download")), start_s=start_s)
    structured = rest.get("structured") or "auto"
    return {
        **rest,
        "base_url": local.serving.base_url,
        "model": local.model,
        "name": "embedded",
        "api_key": Secret(),
        "structured": "json_schema" if structured == "auto" else structured,
        "max_in_flight": min(int(rest.get("max_in_flight") or local.slots), local.slots),
    }, local.serving

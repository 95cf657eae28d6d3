"""The flags about local engines: which one to start, and the endpoint that it will be."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, ClassVar
from urllib.parse import urlsplit

import typer

from blossom_data.cli.flags.values import choice, switch
from blossom_data.config import Endpoint, Secret, check_base_url
from blossom_data.errors import ConfigError
from blossom_data.ledger.address import LedgerAddress
from blossom_data.ledger.place import DEFAULT_LEDGER
from blossom_data.llm.http.network import is_this_machine

if TYPE_CHECKING:
    from blossom_data.llm.engines.serve import Serving
    from blossom_data.llm.engines.settings import LocalEngine

ENGINES = ("endpoint", "local")
_START_S = 600.0


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineFlags:
    """--serve and --engine with what belongs to them."""

    panel: ClassVar[str] = "Local engine"

    serve: Annotated[
        str,
        typer.Option(
            "--serve",
            metavar="COMMAND",
            help="Start this engine for the run: 'vllm serve {model} --port {port}'. See docs/engines.md.",
        ),
    ] = ""
    replicas: Annotated[
        int | None,
        typer.Option(
            "--replicas",
            min=1,
            max=64,
            metavar="N",
            help="With --serve: so many engines, each at a port and with GPUs of its own. Each takes --max-in-flight.",
        ),
    ] = None
    serve_start_s: Annotated[
        float | None,
        typer.Option(
            "--serve-start-s",
            min=0.1,
            metavar="SECONDS",
            help=f"Longest start of a local engine; {_START_S:g} without it.",
        ),
    ] = None
    engine: Annotated[
        str | None,
        choice(
            "--engine",
            among=ENGINES,
            help="local: the embedded llama.cpp (extra `local`) with --model FILE.gguf or hf:ORG/REPO/FILE.gguf.",
        ),
    ] = None
    allow_download: Annotated[
        bool, switch("--allow-download", help="With --engine local: fetch the model from the hub.")
    ] = False


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineEndpoint:
    """The endpoint that a local engine will be once it is up."""

    serving: Serving
    base_url: str
    model: str
    api_key: Secret
    slots: int | None = None
    """Requests that the embedded engine works on at once; None: an engine of the user's own."""

    @classmethod
    def of(cls, local: LocalEngine) -> EngineEndpoint:
        """The endpoint of an engine of ours, which wants no key."""
        return cls(
            serving=local.serving,
            base_url=local.serving.base_url,
            model=local.model,
            api_key=Secret(),
            slots=local.slots,
        )

    def all_of(self, endpoint: Endpoint) -> tuple[Endpoint, ...]:
        """`endpoint`, at the address of each engine, within what it can do."""
        from blossom_data.llm.engines.replicas import spread

        return spread(self.fit(endpoint), self.serving)

    def fit(self, endpoint: Endpoint) -> Endpoint:
        """`endpoint`, at this address, within what the engine can do."""
        if self.slots is None:
            return endpoint
        structured = "json_schema" if endpoint.structured == "auto" else endpoint.structured
        in_flight = min(endpoint.max_in_flight, self.slots)
        return replace(endpoint, name="embedded", structured=structured, max_in_flight=in_flight)


def engine_log(ledger: LedgerAddress) -> Path:
    """Where an engine writes: beside the ledger that its replies go to."""
    file = ledger if isinstance(ledger, Path) else DEFAULT_LEDGER
    return file.parent / f"{file.stem}.engine.log"


def plan_engine(
    flags: EngineFlags, *, model: str, base_url: str, ledger: LedgerAddress, is_batched: bool
) -> EngineEndpoint | None:
    """The endpoint of the local engine that the flags ask for, if any; it is started by the run.

    An engine of the user's own gets BLOSSOM_API_KEY alone: OPENAI_API_KEY is not for a program that was just started.

    Raises:
        ConfigError: the engine cannot be started like that.
        EndpointError: its model has to be fetched, and the hub cannot be reached.
    """
    engine, serve = flags.engine or ENGINES[0], flags.serve
    if engine not in ENGINES:
        raise ConfigError(f"engine is {engine!r}", hint=f"one of {', '.join(ENGINES)}")
    if (flags.replicas or 1) > 1 and "{port}" not in serve:
        raise ConfigError(
            "--replicas is for an engine that is started for the run, at any port", hint="put {port} into --serve"
        )
    if engine == ENGINES[0] and not serve:
        return None
    if engine != ENGINES[0] and serve:
        raise ConfigError("--engine local and --serve each start an engine", hint="give one of them")
    if is_batched:
        raise ConfigError("--batch is for providers; a local engine has no batches", hint="leave out --batch")
    from blossom_data.llm.engines.replicas import replicate
    from blossom_data.llm.engines.settings import plan_embedded, plan_served

    start_s = float(flags.serve_start_s or _START_S)
    log = engine_log(ledger)
    if serve:
        if "{port}" not in serve and base_url:
            check_base_url(base_url)
            if not is_this_machine(urlsplit(base_url).hostname or ""):
                raise ConfigError(
                    f"the engine will run on this machine, not at {base_url}", hint="put {port} into its command"
                )
        key = Secret(os.environ.get("BLOSSOM_API_KEY", "").strip(), origin="BLOSSOM_API_KEY")

        def plan(log: Path) -> Serving:
            return plan_served(serve, model=model, base_url=base_url, log=log, start_s=start_s, api_key=key).serving

        serving = replicate(plan, log, flags.replicas or 1) if (flags.replicas or 1) > 1 else plan(log)
        return EngineEndpoint(serving=serving, base_url=serving.base_url, model=model, api_key=key)
    return EngineEndpoint.of(plan_embedded(model, log=log, may_download=flags.allow_download, start_s=start_s))

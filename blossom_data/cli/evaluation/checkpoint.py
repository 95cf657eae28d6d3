"""A model of the user's own as the endpoint that is evaluated: by the embedded engine, by ours, or by --serve."""

from __future__ import annotations

import importlib.util
from pathlib import Path

from blossom_data.cli.flags.endpoint import Asking
from blossom_data.cli.flags.engine import EngineEndpoint, engine_log, plan_engine
from blossom_data.errors import ConfigError, extra_hint
from blossom_data.ledger.address import LedgerAddress
from blossom_data.llm.engines.serve import START_S
from blossom_data.llm.engines.settings import plan_embedded, plan_module


def plan_checkpoint(model: Path, asking: Asking, *, ledger: LedgerAddress, is_batched: bool) -> EngineEndpoint:
    """The endpoint that `model`, a folder or a GGUF file, will be once it is served.

    Raises:
        ConfigError: an endpoint is named too, or what serves it is not installed.
    """
    flags = asking.engine
    if flags.serve:
        served = plan_engine(
            flags, model=str(model), base_url=asking.endpoint.base_url, ledger=ledger, is_batched=is_batched
        )
        assert served is not None
        return served
    if is_batched:
        raise ConfigError("--batch is for providers; a checkpoint has no batches", hint="leave out --batch")
    log = engine_log(ledger)
    start_s = float(flags.serve_start_s or START_S)
    if model.is_file():
        local = plan_embedded(str(model), log=log, start_s=start_s)
    elif importlib.util.find_spec("torch") is None:
        raise ConfigError(
            "serving a model folder needs torch and transformers", hint=f"{extra_hint('train')}; or give a .gguf file"
        )
    else:
        local = plan_module("blossom_data.train.handoff.server", model, log=log, start_s=start_s)
    return EngineEndpoint.of(local)

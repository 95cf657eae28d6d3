"""Settings of a local engine: which program to start, which model file it gets, under which name its replies are kept.

    plan_embedded("qwen.gguf", log=...)              llm/engines/embedded.py with that file, model "qwen-3f2a91c07b1d"
    plan_served("vllm serve {model} --port {port}", model="Qwen/Qwen2.5-7B-Instruct", ...)

The name of an embedded model holds the hash of its file, because the name is what the ledger knows it by. It starts
nothing: serve.py does.
"""

from __future__ import annotations

import hashlib
import sys
from dataclasses import dataclass
from pathlib import Path

from blossom_data.config import Secret
from blossom_data.errors import ConfigError, EndpointError, extra_hint
from blossom_data.llm.engines.embedded import CONTEXT, is_installed, threads_and_slots
from blossom_data.llm.engines.serve import START_S, Serving, fill_command, free_port
from blossom_data.prompts import bundled

TINY = "tiny"
"""The name of the model that comes with blossom-data; it knows one toy grammar."""
_TINY_CONTEXT = 512
_HUB = "hf:"
_MAGIC = b"GGUF"


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalEngine:
    """An engine to start, and the endpoint that it will be."""

    serving: Serving
    model: str
    slots: int = 0
    """Requests that it works on at once; 0 when only the engine knows."""


def plan_served(
    command: str, *, model: str, base_url: str, log: Path, start_s: float = START_S, api_key: Secret | None = None
) -> LocalEngine:
    """The engine of a command line, at `base_url` or, where there is none, at a free port.

    Raises:
        ConfigError: the command cannot be run, or does not say where the engine will answer.
    """
    port = free_port()
    if "{port}" in command:
        base_url = f"http://127.0.0.1:{port}/v1"
    elif not base_url:
        raise ConfigError(
            "nobody knows at which port the engine will answer",
            hint="put {port} into its command, or name its address with --base-url",
        )
    argv = fill_command(command, port=port, model=model)
    key = api_key or Secret()
    return LocalEngine(
        serving=Serving(name=Path(argv[0]).name, argv=argv, base_url=base_url, log=log, start_s=start_s, api_key=key),
        model=model,
    )


def plan_embedded(model: str, *, log: Path, may_download: bool = False, start_s: float = START_S) -> LocalEngine:
    """The embedded engine with the GGUF file that `model` names.

    Raises:
        ConfigError: the extra `local` is missing, or the file cannot be had.
        EndpointError: the hub cannot be reached.
    """
    if not is_installed():
        raise ConfigError(
            "the embedded engine is not installed",
            hint=f"{extra_hint('local')} (xllamacpp, 34 MB)",
        )
    file = find_model(model, may_download=may_download)
    port = free_port()
    name = f"{TINY if model == TINY else file.stem}-{_digest(file)}"
    threads, slots = threads_and_slots(file)
    sizes = {"port": port, "threads": threads, "slots": slots, "context": _TINY_CONTEXT if model == TINY else CONTEXT}
    flags = [word for name, value in sizes.items() for word in (f"--{name}", str(value))]
    argv = (sys.executable, "-m", "blossom_data.llm.engines.embedded", str(file), "--name", name, *flags)
    serving = Serving(
        name="llama.cpp (embedded)",
        is_ours=True,
        argv=argv,
        base_url=f"http://127.0.0.1:{port}/v1",
        log=log,
        start_s=start_s,
    )
    return LocalEngine(serving=serving, model=name, slots=slots)


def plan_module(module: str, model: Path, *, log: Path, start_s: float = START_S) -> LocalEngine:
    """The engine that a module of ours is: it serves the model folder `model`, one request at a time.

    The name of the model holds the hash of its manifest, or of its settings where it has none: the ledger knows it by
    that name, and another training is another model.
    """
    port = free_port()
    marks = [model / name for name in ("manifest.json", "config.json") if (model / name).is_file()]
    if not marks:
        raise ConfigError(
            f"{model} is no model folder: it has no config.json", hint="make one: blossom-data train export RUN -o DIR"
        )
    name = f"{model.resolve().name}-{_digest(marks[0])}"
    argv = (sys.executable, "-m", module, str(model), "--port", str(port), "--name", name)
    serving = Serving(
        name="transformers",
        is_ours=True,
        argv=argv,
        base_url=f"http://127.0.0.1:{port}/v1",
        log=log,
        start_s=start_s,
    )
    return LocalEngine(serving=serving, model=name, slots=1)


def find_model(name: str, *, may_download: bool = False) -> Path:
    """The GGUF file that `name` means: a path, `tiny`, or `hf:ORG/REPO/FILE.gguf` on the hub.

    Raises:
        ConfigError: no such file, not a GGUF file, or a download that nobody agreed to.
        EndpointError: the hub cannot be reached.
    """
    if not name:
        raise ConfigError(
            "the embedded engine needs a model", hint="give --model FILE.gguf or --model hf:ORG/REPO/FILE.gguf"
        )
    if name.startswith(_HUB):
        file = _from_hub(name, may_download=may_download)
    else:
        file = bundled("demo") / TINY / "model.gguf" if name == TINY else Path(name)
    try:
        with file.open("rb") as opened:
            magic = opened.read(len(_MAGIC))
    except OSError as why:
        hint = "give the path of a GGUF file, or hf:ORG/REPO/FILE.gguf"
        raise ConfigError(f"cannot read the model {name}: {why.strerror}", hint=hint) from why
    if magic != _MAGIC:
        raise ConfigError(f"{name} is not a GGUF file", hint="llama.cpp's convert_hf_to_gguf.py makes one of a model")
    return file


def _from_hub(name: str, *, may_download: bool) -> Path:
    """The file in the hub's local cache, fetched when `may_download` and it is not there."""
    parts = name.removeprefix(_HUB).split("/")
    if len(parts) < 3 or not all(parts):
        raise ConfigError(f"{name!r} is no file on the hub", hint="hf:ORG/REPO/FILE.gguf")
    repo, path = "/".join(parts[:2]), "/".join(parts[2:])
    try:
        from huggingface_hub import errors, hf_hub_download
    except ImportError as why:
        raise ConfigError(
            "models of the hub need huggingface_hub", hint="pip install huggingface_hub, or give --model a file"
        ) from why
    absent = (errors.GatedRepoError, errors.RepositoryNotFoundError, errors.RemoteEntryNotFoundError)
    try:
        return Path(hf_hub_download(repo, path, local_files_only=not may_download))
    except (*absent, errors.HFValidationError) as why:
        raise ConfigError(f"the hub has no {name} for you: {type(why).__name__}", hint="look at its page") from why
    except (errors.HfHubHTTPError, OSError) as why:
        if not may_download:
            raise ConfigError(
                f"{name} is not on this machine, and a download needs your consent", hint="add --allow-download"
            ) from why
        raise EndpointError(
            f"the hub cannot be reached for {name}", hint="go online once, or give --model a file that is here"
        ) from why


def _digest(file: Path) -> str:
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()[:12]

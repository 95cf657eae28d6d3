"""The embedded engine: llama.cpp's own server, inside a process that serve.py starts.

    python -m blossom_data.llm.engines.embedded qwen2.5-1.5b-instruct-q4_k_m.gguf --port 8123

It needs no key, no network and no other program, only the extra `local` (xllamacpp). It honours JSON schemas while it
decodes. It listens on 127.0.0.1 alone, and ends on SIGTERM.
"""

from __future__ import annotations

import argparse
import importlib.util
import os
import signal
import sys
from pathlib import Path
from typing import Any

CONTEXT = 8192
"""Tokens of one request with its reply, unless the file says that the model takes fewer."""
_SMALL_BYTES = 64 << 20
_BATCH = 2048
_LOG_WARNINGS = 2


def is_installed() -> bool:
    """Whether the extra `local` is there."""
    return importlib.util.find_spec("xllamacpp") is not None


def threads_and_slots(file: Path) -> tuple[int, int]:
    """How many threads a model file is given, and how many requests it works on at once.

    Two threads at most: more spin against whatever else runs here. A small model spends more time in their rendezvous
    than at work, and gains from many requests at once; a large one on a processor gains nothing from more than two.
    """
    if file.stat().st_size < _SMALL_BYTES:
        return 1, 8
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return min(2, cores), 2


def main(arguments: list[str] | None = None) -> int:
    """Serves one model file until SIGTERM or SIGINT."""
    parser = argparse.ArgumentParser(
        prog="python -m blossom_data.llm.engines.embedded", description="Serve one GGUF file."
    )
    parser.add_argument("file", type=Path)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--name", default="", help="what the model is called in replies; none: its file's name")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--slots", type=int, default=1, help="requests at once")
    parser.add_argument("--context", type=int, default=CONTEXT, help="tokens of one request with its reply")
    parser.add_argument("--cache", choices=("f16", "f32"), default="f16", help="number format of the key-value cache")
    options = parser.parse_args(arguments)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.pthread_sigmask(signal.SIG_BLOCK, [number])
    import xllamacpp

    try:
        server = xllamacpp.Server(_settings(options))
    except (RuntimeError, ValueError) as why:
        sys.stderr.write(f"cannot serve {options.file}: {why}\n")
        return 1
    sys.stderr.write(f"serving {options.file.name} at {server.listening_address}, {options.threads} threads\n")
    signal.sigwait([signal.SIGTERM, signal.SIGINT])
    del server
    return 0


def _settings(options: argparse.Namespace) -> Any:
    """The server's settings: loopback only, no web page, no download, its own log for warnings."""
    import xllamacpp

    settings = xllamacpp.CommonParams()
    settings.model.path = str(options.file)
    settings.model_alias = {options.name or options.file.name}
    settings.hostnames = ["127.0.0.1"]
    settings.port = options.port
    settings.n_parallel = options.slots
    settings.n_ctx = options.context * options.slots
    settings.n_batch = _BATCH
    settings.cpuparams.n_threads = options.threads
    settings.cpuparams_batch.n_threads = options.threads
    if options.cache == "f32":
        settings.cache_type_k = settings.cache_type_v = xllamacpp.ggml_type.GGML_TYPE_F32
    settings.warmup = False
    settings.ui = False
    settings.cors_origins = "http://127.0.0.1"
    settings.offline = True
    settings.verbosity = _LOG_WARNINGS
    return settings


if __name__ == "__main__":
    sys.exit(main())

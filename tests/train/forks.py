"""Runs in processes of their own, forked from a server that has imported everything: seconds instead of half minutes.

run_group(recipe, out, world=2, kill="step:7")      every process is killed with SIGKILL after step 7
"""

from __future__ import annotations

import importlib
import multiprocessing
import os
import signal
import socket
import sys
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
_CONTEXT = multiprocessing.get_context("forkserver")
_CONTEXT.set_forkserver_preload(
    [
        "blossom_data.train.run",
        "deepspeed",
        "peft",
        "tensorboard.summary.writer.record_writer",
        "transformers.models.auto.modeling_auto",
        "transformers.models.qwen2.modeling_qwen2",
        "transformers.models.llama.modeling_llama",
        "transformers.models.bloom.modeling_bloom",
    ]
)


def run_group(recipe: Path, out: Path, *, world: int = 1, kill: str = "", timeout_s: float = 100) -> list[int]:
    """Runs `recipe` in `world` processes; gives their exit codes, negative for a signal."""
    return call(world, "forks", "train_once", str(recipe), str(out), kill, timeout_s=timeout_s)


def call(world: int, module: str, function: str, *arguments: Any, timeout_s: float = 100) -> list[int]:
    """Calls module.function(*arguments) in `world` processes of one group."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    children = [
        _CONTEXT.Process(target=_child, args=(rank, world, port, module, function, arguments)) for rank in range(world)
    ]
    for child in children:
        child.start()
    for child in children:
        child.join(timeout_s)
    for child in children:
        if child.is_alive():
            child.kill()
            child.join()
    return [child.exitcode or 0 for child in children]


def _child(rank: int, world: int, port: int, module: str, function: str, arguments: tuple[Any, ...]) -> None:
    sys.path.insert(0, str(HERE))
    import torch

    torch.set_num_threads(1)
    if world > 1:
        os.environ.update(RANK=str(rank), LOCAL_RANK=str(rank), WORLD_SIZE=str(world))
        os.environ.update(MASTER_ADDR="127.0.0.1", MASTER_PORT=str(port))
    from blossom_data.errors import BlossomError

    code = 0
    try:
        getattr(importlib.import_module(module), function)(*arguments)
    except BlossomError as why:
        sys.stderr.write(f"error: {why}\n  try: {why.hint}\n")
        code = why.exit_code
    except BaseException:
        import traceback

        traceback.print_exc()
        code = 1
    sys.stderr.flush()
    sys.stdout.flush()
    os._exit(code)


def train_once(recipe: str, out: str, kill: str = "") -> None:
    """One run, ended at the place that `kill` names; an error is written to OUT.error."""
    from blossom_data.errors import BlossomError
    from blossom_data.train.run import train

    _arm(kill)
    try:
        train(Path(recipe), Path(out), tell=lambda line: None)
    except BlossomError as why:
        Path(f"{out}.error").write_text(str(why))
        raise


def train_apart(recipe: str, out: str) -> None:
    """One run in which every process has a folder of its own."""
    from blossom_data.train.preflight import lock

    lock._SEEN_WITHIN_S = 0
    train_once(recipe, f"{out}-{os.environ['RANK']}")


def train_several(pairs: list[tuple[str, str]]) -> None:
    """Several runs one after the other."""
    import torch

    from blossom_data.train.run import train

    destroy = torch.distributed.destroy_process_group
    torch.distributed.destroy_process_group = lambda: None
    for recipe, out in pairs:
        train(Path(recipe), Path(out), tell=lambda line: None)
    if torch.distributed.is_initialized():
        torch.distributed.barrier()
        destroy()


def _arm(kill: str) -> None:
    """Makes this process end at step:N, term:N, reference:N, or at writing:N, sealed:N, renamed:N in the Nth save."""
    place, _, number = kill.partition(":")
    if not place:
        return
    from blossom_data.train.loop import loop, reference
    from blossom_data.train.parallel import checkpoint

    count = [0]
    where: dict[str, tuple[Any, str]] = {
        "step": (loop.Loop, "_step"),
        "term": (loop.Loop, "_step"),
        "writing": (checkpoint.torch, "save"),
        "sealed": (checkpoint, "_sealed"),
        "renamed": (checkpoint, "write_atomic"),
        "reference": (reference, "write_atomic"),
    }
    owner, name = where[place]
    before = getattr(owner, name)

    def counted(*arguments: Any, **named: Any) -> Any:
        count[0] += 1
        is_last = count[0] == int(number)
        if is_last and place == "renamed":
            os.kill(os.getpid(), signal.SIGKILL)
        given = before(*arguments, **named)
        if is_last:
            os.kill(os.getpid(), signal.SIGTERM if place == "term" else signal.SIGKILL)
        return given

    setattr(owner, name, counted)

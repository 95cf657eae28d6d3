"""Whether a run fits into the memory that is free where it starts, asked before its model is loaded.

    error: a step takes 96.31 GiB, too much for the 78.62 GiB that are free
      try: this fits: micro_batch = 8, accumulation = 2, checkpointing = true (21.30 GiB); or --ignore-memory-plan

On CUDA it is the memory of the devices; without, the main memory that the processes of this machine share.
"""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Callable
from pathlib import Path

import torch

from blossom_data.errors import ConfigError
from blossom_data.train.parallel.processes import Group
from blossom_data.train.preflight.plan import make_plan, refuse_misfit
from blossom_data.train.preflight.prepare import Prepared

_GIB = 2.0**30
CONTAINER = Path("/sys/fs/cgroup")
GROUPS = (
    ("memory.max", "memory.stat", "anon"),
    ("memory/memory.limit_in_bytes", "memory/memory.stat", "total_rss"),
)
"""Below CONTAINER, of version 2 and 1: the limit of a container, and what of its use is not the files' cache."""


def refuse_shortage(prepared: Prepared, group: Group, *, ignored: bool, tell: Callable[[str], None]) -> None:
    """Compares the planned peak of a step with the free memory of every process; all of them must call it.

    Args:
        ignored: say it, and go on.

    Raises:
        ConfigError: it does not fit, in every process.
    """
    free = int(min(group.gather(free_bytes(group.device))))
    short: ConfigError | None = None
    if group.is_first and _at_most(prepared) > free:
        plan = make_plan(
            prepared,
            gpus=group.world,
            memory_gib=free / _GIB,
            tokens_per_s=None,
            is_gpu=group.device.type == "cuda",
        )
        try:
            refuse_misfit(plan, of="that are free", further="; or go on with --ignore-memory-plan")
        except ConfigError as why:
            short = why
    if ignored and short is not None:
        tell(f"going on all the same: {short}")
    group.agree(None if ignored else short)


def free_bytes(device: torch.device) -> int:
    """Free memory for each process of this machine that computes on `device`."""
    local = int(os.environ.get("LOCAL_WORLD_SIZE", "1"))
    if device.type == "cuda":
        return int(torch.cuda.mem_get_info(device)[0] // -(-local // torch.cuda.device_count()))
    return free_main_bytes() // local


def free_main_bytes() -> int:
    """Main memory that can be had: what the machine has available, and a container's limit leaves."""
    free = sys.maxsize
    if (machine := _table(Path("/proc/meminfo"))) is not None:
        free = machine["MemAvailable"] * 1024
    for limit, use, key in GROUPS:
        used = _table(CONTAINER / use)
        with contextlib.suppress(OSError, ValueError):
            most = int((CONTAINER / limit).read_text(encoding="ascii"))
            free = min(free, max(0, most - (used or {}).get(key, 0)))
    return free


def _table(path: Path) -> dict[str, int] | None:
    """The names and numbers of a kernel's table; None where there is none."""
    try:
        lines = path.read_text(encoding="ascii").splitlines()
    except OSError:
        return None
    words = (line.replace(":", " ").split() for line in lines)
    return {found[0]: int(found[1]) for found in words if len(found) > 1 and found[1].isdigit()}


def _at_most(prepared: Prepared) -> int:
    """More than a step can take, told from the model's sizes alone: what has that much room need not be measured."""
    recipe, config = prepared.recipe, prepared.config
    inner = max(int(getattr(config, "intermediate_size", 0) or 0), 4 * config.hidden_size)
    block = 32 * config.hidden_size + 8 * inner
    tokens = recipe.micro_batch * max(draw.seq_len for draw in prepared.draws)
    return int(24 * prepared.parameters + 8 * tokens * (config.num_hidden_layers * block + 2 * config.vocab_size))

"""Starts the processes of a run through torch.distributed.run, and takes their outcome as its own.

blossom-data train run recipe.toml -o runs/a --gpus 8
= python -m torch.distributed.run --standalone --nproc_per_node 8 -m blossom_data train run recipe.toml -o runs/a

Several machines wait for each other at the rendezvous, for a time that is told. Nothing is started again by itself: a
process that fails ends the run on all machines, and the same command goes on from the newest checkpoint.
"""

from __future__ import annotations

import contextlib
import logging
import os
import shlex
import signal
import socket
import tempfile
import time
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from blossom_data.errors import BlossomError, ConfigError, Interrupted, PeerLost
from blossom_data.train.parallel.failures import OURS, cause_of

WAIT_S = 600
"""How long machines wait for each other at the beginning."""
_PAUSE_S = 0.5
_SAVE_S = 3600
"""How long processes that were asked to end may take: they save first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Machines:
    """How many processes on how many machines; `rendezvous` is HOST:PORT of the first machine."""

    processes: int = 1
    nodes: int = 1
    node_rank: int = 0
    rendezvous: str = ""
    wait_s: int = WAIT_S


def launcher_arguments(machines: Machines, command: Sequence[str]) -> list[str]:
    """What torch.distributed.run is given to run `blossom-data COMMAND` in every process.

    Raises:
        ConfigError: several machines without a place to meet, or a rank that there is not.
    """
    if machines.node_rank >= machines.nodes:
        raise ConfigError(
            f"--node-rank {machines.node_rank} of {machines.nodes} machines", hint="ranks are counted from 0"
        )
    if machines.nodes == 1:
        where = ["--standalone"]
    else:
        host, _, port = machines.rendezvous.rpartition(":")
        if not host or not port.isdigit():
            raise ConfigError(
                "several machines need a place to meet", hint="give --rendezvous HOST:PORT of the first machine"
            )
        where = ["--nnodes", str(machines.nodes), "--node_rank", str(machines.node_rank)]
        where += ["--master_addr", host, "--master_port", port, "--rdzv_conf", f"timeout={machines.wait_s}"]
    return [*where, "--nproc_per_node", str(machines.processes), "-m", "blossom_data", *command]


def check_machines(
    machines: Machines, recipe: Path, out: Path, *, tell: Callable[[str], None], continues: Path | None = None
) -> None:
    """Refuses what cannot run before any process is started.

    Raises:
        ConfigError, InputError: something does not fit.
    """
    import torch

    from blossom_data.train.preflight.prepare import prepare
    from blossom_data.train.recipe.recipe import load_recipe

    launcher_arguments(machines, [])
    if torch.cuda.is_available() and machines.processes > torch.cuda.device_count():
        there = torch.cuda.device_count()
        raise ConfigError(f"--gpus {machines.processes}: {there} found on this machine", hint=f"give --gpus {there}")
    if machines.node_rank:
        # The first machine packs and compares hashes; two that pack into one folder would be in each other's way.
        load_recipe(recipe)
    else:
        prepare(recipe, out, tell=tell, continues=continues)


def launch(machines: Machines, command: Sequence[str], *, tell: Callable[[str], None]) -> int:
    """Runs `blossom-data COMMAND` in all processes; gives 0.

    Raises:
        PeerLost: another machine did not come, or has gone.
        Interrupted: a signal ended the run.
        BlossomError: what ended the first process that failed.
    """
    from torch.distributed import DistNetworkError, DistStoreError
    from torch.distributed.elastic.multiprocessing.api import SignalException
    from torch.distributed.elastic.multiprocessing.errors import ChildFailedError
    from torch.distributed.launcher.api import elastic_launch
    from torch.distributed.run import config_from_args, parse_args

    arguments = launcher_arguments(machines, command)
    tell(f"python -m torch.distributed.run {shlex.join(arguments)}")
    if machines.nodes > 1:
        tell(f"waiting up to {machines.wait_s} s for {machines.nodes} machines at {machines.rendezvous}")
        _await_first(machines)
    # One thread a process, as the launcher would set with a warning.
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    os.environ[OURS] = "1"
    for name in list(logging.root.manager.loggerDict):
        if name.startswith("torch.distributed.elastic"):
            # What it would say of a failure is told in one line below.
            logging.getLogger(name).setLevel(logging.CRITICAL)
    parsed = parse_args(arguments)
    parsed.shutdown_timeout = _SAVE_S
    if parsed.standalone:
        # What torch.distributed.run's own main does with the flag.
        parsed.rdzv_backend, parsed.rdzv_endpoint, parsed.rdzv_id = "c10d", "localhost:0", str(uuid.uuid4())
    with tempfile.TemporaryDirectory(prefix="blossom-train-") as logs:
        parsed.log_dir = logs
        config, entry, rest = config_from_args(parsed)
        run: Any = elastic_launch(config=config, entrypoint=entry)
        try:
            run(*rest)
        except SignalException as why:
            name = signal.Signals(int(why.sigval)).name
            raise Interrupted(f"{name} ended the run", signal_number=int(why.sigval)) from why
        except ChildFailedError as why:
            raise cause_of(why.failures) from why
        except (DistNetworkError, DistStoreError) as why:
            raise _not_met(machines, str(why)) from why
    return 0


def _await_first(machines: Machines) -> None:
    """Waits until the first machine listens: torch would tell every failed try, with a trace.

    Raises:
        PeerLost: it does not within the time.
    """
    host, _, port = machines.rendezvous.rpartition(":")
    until = time.monotonic() + machines.wait_s
    while machines.node_rank:
        with contextlib.suppress(OSError):
            socket.create_connection((host.strip("[]"), int(port)), timeout=_PAUSE_S * 10).close()
            return
        if time.monotonic() > until:
            raise _not_met(machines, "")
        time.sleep(_PAUSE_S)


def _not_met(machines: Machines, told: str) -> BlossomError:
    """What it means that the machines did not find each other."""
    if "EADDRINUSE" in told or "already in use" in told:
        return ConfigError(f"{machines.rendezvous} is in use on this machine", hint="name another port on all machines")
    if machines.node_rank:
        return PeerLost(
            f"the first machine did not answer at {machines.rendezvous} within {machines.wait_s} s",
            hint="start the same command there with --node-rank 0, or wait longer with --rendezvous-timeout",
        )
    return PeerLost(
        f"not all of {machines.nodes} machines came to {machines.rendezvous} within {machines.wait_s} s",
        hint="start the same command on each with a --node-rank of its own, or wait longer with --rendezvous-timeout",
    )

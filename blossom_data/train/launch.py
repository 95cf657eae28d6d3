"""Starts the processes of a run through torch.distributed.run, and takes their outcome as its own.

blossom-data train run recipe.toml -o runs/a --gpus 8
= python -m torch.distributed.run --standalone --nproc_per_node 8 -m blossom_data train run recipe.toml -o runs/a
"""

from __future__ import annotations

import os
import shlex
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from blossom_data.errors import BlossomError, ConfigError, Interrupted


@dataclass(frozen=True, slots=True, kw_only=True)
class Machines:
    """How many processes on how many machines; `rendezvous` is HOST:PORT of the first machine."""

    processes: int = 1
    nodes: int = 1
    node_rank: int = 0
    rendezvous: str = ""


def launcher_arguments(machines: Machines, command: Sequence[str]) -> list[str]:
    """What torch.distributed.run is given to run `blossom-data COMMAND` in every process.

    Raises:
        ConfigError: several machines without a place to meet.
    """
    if machines.nodes == 1:
        where = ["--standalone"]
    else:
        host, _, port = machines.rendezvous.rpartition(":")
        if not host or not port.isdigit():
            raise ConfigError(
                "several machines need a place to meet", hint="give --rendezvous HOST:PORT of the first machine"
            )
        where = ["--nnodes", str(machines.nodes), "--node_rank", str(machines.node_rank)]
        where += ["--master_addr", host, "--master_port", port]
    return [*where, "--nproc_per_node", str(machines.processes), "-m", "blossom_data", *command]


def launch(machines: Machines, command: Sequence[str], *, tell: Callable[[str], None]) -> int:
    """Runs `blossom-data COMMAND` in all processes; gives the exit code of the first that failed, else 0.

    Raises:
        Interrupted: a signal ended the run.
    """
    from torch.distributed.elastic.multiprocessing.api import SignalException
    from torch.distributed.elastic.multiprocessing.errors import ChildFailedError
    from torch.distributed.launcher.api import elastic_launch
    from torch.distributed.run import config_from_args, parse_args

    arguments = launcher_arguments(machines, command)
    tell(f"python -m torch.distributed.run {shlex.join(arguments)}")
    # One thread a process, as the launcher would set with a warning.
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    parsed = parse_args(arguments)
    if parsed.standalone:
        # What torch.distributed.run's own main does with the flag.
        parsed.rdzv_backend, parsed.rdzv_endpoint, parsed.rdzv_id = "c10d", "localhost:0", str(uuid.uuid4())
    config, entry, rest = config_from_args(parsed)
    run: Any = elastic_launch(config=config, entrypoint=entry)
    try:
        run(*rest)
    except SignalException as why:
        raise Interrupted("stopped; the processes saved", signal_number=int(why.sigval)) from why
    except ChildFailedError as why:
        _, failure = why.get_first_failure()
        if failure.exitcode in (128 + 15, 128 + 2):
            return int(failure.exitcode)
        if failure.exitcode < 0:
            raise BlossomError(
                f"process {failure.global_rank} was ended by signal {-failure.exitcode}",
                hint="the same command again goes on from the newest checkpoint",
            ) from why
        return int(failure.exitcode)
    return 0

"""The processes of one run: who this one is, and the few things that all of them do together.

    group = join_group()          Group(rank=0, world=1, device=cpu) without torch.distributed.run around it
    group.sum(tensor); group.any(flag); group.barrier(); group.leave()

GPU tensors go over NCCL, everything else over gloo. Starting the processes is launch.py's part.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import resource
import signal
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, TypeVar

import torch
import torch.distributed as dist
from torch import Tensor

from blossom_data.errors import BlossomError, PeerLost
from blossom_data.train.parallel.failures import described, rebuilt

Made = TypeVar("Made")
_PR_SET_PDEATHSIG = 1


@dataclass(frozen=True, slots=True)
class Group:
    """This process among those of the run."""

    rank: int
    world: int
    device: torch.device

    @property
    def is_first(self) -> bool:
        """Whether this process writes what is written once."""
        return self.rank == 0

    @property
    def device_name(self) -> str:
        """What the device calls itself; nothing for a processor."""
        return torch.cuda.get_device_name(self.device) if self.device.type == "cuda" else ""

    def peak_bytes(self) -> int:
        """The most memory that this process had: of its GPU in tensors, else main memory."""
        if self.device.type == "cuda":
            return int(torch.cuda.max_memory_allocated(self.device))
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)

    def sum(self, tensor: Tensor) -> Tensor:
        """`tensor` with the sum over all processes in it."""
        if self.world > 1:
            dist.all_reduce(tensor)
        return tensor

    def any(self, flag: bool) -> bool:
        """Whether `flag` is set in any process; never touches the GPU."""
        if self.world == 1:
            return flag
        told = torch.tensor(int(flag))
        dist.all_reduce(told, op=dist.ReduceOp.MAX)
        return bool(told)

    def gather(self, value: Any) -> list[Any]:
        """The `value` of every process, by rank."""
        if self.world == 1:
            return [value]
        values: list[Any] = [None] * self.world
        dist.all_gather_object(values, value)
        return values

    def agree(self, why: BlossomError | None) -> None:
        """Raises the error that any process brings, that of the first of them, in every process."""
        for told in filter(None, self.gather(described(why) if why is not None else None)):
            raise why or rebuilt(told)

    def attempt(self, action: Callable[[], Made] | None) -> Made | None:
        """What `action` gives, in the processes that bring one; what it raises in any is raised in every process."""
        made, why = None, None
        if action is not None:
            try:
                made = action()
            except BlossomError as told:
                why = told
        self.agree(why)
        return made

    def barrier(self) -> None:
        """Waits for all."""
        if self.world > 1:
            self.any(False)

    def leave(self) -> None:
        """Ends the group after everybody is done; a process that left early would take the others down."""
        if dist.is_initialized():
            self.barrier()
            dist.destroy_process_group()


def is_launched() -> bool:
    """Whether a launcher (torch.distributed.run, deepspeed) started this process."""
    return "RANK" in os.environ and "WORLD_SIZE" in os.environ


@contextlib.contextmanager
def losing_peers() -> Iterator[None]:
    """Tells what gloo and NCCL raise when another process has gone as that.

    Raises:
        PeerLost: a process of the group ended, or its machine did.
    """
    try:
        yield
    except RuntimeError as why:
        if not (isinstance(why, dist.DistError) or "gloo" in str(why)):
            raise
        raise PeerLost(
            "another process of the run has gone",
            hint="see why it ended; the same command again goes on from the newest checkpoint",
        ) from why


def end_with_launcher() -> None:
    """Asks the kernel (Linux) for SIGTERM when the launcher is killed: its processes save and leave with it."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)


def is_first_process() -> bool:
    """Whether this process is the only one, or the first that a launcher started."""
    return os.environ.get("RANK", "0") == "0"


def join_group(*, always: bool = False) -> Group:
    """Joins the group that the launcher describes; `always` makes one of a single process as well."""
    rank, world = (int(os.environ.get(name, default)) for name, default in (("RANK", "0"), ("WORLD_SIZE", "1")))
    device = torch.device("cpu")
    if torch.cuda.is_available():
        device = torch.device("cuda", int(os.environ.get("LOCAL_RANK", "0")) % torch.cuda.device_count())
        torch.cuda.set_device(device)
    else:
        # Where DeepSpeed is installed others import it, and it would warn of what it finds.
        os.environ.setdefault("DS_ACCELERATOR", "cpu")
    backend = "cpu:gloo,cuda:nccl" if device.type == "cuda" else "gloo"
    if not dist.is_initialized():
        if world > 1:
            dist.init_process_group(backend)
        elif always:
            dist.init_process_group(backend, store=dist.HashStore(), rank=0, world_size=1)
    return Group(rank, world, device)

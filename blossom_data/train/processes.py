"""The processes of one run: who this one is, and the few things that all of them do together.

    group = join_group()          Group(rank=0, world=1, device=cpu) without torch.distributed.run around it
    group.sum(tensor); group.any(flag); group.barrier(); group.leave()

GPU tensors go over NCCL, everything else over gloo. Starting the processes is launch.py's part.
"""

from __future__ import annotations

import os
from dataclasses import dataclass

import torch
import torch.distributed as dist
from torch import Tensor


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

    def gather(self, value: object) -> list[object]:
        """The `value` of every process, by rank."""
        if self.world == 1:
            return [value]
        values: list[object] = [None] * self.world
        dist.all_gather_object(values, value)
        return values

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
    backend = "cpu:gloo,cuda:nccl" if device.type == "cuda" else "gloo"
    if not dist.is_initialized():
        if world > 1:
            dist.init_process_group(backend)
        elif always:
            dist.init_process_group(backend, store=dist.HashStore(), rank=0, world_size=1)
    return Group(rank, world, device)

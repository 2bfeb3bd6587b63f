"""Several processes as one trainer: `torchrun` (or `accelerate launch`) starts them, this joins them.

The idea: every process holds the whole model and knows the whole schedule. The packs of a step are dealt
out by their tokens, loss weights count the tokens of the whole step, and the sum of all gradients is that
of a single process. A process without a pack simply adds zeros.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass

import torch
import torch.distributed as dist
from torch import Tensor


@dataclass(frozen=True, slots=True)
class Processes:
    """This process among the others."""

    rank: int
    size: int
    device: str
    """`cpu`, `cuda` or `cuda:N`."""

    @property
    def first(self) -> bool:
        """Whether this process writes files and shows progress."""
        return self.rank == 0

    @property
    def beside(self) -> int:
        """Processes that share one memory, this one included."""
        return int(os.environ.get("LOCAL_WORLD_SIZE", "1")) if self.device == "cpu" else 1

    def least(self, number: int) -> int:
        """The smallest number that a process has."""
        if self.size == 1:
            return number
        found = torch.tensor(number, device=self.device)
        dist.all_reduce(found, dist.ReduceOp.MIN)
        return int(found)

    def add_up(self, tensors: Sequence[Tensor]) -> None:
        """Replace each tensor by its sum over all processes."""
        if self.size > 1:
            for tensor in tensors:
                dist.all_reduce(tensor)

    def wait(self) -> None:
        """Return when all processes are here."""
        if self.size > 1:
            dist.barrier()


def join_processes(device: str = "auto") -> Processes:
    """Join the others that `torchrun` announced in the environment; alone without it."""
    if device == "auto":
        device = "cuda" if torch.cuda.is_available() else "cpu"
    size = int(os.environ.get("WORLD_SIZE", "1"))
    if device == "cuda" and size > 1:
        device = f"cuda:{os.environ.get('LOCAL_RANK', '0')}"
        torch.cuda.set_device(device)
    if size > 1 and not dist.is_initialized():
        dist.init_process_group("nccl" if device.startswith("cuda") else "gloo")
    return Processes(int(os.environ.get("RANK", "0")), size, device)

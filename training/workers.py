"""Several processes that train one model together (torchrun, gloo). Each function does nothing in a process that is alone."""

from __future__ import annotations

import os
from typing import Any

import torch
import torch.distributed as dist


def join() -> tuple[int, int]:
    """(rank, number of processes), as torchrun gives them in RANK and WORLD_SIZE."""
    count = int(os.environ.get("WORLD_SIZE", "1"))
    if count > 1 and not dist.is_initialized():
        dist.init_process_group("gloo")
    return int(os.environ.get("RANK", "0")), count


def agreed(done: float) -> float:
    """The first process's share of the budget, so that all change phase, and stop, in the same step."""
    if not dist.is_initialized():
        return done
    value = torch.tensor([done], dtype=torch.float64)
    dist.broadcast(value, 0)
    return float(value)


def average(model: Any) -> None:
    """The mean of the gradients over the processes, in place."""
    if not dist.is_initialized():
        return
    grads = [p.grad for p in model.parameters() if p.grad is not None]
    flat = torch.cat([g.flatten() for g in grads])
    dist.all_reduce(flat)
    for g, mean in zip(grads, (flat / dist.get_world_size()).split([g.numel() for g in grads]), strict=True):
        g.copy_(mean.view_as(g))

"""Several processes as one: started by torchrun, joined by plain all-reduces, no DDP wrapper."""

from __future__ import annotations

import os
from collections.abc import Sequence

import torch
import torch.distributed as dist
from torch import Tensor


def join(device: torch.device) -> None:
    """Join the processes that torchrun started, if it did."""
    if "WORLD_SIZE" in os.environ and not dist.is_initialized():
        dist.init_process_group("nccl" if device.type == "cuda" else "gloo")


def leave() -> None:
    if dist.is_initialized():
        dist.destroy_process_group()


def rank() -> int:
    return dist.get_rank() if dist.is_initialized() else 0


def world() -> int:
    return dist.get_world_size() if dist.is_initialized() else 1


@torch.no_grad()
def average(tensors: Sequence[Tensor]) -> None:
    """Replace each tensor by its mean over the ranks, in one flat all-reduce."""
    if world() == 1 or not tensors:
        return
    flat = torch.cat([t.reshape(-1) for t in tensors])
    dist.all_reduce(flat)
    flat /= world()
    for tensor, mean in zip(tensors, flat.split([t.numel() for t in tensors]), strict=True):
        tensor.copy_(mean.view_as(tensor))


def told(text: str) -> str:
    """Rank 0's text, given to all: names that depend on what is on the disk must not differ."""
    if world() == 1:
        return text
    held = torch.zeros(4096, dtype=torch.uint8)
    data = text.encode()[:4096]
    held[: len(data)] = torch.tensor(list(data), dtype=torch.uint8)
    held = _broadcast(held)
    return bytes(held.tolist()).rstrip(b"\0").decode()


def agree(flag: bool) -> bool:
    """Rank 0's answer, given to all: decisions taken from a wall clock must not differ."""
    if world() == 1:
        return flag
    return bool(_broadcast(torch.tensor([flag], dtype=torch.uint8)).item())


def _broadcast(tensor: Tensor) -> Tensor:
    held = tensor.cuda() if dist.get_backend() == "nccl" else tensor
    dist.broadcast(held, src=0)
    return held

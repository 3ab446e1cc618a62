"""Several processes as one: started by torchrun, joined by plain all-reduces, no DDP wrapper.

Every exchange goes through `meeting`, which counts it: the process that has come to fewer than
the others is the one that they wait for (`gansaku.core.watchdog`).
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Generator, Sequence
from datetime import timedelta

import torch
import torch.distributed as dist
from torch import Tensor

from gansaku.core.errors import UserError

TEXT = 4096  # bytes of a text that all are told
PATIENCE = 30.0  # minutes that an exchange may take at least; the watchdog sees to shorter waits


class Lost(Exception):
    """An exchange failed: another process is gone, or the network is."""


class Table:
    """Where this process sits: the store that all see, and how many exchanges it came to."""

    store: dist.Store | None = None
    met = 0


def join(device: torch.device, minutes: float = 0.0) -> None:
    """Join the processes that torchrun started, if it did; an exchange may take `minutes` or more.

    What the host decides goes by gloo whatever the device: nothing then waits for an accelerator.
    """
    if "WORLD_SIZE" not in os.environ or dist.is_initialized():
        return
    cuda = device.type == "cuda"
    if cuda and device.index is None:
        torch.cuda.set_device(_own_gpu())
    store, place, count = next(iter(dist.rendezvous("env://")))
    dist.init_process_group(
        "cpu:gloo,cuda:nccl" if cuda else "gloo",
        store=store,
        rank=place,
        world_size=count,
        timeout=timedelta(minutes=max(PATIENCE, 2 * minutes)),
    )
    Table.store = store


def _own_gpu() -> int:
    """Which of the machine's GPUs is this process's."""
    own, held = int(os.environ.get("LOCAL_RANK", "0")), torch.cuda.device_count()
    if own >= held:
        raise UserError(
            f"this machine has {held} GPUs, and more processes than that: give torchrun "
            f"--nproc-per-node={held}, or the run --device cpu"
        )
    return own


def leave() -> None:
    if dist.is_initialized():
        dist.destroy_process_group()
    Table.store = None


def rank() -> int:
    return dist.get_rank() if dist.is_initialized() else 0


def world() -> int:
    return dist.get_world_size() if dist.is_initialized() else 1


@contextlib.contextmanager
def meeting() -> Generator[None, None, None]:
    """An exchange with all other processes; raises Lost where it fails."""
    Table.met += 1
    try:
        yield
    except RuntimeError as error:
        raise Lost(str(error)) from error


@torch.no_grad()
def average(tensors: Sequence[Tensor]) -> None:
    """Replace each tensor by its mean over the ranks, in one flat all-reduce."""
    if world() == 1 or not tensors:
        return
    flat = torch.cat([t.reshape(-1) for t in tensors])
    with meeting():
        dist.all_reduce(flat)
    flat /= world()
    for tensor, mean in zip(tensors, flat.split([t.numel() for t in tensors]), strict=True):
        tensor.copy_(mean.view_as(tensor))


@torch.no_grad()
def give(tensors: Sequence[Tensor]) -> None:
    """Rank 0's tensors, in place of those of the others."""
    for tensor in tensors if world() > 1 else ():
        held = tensor.contiguous()
        _broadcast(held)
        tensor.copy_(held)


def rows(own: Tensor) -> Tensor:
    """What each rank has, `[world, *own.shape]`, equal to the bit on all; differentiable twice.

    The gradient that comes back is that of the sum of all ranks' losses.
    """
    places = [torch.zeros_like(own) for _ in range(world())]
    places[rank()] = own
    return _Sum.apply(torch.stack(places))


class _Sum(torch.autograd.Function):
    """The sum over ranks. Its gradient is the sum of theirs, to any order."""

    @staticmethod
    def forward(ctx: object, x: Tensor) -> Tensor:
        x = x.clone()
        with meeting():
            dist.all_reduce(x)
        return x

    @staticmethod
    def backward(ctx: object, gradient: Tensor) -> Tensor:
        return _Sum.apply(gradient)


def told(text: str) -> str:
    """Rank 0's text, given to all: names that depend on what is on the disk must not differ."""
    if world() == 1:
        return text
    held = torch.zeros(TEXT, dtype=torch.uint8)
    data = text.encode()[:TEXT]
    held[: len(data)] = torch.tensor(list(data), dtype=torch.uint8)
    _broadcast(held)
    return bytes(held.tolist()).rstrip(b"\0").decode()


def agree(flag: bool) -> bool:
    """Rank 0's answer, given to all: decisions taken from a wall clock must not differ."""
    if world() == 1:
        return flag
    held = torch.tensor([flag], dtype=torch.uint8)
    _broadcast(held)
    return bool(held.item())


def anyone(flag: bool) -> bool:
    """Whether any rank says so: a signal may have come to one of them alone."""
    if world() == 1:
        return flag
    held = torch.tensor([flag], dtype=torch.uint8)
    with meeting():
        dist.all_reduce(held, dist.ReduceOp.MAX)
    return bool(held.item())


def _broadcast(tensor: Tensor) -> None:
    with meeting():
        dist.broadcast(tensor, src=0)

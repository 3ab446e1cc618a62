"""Batch norm over a batch that several processes share: its moments are those of the whole.

Each process has as many rows as every other, so that the whole's mean is the mean of the parts'
means, and its variance the mean of the parts' variances and the variance of their means. One
small exchange a layer and forward, one a backward, differentiable twice. Where processes are
many or one, the result is that of `torch.nn.BatchNorm2d` on the whole batch up to rounding.
"""

from __future__ import annotations

import contextlib
import types
from collections.abc import Generator

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from gansaku.core import ranks


class _Now:
    playing = False  # only turns are played by all processes: sheets and measures are not


def norms(nets: nn.Module) -> dict[str, _BatchNorm]:
    """The batch norms of networks, by name."""
    return {name: m for name, m in nets.named_modules() if isinstance(m, _BatchNorm)}


def gather(nets: nn.Module) -> None:
    """From now on the batch norms of `nets` take the moments of all processes' rows, in turns."""
    for norm in norms(nets).values():
        norm.forward = types.MethodType(_forward, norm)


@contextlib.contextmanager
def together() -> Generator[None, None, None]:
    """A time in which all processes compute the same things, each on its rows."""
    _Now.playing = True
    try:
        yield
    finally:
        _Now.playing = False


def _forward(norm: _BatchNorm, x: Tensor) -> Tensor:
    if not (norm.training and _Now.playing and ranks.world() > 1):
        return type(norm).forward(norm, x)
    norm._check_input_dim(x)
    with torch.autocast(x.device.type, enabled=False):
        wide = x if x.dtype == torch.float64 else x.float()
        return _normed(norm, wide).to(x.dtype)


def _normed(norm: _BatchNorm, x: Tensor) -> Tensor:
    over = [d for d in range(x.ndim) if d != 1]
    means, variances = ranks.rows(torch.stack(torch.var_mean(x, over, correction=0)[::-1])).unbind(
        1
    )
    mean = means.mean(0)
    variance = variances.mean(0) + (means - mean).square().mean(0)
    _remember(norm, mean.detach(), variance.detach(), ranks.world() * x.numel() // x.shape[1])
    shape = [1, -1, *[1] * (x.ndim - 2)]
    scale = (variance + norm.eps).rsqrt()
    if norm.affine:
        scale = scale * norm.weight
    moved = (x - mean.view(shape)) * scale.view(shape)
    return moved + norm.bias.view(shape) if norm.affine else moved


@torch.no_grad()
def _remember(norm: _BatchNorm, mean: Tensor, variance: Tensor, count: int) -> None:
    """The running moments, as torch keeps them: the variance without bias."""
    if not norm.track_running_stats:
        return
    norm.num_batches_tracked += 1
    share = 1.0 / norm.num_batches_tracked if norm.momentum is None else norm.momentum
    norm.running_mean += share * (mean - norm.running_mean)
    norm.running_var += share * (variance * (count / (count - 1)) - norm.running_var)

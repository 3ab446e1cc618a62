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
from typing import Any

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
    own = torch.stack(_Moments.apply(x))
    means, variances = ranks.rows(own).unbind(1)
    mean = means.mean(0)
    variance = variances.mean(0) + (means - mean).square().mean(0)
    _remember(norm, mean.detach(), variance.detach(), ranks.world() * x.numel() // x.shape[1])
    scale = (variance + norm.eps).rsqrt()
    scale = scale * norm.weight if norm.affine else scale
    shift = norm.bias - mean * scale if norm.affine else -mean * scale
    return torch.addcmul(_wide(shift, x), x, _wide(scale, x))  # one pass, as torch has it


class _Moments(torch.autograd.Function):
    """Mean and variance of each channel. `torch.var_mean` takes 30 times as long on a CPU."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> tuple[Tensor, Tensor]:
        mean, variance = torch.batch_norm_update_stats(x, None, None, 0.0)
        ctx.save_for_backward(x, mean)
        return mean, variance

    @staticmethod
    def backward(ctx: Any, of_mean: Tensor, of_variance: Tensor) -> Tensor:
        x, mean = ctx.saved_tensors
        slope = of_variance * (2 * x.shape[1] / x.numel())
        rest = of_mean * (x.shape[1] / x.numel()) - slope * mean
        return torch.addcmul(_wide(rest, x), x, _wide(slope, x))


def _wide(channels: Tensor, x: Tensor) -> Tensor:
    return channels.view(1, -1, *[1] * (x.ndim - 2))


@torch.no_grad()
def _remember(norm: _BatchNorm, mean: Tensor, variance: Tensor, count: int) -> None:
    """The running moments, as torch keeps them: the variance without bias."""
    if not norm.track_running_stats:
        return
    norm.num_batches_tracked += 1
    share = 1.0 / norm.num_batches_tracked if norm.momentum is None else norm.momentum
    norm.running_mean += share * (mean - norm.running_mean)
    norm.running_var += share * (variance * (count / (count - 1)) - norm.running_var)

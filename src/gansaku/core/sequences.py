"""Networks that are plain sequences of modules, within one another or not."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor, nn
from torch.nn.functional import linear
from torch.nn.modules.batchnorm import _BatchNorm

from gansaku.core import kernels, ranks

_HOOKS = ("_forward_hooks", "_forward_pre_hooks", "_backward_hooks", "_backward_pre_hooks")
_ROWWISE = (nn.Linear, nn.BatchNorm1d, nn.ReLU, nn.LeakyReLU, nn.ELU, nn.Tanh, nn.Sigmoid)


def leaves(net: nn.Module) -> Iterator[nn.Module]:
    """The modules of plain sequences within one another, in order."""
    if type(net).forward is not nn.Sequential.forward or hooked(net):
        yield net
        return
    for module in net.children():
        yield from leaves(module)


def hooked(module: nn.Module) -> bool:
    return any(getattr(module, name) for name in _HOOKS)


def rowwise(net: nn.Module) -> bool:
    """Whether it is a sequence of perceptrons whose rows know one another by batch norm alone."""
    return all(_rowwise(module) and not hooked(module) for module in leaves(net))


def _rowwise(module: nn.Module) -> bool:
    if type(module) is nn.Unflatten:
        return module.dim == 1
    if type(module) is nn.Flatten:
        return module.start_dim == 1
    return type(module) in _ROWWISE


@torch.no_grad()
def in_groups(net: nn.Module, x: Tensor, groups: int) -> Tensor:
    """What a `rowwise` net makes of as many batches in `x`, one after another, by one pass."""
    with kernels.directly():
        for module in leaves(net):
            if isinstance(module, nn.Linear):
                x = kernels.layer(linear, x, module.weight, module.bias)
            elif isinstance(module, _BatchNorm):
                x = _normed(module, x.chunk(groups))
            else:
                x = module(x)
    return x


def _normed(norm: _BatchNorm, parts: Sequence[Tensor]) -> Tensor:
    """Batches normed one after another, and put together."""
    stats = norm.running_mean, norm.running_var
    if not norm.training or norm.momentum is None or None in stats or ranks.world() > 1:
        return torch.cat([norm(part) for part in parts])
    given = (norm.weight, norm.bias, *stats, True, norm.momentum, norm.eps)
    out = parts[0].new_empty(sum(map(len, parts)), *parts[0].shape[1:])
    for part, into in zip(parts, out.split([len(part) for part in parts]), strict=True):
        own = part.new_empty(0), part.new_empty(0)  # moments, of which nobody asks
        torch.native_batch_norm(part, *given, out=(into, *own))
    norm.num_batches_tracked += len(parts)
    return out

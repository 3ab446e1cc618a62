"""Optimizers as values: a recipe's field says which one and with what numbers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from gansaku.core.errors import UserError

_FUSED = frozenset({"cpu", "cuda", "mps"})  # one kernel a step; elsewhere one kernel an operation


@dataclass(frozen=True)
class Adam:
    """Adam (arXiv:1412.6980, algorithm 1); GANs take a small first beta (arXiv:1511.06434)."""

    lr: float = 2e-4
    betas: tuple[float, float] = (0.5, 0.999)
    eps: float = 1e-8
    weight_decay: float = 0.0

    def __post_init__(self) -> None:
        _check(self.lr)

    def __call__(self, params: list[nn.Parameter]) -> torch.optim.Adam:
        return _InMemoryOrder(params, **vars(self), **_kernel(params))


class _InMemoryOrder(torch.optim.Adam):
    """torch's Adam, whose fused kernel for processors sees weights in the order of their memory.

    Of all others, convolutions' with channels last for one, it makes copies at every step, which
    take longer than the step; and it takes a gradient to lie as its weight does, which autograd
    sees to, and nobody else need. There the kernel is called as it is: torch's own way to it asks
    for hooks, compilers and devices at every move, and calls no other.
    """

    @torch.no_grad()
    def step(self, closure: Any = None) -> Any:
        if closure is not None or hasattr(self, "found_inf") or not self._plain():
            return super().step(closure)
        for group in self.param_groups:
            lists: list[list[Tensor]] = [[] for _ in range(6)]
            self._init_group(group, *lists)
            if lists[0]:
                torch._foreach_add_(lists[-1], 1)
                named = {name: group[name] for name in ("lr", "weight_decay", "eps", "maximize")}
                first, second = group["betas"]
                torch._fused_adam_(*lists, **named, beta1=first, beta2=second, amsgrad=False)
        return None

    step.hooked = True  # ty: ignore[missing-attribute]  torch wraps it no more

    def _plain(self) -> bool:
        """Whether the kernel for processors suits all weights at once."""
        groups = self.param_groups
        kinds = {(g["fused"], p.device.type, p.dtype) for g in groups for p in g["params"]}
        return kinds == {(True, "cpu", torch.float32)}

    def _init_group(self, group: dict[str, Any], *lists: list[Tensor]) -> bool:
        found = super()._init_group(group, *lists)
        if group["fused"]:
            weights, gradients, *averages = lists[:4]
            for i, p in enumerate(weights):
                if p.device.type != "cpu":
                    continue
                if not p.is_contiguous():
                    order = sorted(range(p.ndim), key=p.stride, reverse=True)
                    for each in (weights, gradients, *averages):
                        each[i] = each[i].permute(order)
                gradients[i] = gradients[i].contiguous()
        return found


@dataclass(frozen=True)
class SGD:
    """Stochastic gradient descent, with heavy-ball momentum where `momentum` is above zero."""

    lr: float
    momentum: float = 0.0

    def __post_init__(self) -> None:
        _check(self.lr)

    def __call__(self, params: list[nn.Parameter]) -> torch.optim.SGD:
        return torch.optim.SGD(params, **vars(self), **_kernel(params))


@dataclass(frozen=True)
class RMSprop:
    """RMSprop (lecture 6e of Hinton's course); the default rate is that of arXiv:1701.07875."""

    lr: float = 5e-5
    alpha: float = 0.99
    eps: float = 1e-8

    def __post_init__(self) -> None:
        _check(self.lr)

    def __call__(self, params: list[nn.Parameter]) -> torch.optim.RMSprop:
        return torch.optim.RMSprop(params, **vars(self), foreach=True)  # it has no fused kernel


def _check(lr: float) -> None:
    if not lr >= 0:
        raise UserError(f"lr must be 0 or more, not {lr}")


def _kernel(params: list[nn.Parameter]) -> dict[str, Any]:
    fusable = all(p.device.type in _FUSED and p.is_floating_point() for p in params)
    return {"fused": True} if fusable else {"foreach": True}

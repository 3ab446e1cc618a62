"""Optimizers as values: a recipe's field says which one and with what numbers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

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
        return torch.optim.Adam(params, **vars(self), **_kernel(params))


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

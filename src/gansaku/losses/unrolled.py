"""A critic's next updates as functions of its weights, through which gradients pass."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any, Protocol

import torch
from torch import Tensor, nn
from torch.func import functional_call

from gansaku.core.compiling import twice

Weights = dict[str, Tensor]
Loss = Callable[[Weights], Tensor]


@dataclasses.dataclass
class State:
    """What an optimizer remembers, a tensor a weight, and how many steps it has made."""

    count: Tensor
    first: Weights
    second: Weights


class Rule(Protocol):
    """One optimizer step without side effects: new weights and a new state."""

    def __call__(
        self, weights: Weights, gradients: Weights, state: State
    ) -> tuple[Weights, State]: ...


@dataclasses.dataclass(frozen=True)
class SGDRule:
    """p - lr b with b = momentum b + gradient, as `torch.optim.SGD` does it."""

    lr: float
    momentum: float = 0.0

    def __call__(self, weights: Weights, gradients: Weights, state: State) -> tuple[Weights, State]:
        first = {n: self.momentum * state.first[n] + g for n, g in gradients.items()}
        moved = {n: p - self.lr * first[n] for n, p in weights.items()}
        return moved, State(state.count + 1, first, state.second)


@dataclasses.dataclass(frozen=True)
class AdamRule:
    """Adam (arXiv:1412.6980, algorithm 1), as `torch.optim.Adam` does it."""

    lr: float
    betas: tuple[float, float] = (0.9, 0.999)
    eps: float = 1e-8
    weight_decay: float = 0.0

    def __call__(self, weights: Weights, gradients: Weights, state: State) -> tuple[Weights, State]:
        a, b = self.betas
        count = state.count + 1
        one, two = 1 - a**count, (1 - b**count).sqrt()
        moved, first, second = {}, {}, {}
        for name, p in weights.items():
            g = gradients[name] + self.weight_decay * p
            first[name] = a * state.first[name] + (1 - a) * g
            second[name] = b * state.second[name] + (1 - b) * g * g
            length = _root(second[name]) / two.to(p) + self.eps
            moved[name] = p - self.lr / one.to(p) * first[name] / length
        return moved, State(count, first, second)


def rule_of(optimizer: Any) -> Rule:
    """The rule with an optimizer's numbers: Adam's where it has `betas`, else SGD's."""
    numbers = vars(optimizer)
    return (AdamRule if "betas" in numbers else SGDRule)(**numbers)


class Moments(nn.Module):
    """The state of a network's own optimizer, kept beside it where a loss can see it.

    `follow` is to be called after each of its steps, while the gradients are still there.
    """

    count: Tensor

    def __init__(self, net: nn.Module) -> None:
        super().__init__()
        self.names = [name for name, _ in net.named_parameters()]
        self.register_buffer("count", torch.zeros((), dtype=torch.float64))
        for i, p in enumerate(net.parameters()):
            self.register_buffer(f"first_{i}", torch.zeros_like(p))
            self.register_buffer(f"second_{i}", torch.zeros_like(p))

    @property
    def state(self) -> State:
        first, second = (
            {name: getattr(self, f"{which}_{i}") for i, name in enumerate(self.names)}
            for which in ("first", "second")
        )
        return State(self.count, first, second)

    @torch.no_grad()
    def follow(self, net: nn.Module, rule: Rule) -> None:
        """Remember a step that was made with the gradients that the weights now hold.

        Weight decay is not seen here: the weights have moved already. Use none.
        """
        weights = dict(net.named_parameters())
        gradients = {
            n: torch.zeros_like(p) if p.grad is None else p.grad for n, p in weights.items()
        }
        _, new = rule(weights, gradients, self.state)
        self.count.copy_(new.count)
        for i, name in enumerate(self.names):
            getattr(self, f"first_{i}").copy_(new.first[name])
            getattr(self, f"second_{i}").copy_(new.second[name])

    def ahead(self, loss: Loss, net: nn.Module, rule: Rule, k: int) -> Weights:
        """The network's weights after `k` more steps, as `unroll` makes them."""
        return unroll(loss, dict(net.named_parameters()), rule, self.state, k)


class At(nn.Module):
    """A network with other weights in the place of its own."""

    def __init__(self, net: nn.Module, weights: Weights) -> None:
        super().__init__()
        self.net, self.weights = net, weights

    def forward(self, *given: Tensor, **told: Tensor) -> Tensor:
        with twice():
            return functional_call(self.net, self.weights, given, told)


def unroll(loss: Loss, weights: Mapping[str, Tensor], rule: Rule, state: State, k: int) -> Weights:
    """The weights after `k` updates by `rule` that minimise `loss` (arXiv:1611.02163, eq. 7-9).

    They start at `weights`, which are cut from their graph. The result is a differentiable
    function of whatever else `loss` depends on. k = 0 gives the weights as they are.
    """
    now = {name: p.detach().requires_grad_() for name, p in weights.items()}
    for _ in range(k):
        with torch.enable_grad(), twice():
            found = torch.autograd.grad(
                loss(now), list(now.values()), create_graph=True, materialize_grads=True
            )
        now, state = rule(now, dict(zip(now, found, strict=True)), state)
    return now


def _root(x: Tensor) -> Tensor:
    """The square root with derivative 0 at 0: a weight without a gradient stays where it is."""
    some = x > 0
    return torch.where(some, torch.where(some, x, 1.0).sqrt(), 0.0)

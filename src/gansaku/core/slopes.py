"""The gradient of a function of a critic's slope, without differentiating twice where it can be.

A penalty is phi(g) of the slope g = d(sum of logits)/dx. Of a critic that is piecewise linear in x
and has no normalisation, g is a product of weights and of masks that do not depend on x around it,
so that d phi/dW of a layer is one weight product: of the tangents t that come to the layer when
v = d phi/dg is sent through the network with those masks and without biases, and of the signals
that came back to it when g was computed. That is one forward, one backward, one masked tangent pass
and one weight product, each a fast kernel; autograd's second differentiation is several slow ones.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

from gansaku.core.tape import Tape
from gansaku.core.tape_steps import Layer

Gradients = tuple[Tensor, ...]


def of_slope(total: Tensor, at: Sequence[Tensor], tape: Tape, phi: Callable) -> Tensor:
    """`phi(gradients of total)`, a scalar, whose own gradient reaches the critic's parameters.

    `total` is the sum of the logits that were computed within `tape`, `at` the leaves that it is
    differentiated by. Raises ValueError where it does not depend on one of them.
    """
    if tape.whole(total):
        found = _slope(total, at, graph=False, retain=True)
        tape.close()
        if tape.intact():
            return _with_gradients(tape, at, found, phi)
    tape.close()
    return phi(_slope(total, at, graph=True))


def _slope(total: Tensor, at: Sequence[Tensor], graph: bool, retain: bool = True) -> Gradients:
    found = torch.autograd.grad(
        total, at, create_graph=graph, retain_graph=retain, allow_unused=True
    )
    if any(gradient is None for gradient in found):
        raise ValueError(
            "the critic's output does not depend on the sample that a penalty differentiates: "
            "either the critic ignores it, or it was remembered from before the penalty ran; "
            "evaluate R1 and R2 before the objective and before other penalties"
        )
    return found


def _with_gradients(tape: Tape, at: Sequence[Tensor], found: Gradients, phi: Callable) -> Tensor:
    """phi's value, bearing the gradients of the weights."""
    leaves = tuple(gradient.detach().requires_grad_() for gradient in found)
    with torch.enable_grad():
        value = phi(leaves)
    if not tape.learned():
        return value.detach()
    seeds = torch.autograd.grad(value, leaves)
    weights: list[Tensor] = []
    gradients: list[Tensor] = []

    def arrived(layer: Layer, t: Tensor) -> None:
        weights.append(layer.weight)
        gradients.append(layer.product(t))

    with torch.no_grad():
        tape.replay(dict(zip(map(id, at), seeds, strict=True)), arrived)
    return Bearing.apply(value.detach(), gradients, *weights)


class Bearing(torch.autograd.Function):
    """A value whose gradients with respect to `weights` are known already: for one backward."""

    @staticmethod
    def forward(ctx: Any, value: Tensor, gradients: list[Tensor], *weights: Tensor) -> Tensor:
        ctx.gradients = gradients
        return value.clone()

    @staticmethod
    def backward(ctx: Any, *grads: Any) -> Any:
        (up,), gradients = grads, ctx.gradients
        ctx.gradients = None
        if up.device.type != "cpu" or up != 1:  # elsewhere to ask would be to wait
            gradients = [up * gradient for gradient in gradients]
        return None, None, *gradients

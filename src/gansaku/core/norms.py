"""Batch norm whose second derivative is two passes more, where autograd makes twenty.

With k = weight / deviation, x^ the normalised input, and means over all but the channels, the
gradient is k (g - <g> - x^ <g x^>) = B(g). B is its own adjoint, and the derivative of (v, B(g))
by x is weight / deviation^2 x^ (a b - c) - (a B(v) + b B(g)) / deviation, with a = <g x^>,
b = <v x^> and c = <v g> - <v><g>. B(g) and B(v), and the sums in a and b, are what torch's own
kernel gives.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

MASK = (True, True, True)


def batch_norm(
    x: Tensor,
    weight: Tensor,
    bias: Tensor,
    mean: Tensor | None,
    var: Tensor | None,
    momentum: float,
    eps: float,
) -> Tensor:
    """`torch.nn.functional.batch_norm` in training: `x [N, C, ...]`, parameters `[C]`.

    May be differentiated any number of times; twice, it is fast.
    """
    return _Norm.apply(x, weight, bias, mean, var, momentum, eps)


class _Norm(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, bias: Tensor, *given: Any) -> Tensor:
        mean, var, momentum, eps = given
        out, mean, inverse = torch.native_batch_norm(
            x, weight, bias, mean, var, True, momentum, eps
        )
        ctx.save_for_backward(x, weight, mean, inverse)
        ctx.eps = eps
        return out

    @staticmethod
    def backward(ctx: Any, *grads: Any) -> Any:
        gradients = _Back.apply(grads[0], *ctx.saved_tensors, ctx.eps)
        return *gradients, None, None, None, None


class _Back(torch.autograd.Function):
    """B(g), and the gradients of the weight and the bias."""

    @staticmethod
    def forward(
        ctx: Any, g: Tensor, x: Tensor, weight: Tensor, mean: Tensor, inverse: Tensor, eps: float
    ) -> tuple[Tensor, Tensor, Tensor]:
        ctx.set_materialize_grads(False)
        made = _back(g, x, weight, mean, inverse, eps)
        ctx.save_for_backward(g, x, weight, mean, inverse, made[0], made[1], made[2])
        ctx.eps = eps
        return made

    @staticmethod
    def backward(ctx: Any, *grads: Any) -> Any:
        v, to_weight, to_bias = grads
        g, x, weight, mean, inverse, gave, along, total = ctx.saved_tensors
        if to_weight is not None or to_bias is not None or torch.is_grad_enabled():
            return *_slowly(grads, g, x, weight, ctx.eps), None, None, None
        if v is None:
            return (None,) * 6
        back, v_along, v_total = _back(v, x, weight, mean, inverse, ctx.eps)
        n = x.numel() // x.shape[1]
        a, b = along / n, v_along / n
        c = (v * g).sum([0, *range(2, x.ndim)]) / n - v_total * total / n**2
        factor = weight * inverse**3 * (a * b - c)  # of x - <x>, which is x^ / inverse
        wide = (-1, *[1] * (x.ndim - 2))
        to_x = (x - mean.view(wide)).mul_(factor.view(wide))
        to_x.addcmul_(back, (a * inverse).view(wide), value=-1)
        to_x.addcmul_(gave, (b * inverse).view(wide), value=-1)
        to_scale = (v * gave).sum([0, *range(2, x.ndim)]) / weight  # B is linear in the weight
        return back, to_x, to_scale, None, None, None


def _back(
    g: Tensor, x: Tensor, weight: Tensor, mean: Tensor, inverse: Tensor, eps: float
) -> tuple[Tensor, Tensor, Tensor]:
    return torch.ops.aten.native_batch_norm_backward(
        g, x, weight, None, None, mean, inverse, True, eps, MASK
    )


def _slowly(
    grads: tuple[Tensor | None, ...], g: Tensor, x: Tensor, weight: Tensor, eps: float
) -> tuple[Tensor, ...]:
    """The same by autograd, of all three gradients and to any order."""
    once_more = torch.is_grad_enabled()
    with torch.enable_grad():
        given = (g, x, weight)  # each for itself: g may be a function of x
        inputs = [t.view_as(t) if once_more else t.detach() for t in given]
        inputs = [t if t.requires_grad else t.requires_grad_() for t in inputs]
        g, x, weight = inputs
        out = torch.nn.functional.batch_norm(
            x, None, None, weight, torch.zeros_like(weight), True, 0.0, eps
        )
        bias = torch.zeros_like(weight, requires_grad=True)
        out = out + bias.view(-1, *[1] * (x.ndim - 2))
        first = torch.autograd.grad(out, (x, weight, bias), g, create_graph=True)
        pairs = [(f, v) for f, v in zip(first, grads, strict=True) if v is not None]
        return torch.autograd.grad(
            [f for f, _ in pairs], inputs, [v for _, v in pairs],
            create_graph=once_more, allow_unused=True, materialize_grads=True,
        )  # fmt: skip

"""Convolutions as three products that are one another's derivatives, each made the fastest way.

A convolution is a bilinear map between a large side `x [N, C, H, W]` and a small side
`y [N, O, h, w]` by weights `[O, C, k, l]`: `down` is `conv2d`, `up` is `conv_transpose2d` with the
same weights, `weigh` is the gradient of the weights of both. The derivatives of each are the other
two, so that all can be differentiated any number of times.

Which way is taken is a function of the processor and the shapes: a run that is resumed rounds as
before. The bounds were measured on one core of an AMD (EPYC of family 26) and of an Intel (a Xeon
with AVX-512, and held to AVX2) against oneDNN's convolutions, which are weak where a map
is small and the weights are many, and where one side has a few channels only.
"""

from __future__ import annotations

import contextlib
import math
from collections.abc import Generator, Iterator
from functools import lru_cache
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from gansaku.core import products
from gansaku.core.products import product

CL = torch.channels_last
FEW, MANY = 4, 32  # channels
AHEAD = 1  # columns to weights, up to which products are faster: `down` on AMD, 4 times `weigh`
SMALL = 64  # pixels of a small map
DEEP = 64  # channels a row of the small map, from which it is faster on Intel
Pair = tuple[int, int]


class Shape(NamedTuple):
    """What a convolution is, but for its numbers."""

    n: int
    large: tuple[int, int, int]  # C, H, W
    small: tuple[int, int, int]  # O, h, w
    kernel: Pair
    stride: Pair
    padding: Pair

    @property
    def columns(self) -> float:
        """Entries of the matrix of patches, to those of the weights."""
        return self.n * self.small[1] * self.small[2] / self.small[0]


# --- which way ---


def processor() -> str:
    """Whose bounds hold here; "" where none were measured."""
    return "AMD" if products.available() else "Intel" if products.mkl() else ""


def ways(s: Shape) -> tuple[str, str, str]:
    """How `down`, `up` and `weigh` are made: "" is the library's own way."""
    return ways_of(s, processor())


@lru_cache(4096)
def ways_of(s: Shape, maker: str) -> tuple[str, str, str]:
    """The same on a processor of AMD or Intel."""
    if max(s.kernel) == 1 or min(s.kernel) < max(s.stride):
        return "", "", ""
    dense, few_large, few_small = s.stride == (1, 1), s.large[0] <= FEW, s.small[0] <= FEW
    least = min(s.large[0], s.small[0])
    if not dense and least >= MANY:
        if maker == "Intel":
            bounds = (math.inf,) * 3 if least >= DEEP * max(s.small[1:]) else (0, 0, 4 * AHEAD)
        else:
            small = s.small[1] * s.small[2] <= SMALL
            bounds = (AHEAD * small, 2 * AHEAD * small, 4 * AHEAD)
        down, up, weigh = ("columns" if s.columns <= bound else "" for bound in bounds)
        return down, up, weigh
    up = ""
    if few_large and s.small[0] >= MANY:
        up = "lines" if dense else "folded"
    elif few_small and s.large[0] >= MANY and dense:
        up = "turned"
    return (
        "lines" if dense and few_small and s.large[0] >= MANY else "",
        up,
        "lines" if dense and few_small and s.kernel[0] >= 7 and s.n <= 2 else "",
    )


# --- the three products ---


def down(x: Tensor, w: Tensor, s: Shape, bias: Tensor | None = None) -> Tensor:
    """`x [N, C, H, W]` convolved, plus `bias [O]`: `[N, O, h, w]`."""
    way = ways(s)[0]
    if way == "columns":
        return _picture(product(patches(x, s), w.permute(0, 2, 3, 1).flatten(1), bias), s)
    if way == "lines":
        return _plus(by_lines(x, w, s.padding), bias)
    return F.conv2d(x, w, bias, s.stride, s.padding)


def up(y: Tensor, w: Tensor, s: Shape, bias: Tensor | None = None) -> Tensor:
    """`y [N, O, h, w]` convolved by the adjoint, plus `bias [C]`: `[N, C, H, W]`."""
    way = ways(s)[1]
    if way == "columns":
        rows = y.permute(0, 2, 3, 1).flatten(0, 2)
        found = scattered(product(rows, w.permute(2, 3, 1, 0).flatten(0, 2)), s)
        return _plus(found.clone(memory_format=CL), bias)
    if way in ("lines", "turned"):
        pad = (s.kernel[0] - 1 - s.padding[0], s.kernel[1] - 1 - s.padding[1])
        turned = w.flip(2, 3).transpose(0, 1).contiguous(memory_format=CL)
        if way == "turned":
            return F.conv2d(y, turned, bias, padding=pad)
        return _plus(by_lines(y, turned, pad), bias)
    if way == "folded":
        return _plus(folded(y, w, s), bias)
    return F.conv_transpose2d(y, w, bias, s.stride, s.padding, _over(s))


def _plus(x: Tensor, bias: Tensor | None) -> Tensor:
    """The bias put into what nobody else holds."""
    return x if bias is None else x.add_(bias[:, None, None])


def weigh(x: Tensor, y: Tensor, s: Shape) -> Tensor:
    """The weights' gradient `[O, C, k, l]` of both sides."""
    way = ways(s)[2]
    if way == "columns":
        rows = y.permute(0, 2, 3, 1).flatten(0, 2)
        found = product(rows.T, patches(x, s).T)
        return found.view(s.small[0], *s.kernel, s.large[0]).permute(0, 3, 1, 2)
    if way == "lines":
        return weighed_by_lines(x, y, s)
    return _weighed(x, y, (s.small[0], s.large[0], *s.kernel), s)


def _weighed(x: Tensor, y: Tensor, shape: tuple[int, ...], s: Shape) -> Tensor:
    """By the library: weights of `shape`, channels last."""
    like = torch.empty(shape, dtype=x.dtype, device=x.device, memory_format=CL)
    given = (None, s.stride, s.padding, (1, 1), False, (0, 0), 1, (False, True, False))
    return torch.ops.aten.convolution_backward(y, x, like, *given)[1]


def _over(s: Shape) -> list[int]:
    """Rows and columns of the large side that the small one does not reach."""
    sides = zip(s.large[1:], s.small[1:], s.kernel, s.stride, s.padding, strict=True)
    return [size - ((most - 1) * step - 2 * pad + k) for size, most, k, step, pad in sides]


# --- the ways ---


def columns(x: Tensor, s: Shape) -> Tensor:
    """The patches of `x` that meet the kernel, one a row: `[N h w, k l C]`."""
    top, left = s.padding
    under, right = (pad + max(over, 0) for pad, over in zip(s.padding, _over(s), strict=True))
    x = F.pad(x.permute(0, 2, 3, 1), (0, 0, left, right, top, under)).contiguous()
    steps, size = x.stride(), (s.n, *s.small[1:], *s.kernel, s.large[0])
    hops = (steps[0], s.stride[0] * steps[1], s.stride[1] * steps[2], *steps[1:])
    return x.as_strided(size, hops).reshape(-1, s.kernel[0] * s.kernel[1] * s.large[0])


Kept = dict[tuple, tuple[Tensor, Tensor]]  # a tensor and its patches, by what is known of both


class _Now:
    kept: Kept | None = None


@contextlib.contextmanager
def keeping(kept: Kept | None) -> Generator[None]:
    """What is cut into patches here is cut once, and both are held by `kept`.

    By what is kept already around it, if anything is.
    """
    before = _Now.kept
    _Now.kept = kept if before is None else before
    try:
        yield
    finally:
        _Now.kept = before


def patches(x: Tensor, s: Shape) -> Tensor:
    """`columns`, those that are kept if there are any."""
    kept = _Now.kept
    if kept is None:
        return columns(x, s)
    if (key := _key(x, s)) not in kept:
        kept[key] = x, columns(x, s)
    return kept[key][1]


def replace(x: Tensor, first: int, rows: Tensor) -> None:
    """`x[first:] = rows`, in the patches that are kept of `x` too."""
    kept = _Now.kept or {}
    mine = [(key[0], made) for key, (_, made) in kept.items() if key == _key(x, key[0])]
    x[first:] = rows
    for s, made in mine:
        made[first * s.small[1] * s.small[2] :] = patches(rows, s._replace(n=len(rows)))
        kept[_key(x, s)] = x, made


def _key(x: Tensor, s: Shape) -> tuple:
    """Of these very numbers: memory that is held by what is kept is nobody else's."""
    return s, x.data_ptr(), x._version, x.shape, x.stride()


def _picture(rows: Tensor, s: Shape) -> Tensor:
    """The small side of its rows, in their memory, and no view of them: layers may write to it."""
    (o, h, w), hop = s.small, s.small[1] * s.small[2] * s.small[0]
    memory = rows.untyped_storage()
    return rows.new_empty(0).set_(memory, 0, (s.n, o, h, w), (hop, 1, w * o, o))


def scattered(rows: Tensor, s: Shape) -> Tensor:
    """The adjoint of `columns`: patches, added up where they overlap; `[N, C, H, W]`."""
    (c, height, width), (_, h, w) = s.large, s.small
    (k, l), (down, right), (top, left) = s.kernel, s.stride, s.padding  # noqa: E741
    rows = rows.view(s.n, h, w, k, l, c)
    tall, wide = max((h - 1) * down + k, top + height), max((w - 1) * right + l, left + width)
    x = rows.new_zeros(s.n, tall, wide, c)
    for i in range(k):
        for j in range(l):
            x[:, i : i + down * h : down, j : j + right * w : right] += rows[:, :, :, i, j]
    return x[:, top : top + height, left : left + width].permute(0, 3, 1, 2)


def folded(y: Tensor, w: Tensor, s: Shape) -> Tensor:
    """`up` to few channels: a plane for each entry of the kernel, added up where they overlap.

    Pixels of the large side that are a stride apart get the same entries: each such lattice is a
    sum of whole planes, put in its place at once.
    """
    rows = y.permute(0, 2, 3, 1).flatten(0, 2)
    planes = (w.flatten(1).T @ rows.T).view(s.large[0], *s.kernel, s.n, *s.small[1:])
    x = y.new_empty(s.n, *s.large[1:], s.large[0]).permute(3, 0, 1, 2)
    for down in range(s.stride[0]):
        for right in range(s.stride[1]):
            lattice = x[:, :, down :: s.stride[0], right :: s.stride[1]]
            total = torch.zeros(lattice.shape, dtype=x.dtype, device=x.device)
            for i, into_rows, of_rows in _met(s, 0, down, total.shape[2]):
                for j, into, of in _met(s, 1, right, total.shape[3]):
                    total[:, :, into_rows, into] += planes[:, i, j, :, of_rows, of]
            lattice.copy_(total)
    return x.transpose(0, 1)


def _met(s: Shape, side: int, first: int, size: int) -> Iterator[tuple[int, slice, slice]]:
    """The entries of the kernel that fall on every stride-th place from `first` on, of `size`.

    Each with the places of the lattice that it reaches, and those of the small side it is from.
    """
    most, step, pad = s.small[1 + side], s.stride[side], s.padding[side]
    for k in range((first + pad) % step, s.kernel[side], step):
        hop = (k - pad - first) // step  # from a place of the small side to one of the lattice
        low, high = max(hop, 0), min(size, most + hop)
        if low < high:
            yield k, slice(low, high), slice(low - hop, high - hop)


def by_lines(x: Tensor, w: Tensor, padding: Pair) -> Tensor:
    """A convolution with few outputs: each line of the kernel alone, and their results shifted.

    `x [N, C, H, W]`, `w [O, C, k, l]`, stride 1: k times as many outputs fill the registers.
    """
    o, c, k, l = w.shape  # noqa: E741
    lines = F.conv2d(x, w.permute(2, 0, 1, 3).reshape(k * o, c, 1, l), padding=padding)
    height = lines.shape[2] - k + 1
    parts = [lines[:, i * o : (i + 1) * o, i : i + height] for i in range(k)]
    return sum(parts[1:], start=parts[0])


def weighed_by_lines(x: Tensor, y: Tensor, s: Shape) -> Tensor:
    """The weights' gradient for few outputs, line by line of the kernel."""
    o, (k, l), c = s.small[0], s.kernel, s.large[0]  # noqa: E741
    pads = [(i, k - 1 - i) for i in range(k)]
    lines = torch.cat([F.pad(y, (0, 0, *pad)) for pad in pads], 1).contiguous(memory_format=CL)
    found = _weighed(x, lines, (k * o, c, 1, l), s)
    return found.view(k, o, c, l).permute(1, 2, 0, 3)


# --- the derivatives ---


class _Product(torch.autograd.Function):
    """Any of the three, with the other two as its derivatives.

    Patches of a forward wait for the product of a learned weight's gradient, and those of what
    comes back serve both gradients.
    """

    @staticmethod
    def forward(ctx: Any, of: Any, a: Tensor, b: Tensor, s: Shape, *bias: Tensor | None) -> Tensor:
        ctx.save_for_backward(a, b)
        ctx.of, ctx.shape, ctx.kept = of, s, Kept()
        with keeping(ctx.kept if ctx.needs_input_grad[2] else None):
            return of(a, b, s, *bias)

    @staticmethod
    def backward(ctx: Any, *grads: Any) -> Any:
        (g,), (a, b), s, wanted = grads, ctx.saved_tensors, ctx.shape, ctx.needs_input_grad
        to_a, to_b = DERIVATIVES[ctx.of]
        bias = [g.sum((0, 2, 3)) if each else None for each in wanted[4:]]
        with keeping(ctx.kept if wanted[2] else None):
            return (
                None,
                to_a(a, b, g, s) if wanted[1] else None,
                to_b(a, b, g, s) if wanted[2] else None,
                None,
                *bias,
            )


def _made(of: Any, a: Tensor, b: Tensor, s: Shape, *bias: Tensor | None) -> Tensor:
    past = any(x is not None and x.requires_grad for x in (a, b, *bias))
    if past and torch.is_grad_enabled():
        return _Product.apply(of, a, b, s, *bias)
    return of(a, b, s, *bias)


def convolved(x: Tensor, w: Tensor, s: Shape, bias: Tensor | None = None) -> Tensor:
    """`down`, with its derivatives."""
    return _made(down, x, w, s, bias)


def transposed(y: Tensor, w: Tensor, s: Shape, bias: Tensor | None = None) -> Tensor:
    """`up`, with its derivatives."""
    return _made(up, y, w, s, bias)


def weighed(x: Tensor, y: Tensor, s: Shape) -> Tensor:
    """`weigh`, with its derivatives."""
    return _made(weigh, x, y, s)


DERIVATIVES = {  # of each product by its two factors, given what came back
    down: (lambda x, w, g, s: transposed(g, w, s), lambda x, w, g, s: weighed(x, g, s)),
    up: (lambda y, w, g, s: convolved(g, w, s), lambda y, w, g, s: weighed(g, y, s)),
    weigh: (lambda x, y, g, s: transposed(y, g, s), lambda x, y, g, s: convolved(x, g, s)),
}

"""The operations that a tape may hold, and what each makes of tangents and of signals."""

from __future__ import annotations

import abc
import dataclasses
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from gansaku.core import kernels

RESHAPES = frozenset(("flatten", "reshape", "view", "unflatten", "squeeze", "unsqueeze", "expand"))
MOVES = frozenset(("permute", "transpose", "movedim", "contiguous", "__getitem__"))
POOLS = frozenset(("sum", "mean", "avg_pool2d", "adaptive_avg_pool2d", "interpolate"))
POOLS |= {"pixel_shuffle", "pixel_unshuffle"}
JOINS = frozenset(("cat", "pad"))  # with what does not depend on x: noughts in the tangent
SHIFTS = frozenset(("add", "sub", "rsub", "__rsub__"))  # by such: nothing in the tangent
SCALES = frozenset(("mul", "div"))  # by what does not depend on x
MASKS = frozenset(("relu", "relu_", "leaky_relu", "leaky_relu_"))
LINEAR = RESHAPES | MOVES | POOLS | JOINS | SHIFTS | {"neg"}
ASKS = frozenset(("__get__", "__len__", "size", "dim", "numel", "stride"))
ASKS |= {"is_contiguous", "is_floating_point"}
LIKE = frozenset(("to", "type_as", "zeros_like", "ones_like", "new_zeros", "new_ones", "new_full"))
WEIGHTED = {
    "linear": ("input", "weight", "bias"),
    "conv1d": ("input", "weight", "bias", "stride", "padding", "dilation", "groups"),
    "conv2d": ("input", "weight", "bias", "stride", "padding", "dilation", "groups"),
    "conv_transpose2d": (
        *("input", "weight", "bias", "stride", "padding", "output_padding", "groups", "dilation"),
    ),
}
Tangents = dict[int, Tensor]  # by the number of the tensor that they belong to
ALL = slice(None)


@dataclasses.dataclass
class Step:
    """One operation on what depends on x, and what it makes of tangents, of some `rows` or all."""

    name: str
    function: Callable
    args: tuple
    kwargs: dict[str, Any]
    out: Tensor
    version: int

    def tangent(self, tangents: Tangents, rows: slice) -> Tensor:
        if self.name in RESHAPES and rows is not ALL:
            (t,) = (tangents[id(x)] for x in tensors(self.args) if id(x) in tangents)
            shape = (len(t), *self.out.shape[1:])
            return t.expand(shape) if self.name == "expand" else t.reshape(shape)
        args, kwargs = swapped((self.args, self.kwargs), tangents)
        return self.function(*args, **kwargs)


class Masked(Step):
    def tangent(self, tangents: Tangents, rows: slice) -> Tensor:
        """Where the output is above zero; and its share below."""
        t, out = tangents[id(self.args[0])], self.out[rows]
        if self.name.startswith("relu"):
            return torch.ops.aten.threshold_backward(t, out, 0)
        slope = self.kwargs.get("negative_slope", (*self.args[1:], 0.01)[0])
        return torch.ops.aten.leaky_relu_backward(t, out, slope, True)


class Shifted(Step):
    def tangent(self, tangents: Tangents, rows: slice) -> Tensor:
        """Of a sum: the tangents of those terms that depend on x."""
        first, second = (tangents.get(id(x)) for x in self.args[:2])
        if first is not None and second is not None:
            return self.function(first, second, **self.kwargs)
        t = second if first is None else first
        assert t is not None, "an operation was noted that does not depend on the sample"
        away = "rsub" in self.name if second is None else self.name == "sub"
        return (-t if away else t).expand(len(t), *self.out.shape[1:])


class Joined(Step):
    def tangent(self, tangents: Tangents, rows: slice) -> Tensor:
        """Beside noughts, where x was put beside something else."""
        if self.name == "cat":
            parts, *others = self.args
            parts = [
                tangents[id(x)] if id(x) in tangents else torch.zeros_like(x[rows]) for x in parts
            ]
            return self.function(parts, *others, **self.kwargs)
        (x, pad, *mode), kwargs = self.args, self.kwargs | {"value": None}
        return self.function(tangents[id(x)], pad, *mode[:1], **kwargs)


class Layer(Step, abc.ABC):
    """An operation that may be learned: `out` is linear in `input` and in `weight`."""

    signal: Tensor | None = None  # what came back to the output
    stem = False  # nothing before it is learned, and autograd begins here

    @property
    @abc.abstractmethod
    def input(self) -> Tensor: ...

    @property
    @abc.abstractmethod
    def weight(self) -> Any: ...

    @property
    def bias(self) -> Tensor | None:
        return None

    @abc.abstractmethod
    def product(self, h: Tensor) -> Tensor:
        """The weight's gradient: of what came in, or tangents, and the signals that came back."""

    @abc.abstractmethod
    def back(self, signal: Tensor, like: Tensor, rows: slice) -> Tensor:
        """The gradient of an input that is like `like`."""

    def shift(self, signal: Tensor) -> Tensor:
        """The bias's gradient."""
        return signal.sum([i for i in range(signal.ndim) if i != self.channel])

    @property
    def channel(self) -> int:
        return 1


class Scaled(Layer):
    """x times what does not depend on it, or divided by it; and learned, if it is a factor."""

    @property
    def input(self) -> Tensor:
        return self.args[self._place]

    @property
    def weight(self) -> Any:
        return self.args[1 - self._place]

    _place = 0

    def tangent(self, tangents: Tangents, rows: slice) -> Tensor:
        return self._times(tangents[id(self.input)], rows)

    def back(self, signal: Tensor, like: Tensor, rows: slice) -> Tensor:
        return self._times(signal, rows).sum_to_size(like.shape)

    def _times(self, t: Tensor, rows: slice) -> Tensor:
        by = self.weight
        if isinstance(by, Tensor) and by.ndim == self.out.ndim and len(by) == len(self.out):
            by = by[rows]
        return self.function(t, by) if self._place == 0 else self.function(by, t)

    def product(self, h: Tensor) -> Tensor:
        assert self.signal is not None, "no signal came back to a scaled layer"
        return (self.signal * h).sum_to_size(self.weight.shape)


class Weighted(Layer):
    """A linear layer or a convolution."""

    @property
    def said(self) -> dict[str, Any]:
        """The arguments by name."""
        return said_by(self.name, self.args, self.kwargs)

    @property
    def input(self) -> Tensor:
        return self.said["input"]

    @property
    def weight(self) -> Tensor:
        return self.said["weight"]

    @property
    def bias(self) -> Tensor | None:
        return self.said.get("bias")

    def tangent(self, tangents: Tangents, rows: slice) -> Tensor:
        said = self.said | {"input": tangents[id(self.input)], "bias": None}
        return kernels.layer(self.function, **said)

    def product(self, h: Tensor) -> Tensor:
        signal = self.signal
        assert signal is not None, "no signal came back to a layer"
        if self.name == "linear":
            return kernels.linear_weight(h, signal)
        return self._gradients(signal, h, (False, True, False))[1]

    def back(self, signal: Tensor, like: Tensor, rows: slice) -> Tensor:
        if self.name == "linear":
            return kernels.linear_input(signal, self.weight)
        return self._gradients(signal, like, (True, False, False))[0]

    def _gradients(self, signal: Tensor, h: Tensor, which: tuple[bool, bool, bool]) -> Any:
        said, sides = self.said, self.weight.ndim - 2
        if made := kernels.gradients(self.name, said | {"input": h}, signal, which):
            return made
        places = [
            _each(said.get(n, d), sides)
            for n, d in (("stride", 1), ("padding", 0), ("dilation", 1))
        ]
        return torch.ops.aten.convolution_backward(
            *(signal, h, self.weight.detach(), None, *places, self.name == "conv_transpose2d"),
            *(_each(said.get("output_padding", 0), sides), said.get("groups", 1), which),
        )

    @property
    def channel(self) -> int:
        return self.out.ndim - 1 if self.name == "linear" else 1


def tensors(value: Any) -> list[Tensor]:
    """All tensors in nested arguments."""
    if isinstance(value, Tensor):
        return [value]
    if isinstance(value, dict):
        value = value.values()
    elif not isinstance(value, (tuple, list)):
        return []
    return [x for each in value for x in tensors(each)]


def said_by(name: str, args: tuple, kwargs: dict[str, Any]) -> dict[str, Any]:
    """The arguments of a weighted operation by name."""
    return dict(zip(WEIGHTED[name], args, strict=False)) | kwargs


def _each(value: Any, sides: int) -> list[int]:
    return [value] * sides if isinstance(value, int) else list(value)


def swapped(value: Any, tangents: Tangents) -> Any:
    """Nested arguments with tangents in place of what they belong to."""
    if isinstance(value, Tensor):
        return tangents.get(id(value), value)
    if isinstance(value, dict):
        return {name: swapped(each, tangents) for name, each in value.items()}
    if isinstance(value, (tuple, list)):
        return type(value)(swapped(each, tangents) for each in value)
    return value

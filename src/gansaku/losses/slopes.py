"""The gradient of a function of a critic's slope, without differentiating twice where it can be.

A penalty is phi(g) of the slope g = d(sum of logits)/dx. Of a critic that is piecewise linear in x
and has no normalisation, g is a product of weights and of masks that do not depend on x around it,
so that d phi/dW of a layer is one weight product: of the tangents t that come to the layer when
v = d phi/dg is sent through the network with those masks and without biases, and of the signals
that came back to it when g was computed. That is one forward, one backward, one masked tangent pass
and one weight product, each a fast kernel; autograd's second differentiation is several slow ones.

Whether a critic is of this kind is read from the operations that it makes while it runs. Any that
is not known to be linear in x, or a mask, leaves the work to autograd, at no cost.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode

Gradients = tuple[Tensor, ...]
SHAPES = ("flatten", "reshape", "view", "unflatten", "permute", "transpose", "movedim", "squeeze")
SHAPES += ("unsqueeze", "expand", "contiguous", "__getitem__")
JOINS = ("cat", "pad")  # with what does not depend on x: zeros in the tangent
POOLS = ("sum", "mean", "avg_pool2d", "adaptive_avg_pool2d", "interpolate")
POOLS += ("pixel_shuffle", "pixel_unshuffle")
SHIFTS = ("add", "sub", "rsub", "__rsub__")  # by what does not depend on x: nothing in the tangent
SCALES = ("mul", "div")  # by what does not depend on x, and that nobody learns
LINEAR = frozenset((*SHAPES, *JOINS, *POOLS, *SHIFTS, "neg"))
ASKS = frozenset(("__get__", "__len__", "size", "dim", "numel", "stride"))
ASKS |= {"is_contiguous", "is_floating_point"}
LIKE = frozenset(("to", "type_as", "zeros_like", "ones_like", "new_zeros", "new_ones", "new_full"))
MASKS = frozenset(("relu", "relu_", "leaky_relu", "leaky_relu_"))
WEIGHTED = {
    "linear": ("input", "weight", "bias"),
    "conv1d": ("input", "weight", "bias", "stride", "padding", "dilation", "groups"),
    "conv2d": ("input", "weight", "bias", "stride", "padding", "dilation", "groups"),
    "conv_transpose2d": (
        *("input", "weight", "bias", "stride", "padding", "output_padding", "groups", "dilation"),
    ),
}


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
    if not any(weight.requires_grad for weight in tape.weights()):
        return value.detach()
    (seeds, made) = torch.autograd.grad(value, leaves), []
    with torch.no_grad():
        tape.replay(dict(zip(map(id, at), seeds, strict=True)), made)
    weights = [weight for weight, _ in made]
    return _Bearing.apply(value.detach(), [gradient for _, gradient in made], *weights)


class _Bearing(torch.autograd.Function):
    """A value whose gradients with respect to `weights` are known already."""

    @staticmethod
    def forward(ctx: Any, value: Tensor, gradients: list[Tensor], *weights: Tensor) -> Tensor:
        ctx.gradients = gradients
        return value.clone()

    @staticmethod
    def backward(ctx: Any, *grads: Any) -> Any:
        (up,) = grads
        needed = ctx.needs_input_grad[2:]
        pairs = zip(ctx.gradients, needed, strict=True)
        return None, None, *(up * gradient if need else None for gradient, need in pairs)


@dataclasses.dataclass
class _Step:
    """One operation on what depends on x: how its tangent is computed, and where it goes."""

    name: str
    function: Callable
    args: tuple
    kwargs: dict[str, Any]
    out: Tensor
    version: int
    signal: Tensor | None = None  # what came back to the output of a weighted operation


class Tape(TorchFunctionMode):
    """What a critic does to `members`, as long as it is linear in them or a mask.

    A context manager: the critic runs inside, as it would without.
    """

    def __init__(self, members: Sequence[Tensor]) -> None:
        super().__init__()
        self._live = {id(x): x for x in members}  # held, so that no number is used twice
        self._steps: list[_Step] = []
        self._hooks: list[Any] = []
        self._known = not torch.is_autocast_enabled(members[0].device.type)
        self._known &= all(x.is_leaf for x in members)

    def __torch_function__(
        self, func: Any, types: Any, args: tuple = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        kwargs = kwargs or {}
        out = func(*args, **kwargs)
        if self._known:
            mine = [x for x in _tensors((args, kwargs)) if id(x) in self._live]
            if mine:
                self._note(func.__name__, func, args, kwargs, out, mine)
        return out

    def _note(
        self, name: str, func: Any, args: tuple, kwargs: dict[str, Any], out: Any, mine: list
    ) -> None:
        if not isinstance(out, Tensor):
            self._known = name in ASKS
            return
        if name in LIKE and (args[0] is not mine[0] or name not in ("to", "type_as")):
            return  # x only says the type, the device or the size
        if not self._linear(name, args, kwargs, mine):
            self._known = False
            return
        step = _Step(name, func, args, kwargs, out, out._version)
        if name in WEIGHTED and out.requires_grad:

            def keep(signal: Tensor) -> None:
                step.signal = signal

            self._hooks.append(out.register_hook(keep))
        self._live[id(out)] = out
        self._steps.append(step)

    def _linear(self, name: str, args: tuple, kwargs: dict[str, Any], mine: list[Tensor]) -> bool:
        if name in WEIGHTED:
            said = _said(name, args, kwargs)
            return len(mine) == 1 and mine[0] is said["input"] and said.get("padding") != "same"
        if name in MASKS:
            return len(mine) == 1
        if name in SCALES:
            others = [x for x in _tensors((args, kwargs)) if id(x) not in self._live]
            first = args[0] is mine[0] or name == "mul"
            return len(mine) == 1 and first and not any(x.requires_grad for x in others)
        return name in LINEAR and not kwargs.get("inplace", False)

    def whole(self, total: Tensor) -> bool:
        """Whether all that leads to `total` was noted."""
        return self._known and id(total) in self._live

    def intact(self) -> bool:
        """Whether the signs that masks are read from are still there."""
        return all(s.out._version == s.version for s in self._steps if s.name in MASKS)

    def weights(self) -> list[Tensor]:
        return [_said(s.name, s.args, s.kwargs)["weight"] for s in self._steps if _weighs(s)]

    def close(self) -> None:
        for hook in self._hooks:
            hook.remove()
        self._hooks.clear()

    def replay(self, tangents: dict[int, Tensor], made: list[tuple[Tensor, Tensor]]) -> None:
        """Send tangents (by number of the tensor) through, gathering the weights' gradients."""
        last = max((i for i, step in enumerate(self._steps) if _weighs(step)), default=-1)
        for step in self._steps[: last + 1]:
            if _weighs(step):
                said = _said(step.name, step.args, step.kwargs)
                t = tangents[id(said["input"])]
                if said["weight"].requires_grad and step.signal is not None:
                    made.append((said["weight"], _product(step, said, t)))
                if step is self._steps[last]:
                    return
                tangents[id(step.out)] = step.function(**said | {"input": t, "bias": None})
            elif step.name in MASKS:
                tangents[id(step.out)] = _masked(step, tangents[id(step.args[0])])
            elif step.name in SHIFTS:
                tangents[id(step.out)] = _shifted(step, tangents)
            elif step.name in JOINS:
                tangents[id(step.out)] = _joined(step, tangents)
            else:
                args, kwargs = _swapped((step.args, step.kwargs), tangents)
                tangents[id(step.out)] = step.function(*args, **kwargs)


def _weighs(step: _Step) -> bool:
    return step.name in WEIGHTED


def _said(name: str, args: tuple, kwargs: dict[str, Any]) -> dict[str, Any]:
    """The arguments of a weighted operation by name."""
    return dict(zip(WEIGHTED[name], args, strict=False)) | kwargs


def _product(step: _Step, said: dict[str, Any], t: Tensor) -> Tensor:
    """The weight's gradient: of the tangents that came in and the signals that came back."""
    signal, weight = step.signal, said["weight"]
    assert signal is not None, "the slope was not taken before its tangents were sent"
    if step.name == "linear":
        return signal.flatten(0, -2).T @ t.flatten(0, -2)
    sides = weight.ndim - 2
    shape = [
        _each(said.get(n, d), sides) for n, d in (("stride", 1), ("padding", 0), ("dilation", 1))
    ]
    return torch.ops.aten.convolution_backward(
        *(signal, t, weight.detach(), None, *shape, step.name.startswith("conv_transpose")),
        *(_each(said.get("output_padding", 0), sides), said.get("groups", 1)),
        (False, True, False),
    )[1]


def _each(value: Any, sides: int) -> list[int]:
    return [value] * sides if isinstance(value, int) else list(value)


def _masked(step: _Step, t: Tensor) -> Tensor:
    """The tangent where the output is above zero, and its share below."""
    if step.name.startswith("relu"):
        return torch.ops.aten.threshold_backward(t, step.out, 0)
    slope = step.kwargs.get("negative_slope", (*step.args[1:], 0.01)[0])
    return torch.ops.aten.leaky_relu_backward(t, step.out, slope, True)


def _shifted(step: _Step, tangents: dict[int, Tensor]) -> Tensor:
    """Of a sum: the tangents of those terms that depend on x."""
    first, second = (tangents.get(id(x)) for x in step.args[:2])
    if first is not None and second is not None:
        return step.function(first, second, **step.kwargs)
    if first is not None:
        return (-first if "rsub" in step.name else first).expand(step.out.shape)
    assert second is not None, "an operation was noted that does not depend on the sample"
    return (-second if step.name == "sub" else second).expand(step.out.shape)


def _joined(step: _Step, tangents: dict[int, Tensor]) -> Tensor:
    """The tangent beside noughts, where x was put beside something else."""
    if step.name == "cat":
        parts, *others = step.args
        parts = [tangents[id(x)] if id(x) in tangents else torch.zeros_like(x) for x in parts]
        return step.function(parts, *others, **step.kwargs)
    (x, pad, *mode), kwargs = step.args, step.kwargs | {"value": None}
    return step.function(tangents[id(x)], pad, *mode[:1], **kwargs)


def _tensors(value: Any) -> list[Tensor]:
    """All tensors in nested arguments."""
    if isinstance(value, Tensor):
        return [value]
    if isinstance(value, dict):
        value = value.values()
    elif not isinstance(value, (tuple, list)):
        return []
    return [x for each in value for x in _tensors(each)]


def _swapped(value: Any, tangents: dict[int, Tensor]) -> Any:
    """Nested arguments with tangents in place of what they belong to."""
    if isinstance(value, Tensor):
        return tangents.get(id(value), value)
    if isinstance(value, dict):
        return {name: _swapped(each, tangents) for name, each in value.items()}
    if isinstance(value, (tuple, list)):
        return type(value)(_swapped(each, tangents) for each in value)
    return value

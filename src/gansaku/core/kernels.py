"""Layers of networks by the faster of two ways, wherever they are called."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Generator, Iterator
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.overrides import TorchFunctionMode

from gansaku.core import convolutions, norms, products
from gansaku.core.convolutions import Pair, Shape

SAID = {
    "AMD": "layers go by oneDNN where it is faster than MKL",
    "Intel": "convolutions go by MKL where it is faster than oneDNN",
}


directly = torch._C.DisableTorchFunction  # here no mode is asked: layers are made by `layer`


class Faster(TorchFunctionMode):
    """A context in which layers go the faster way, where there is one.

    What it is by is a function of the processor and the shapes: the same run rounds the same.
    """

    on = 0  # how many are open, whether a mode is asked or not

    def __torch_function__(
        self, func: Any, types: Any, args: tuple = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        return layer(func, *args, **(kwargs or {}))


class _Twice(Faster):
    """The same for what is differentiated twice: there batch norm has another way too."""

    def __torch_function__(
        self, func: Any, types: Any, args: tuple = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        made = batch_norm(*args, **(kwargs or {})) if func is F.batch_norm else None
        return func(*args, **(kwargs or {})) if made is None else made


@contextlib.contextmanager
def faster(wanted: bool = True, asked: bool = True) -> Generator[None]:
    """`Faster`, or a context in which nothing is otherwise.

    Around what is computed forward alone: gradients know their ways by then, and a mode is asked
    about everything that is done with a tensor. It need not be `asked` where no layer that is
    called has another way.
    """
    if not wanted:
        yield
        return
    Faster.on += 1
    try:
        with Faster() if asked else contextlib.nullcontext():
            yield
    finally:
        Faster.on -= 1


def twice() -> contextlib.AbstractContextManager[Any]:
    """A context for what is differentiated twice, faster where `faster` is open."""
    return _Twice() if Faster.on else contextlib.nullcontext()


def each(parts: Iterator[Tensor], wanted: bool = True) -> Iterator[Tensor]:
    """The parts, every one made in `faster`; whoever takes them is outside of it."""
    while True:
        with faster(wanted):
            part = next(parts, None)
        if part is None:
            return
        yield part


def layer(function: Callable, *args: Any, **kwargs: Any) -> Tensor:
    """What `function` makes, the faster way if `faster` is open: also where no mode is asked."""
    made = QUICK[function](*args, **kwargs) if Faster.on and function in QUICK else None
    return function(*args, **kwargs) if made is None else made


def quickened(wanted: bool, device: torch.device) -> str:
    """What the log says of it; nothing where nothing is otherwise."""
    maker = convolutions.processor() if wanted and device.type == "cpu" else ""
    return f"{SAID[maker]}; --quick-layers False ends it" if maker else ""


def linear(input: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor | None:  # noqa: A002
    if input.ndim < 2 or weight.ndim != 2 or input.numel() * len(weight) < products.LEAST:
        return None
    rows = input if input.ndim == 2 else input.reshape(-1, input.shape[-1])
    if not products.pays(rows, weight):
        return None
    out = products.product(rows, weight, bias)
    return out if input.ndim == 2 else out.view(*input.shape[:-1], len(weight))


def conv2d(
    input: Tensor,  # noqa: A002
    weight: Tensor,
    bias: Tensor | None = None,
    stride: int | Pair = 1,
    padding: int | str | Pair = 0,
    dilation: int | Pair = 1,
    groups: int = 1,
) -> Tensor | None:
    s = down_shape(input, weight, stride, padding, dilation, groups)
    return None if s is None else convolutions.convolved(input, weight, s, bias)


def conv_transpose2d(
    input: Tensor,  # noqa: A002
    weight: Tensor,
    bias: Tensor | None = None,
    stride: int | Pair = 1,
    padding: int | Pair = 0,
    output_padding: int | Pair = 0,
    groups: int = 1,
    dilation: int | Pair = 1,
) -> Tensor | None:
    s = up_shape(input, weight, stride, padding, output_padding, groups, dilation)
    return None if s is None else convolutions.transposed(input, weight, s, bias)


def linear_weight(x: Tensor, signal: Tensor) -> Tensor:
    """A linear layer's gradient `[O, I]`: of inputs `x [..., I]` and signals `[..., O]`."""
    x, signal = x.flatten(0, -2), signal.flatten(0, -2)
    return products.product(signal.T, x.T) if Faster.on else signal.T @ x


def linear_input(signal: Tensor, weight: Tensor) -> Tensor:
    """What comes back `[..., I]` of signals `[..., O]`."""
    made = linear(signal, weight.T) if Faster.on else None
    return signal @ weight if made is None else made


def gradients(
    name: str, said: dict[str, Any], signal: Tensor, which: tuple[bool, bool, bool]
) -> tuple[Tensor | None, Tensor | None] | None:
    """A convolution's gradients, of the input and the weight; None: the library's way."""
    said = {key: value for key, value in said.items() if key != "bias"}
    x, w = said.pop("input"), said.pop("weight").detach()
    shape = {"conv2d": down_shape, "conv_transpose2d": up_shape}.get(name)
    given = {"stride": 1, "padding": 0} | said
    s = shape(x, w, **given) if shape and Faster.on else None
    if s is None:
        return None
    back, sides = (
        (convolutions.up, (x, signal)) if name == "conv2d" else (convolutions.down, (signal, x))
    )
    return (
        back(signal, w, s) if which[0] else None,
        convolutions.weigh(*sides, s) if which[1] else None,
    )


def batch_norm(
    input: Tensor,  # noqa: A002
    running_mean: Tensor | None,
    running_var: Tensor | None,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    training: bool = False,
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> Tensor | None:
    grows = torch.is_grad_enabled() and input.requires_grad
    if not (training and grows) or input.device.type != "cpu" or type(input) is not Tensor:
        return None
    if input.dtype != products.TYPE or torch.is_autocast_enabled("cpu"):
        return None
    if input.numel() <= input.shape[1]:  # of which torch says that it has no moments
        return None
    ones = input.new_ones(input.shape[1]) if weight is None else weight
    zeros = input.new_zeros(input.shape[1]) if bias is None else bias
    return norms.batch_norm(input, ones, zeros, running_mean, running_var, momentum, eps)


QUICK: dict[Any, Callable[..., Tensor | None]] = {
    torch._C._nn.linear: linear,
    torch.conv2d: conv2d,
    torch.conv_transpose2d: conv_transpose2d,
}


# --- shapes ---


def down_shape(
    x: Tensor, w: Tensor, stride: Any, padding: Any, dilation: Any = 1, groups: int = 1
) -> Shape | None:
    """Of a convolution that goes another way than the library's; None of any other."""
    if groups != 1 or not _fit(x, w) or _pair(dilation) != (1, 1) or isinstance(padding, str):
        return None
    (_, c, height, width), (o, _, *kernel) = x.shape, w.shape
    steps, pads = _pair(stride), _pair(padding)
    sides = zip((height, width), kernel, steps, pads, strict=True)
    small = [(side + 2 * pad - k) // step + 1 for side, k, step, pad in sides]
    return _known(Shape(len(x), (c, height, width), (o, *small), tuple(kernel), steps, pads))


def up_shape(
    y: Tensor,
    w: Tensor,
    stride: Any,
    padding: Any,
    output_padding: Any = 0,
    groups: int = 1,
    dilation: Any = 1,
) -> Shape | None:
    """The same of a transposed convolution."""
    if groups != 1 or not _fit(y, w) or _pair(dilation) != (1, 1):
        return None
    (_, o, h, width), (_, c, *kernel) = y.shape, w.shape
    steps, pads, over = _pair(stride), _pair(padding), _pair(output_padding)
    sides = zip((h, width), kernel, steps, pads, over, strict=True)
    large = [(side - 1) * step - 2 * pad + k + more for side, k, step, pad, more in sides]
    return _known(Shape(len(y), (c, *large), (o, h, width), tuple(kernel), steps, pads))


def _fit(x: Tensor, w: Tensor) -> bool:
    """Whether the ways were measured for such tensors: float32 on a CPU, channels last."""
    return (
        convolutions.processor() != ""
        and x.ndim == 4
        and w.ndim == 4
        and x.dtype == w.dtype == products.TYPE
        and x.device.type == "cpu"
        and type(x) in products.PLAIN
        and type(w) in products.PLAIN
        and (_last(x) or _last(w))
        and not torch.is_autocast_enabled("cpu")
    )


def _last(x: Tensor) -> bool:
    return x.is_contiguous(memory_format=torch.channels_last)


def _known(s: Shape) -> Shape | None:
    good = min(*s.small, *s.large, s.n) > 0
    return s if good and any(convolutions.ways(s)) else None


def _pair(value: Any) -> Pair:
    return (value, value) if isinstance(value, int) else (tuple(value) * 2)[:2]

"""Products of matrices by oneDNN, where that is the faster library.

torch multiplies float32 matrices with MKL, which keeps to AVX2 on processors that are not
Intel's; oneDNN, which makes torch's convolutions, uses AVX-512 where it is there, and is twice as
fast (measured on an EPYC of family 26: 190 against 90 GFLOP/s on one busy core).
"""

from __future__ import annotations

import platform
from functools import cache
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

LEAST = 2**22  # multiplications below which the way there costs more than it saves
TYPE = torch.float32  # what was measured, and what MKL is slow at
PLAIN = (Tensor, torch.nn.Parameter)


@cache
def available() -> bool:
    """Whether oneDNN is the faster one here, and can be asked."""
    if torch.backends.cpu.get_cpu_capability() != "AVX512" or maker() != "AMD":
        return False
    try:
        a, b = torch.eye(3, 2), torch.ones(4, 2)
        return torch.equal(_onednn(a, b, None), a @ b.T)
    except (AttributeError, RuntimeError):
        return False


@cache
def maker() -> str:
    """`AMD` or `Intel`, where the processor says so; else nothing."""
    about = Path("/proc/cpuinfo")
    try:
        known = about.read_text().partition("\n\n")[0] if about.is_file() else platform.processor()
    except OSError:
        return ""
    makers = {"AuthenticAMD": "AMD", "GenuineIntel": "Intel"}
    return next((name for mark, name in makers.items() if mark in known), "")


@cache
def mkl() -> bool:
    """Whether matrices are multiplied as fast as the processor can by torch's own library."""
    modern = torch.backends.cpu.get_cpu_capability() in ("AVX2", "AVX512")
    return modern and maker() == "Intel" and torch.backends.mkl.is_available()


def _onednn(a: Tensor, b: Tensor, bias: Tensor | None) -> Tensor:
    return torch.ops.mkldnn._linear_pointwise(a, b, bias, "none", [], "")


def pays(a: Tensor, b: Tensor) -> bool:
    """Whether `a [N, I]` times `b [O, I]` transposed is a product for oneDNN."""
    return (
        available()
        and a.numel() * len(b) >= LEAST
        and a.dtype == b.dtype == TYPE
        and a.device.type == b.device.type == "cpu"
        and type(a) in PLAIN
        and type(b) in PLAIN
        and not torch.is_autocast_enabled("cpu")
    )


def product(a: Tensor, b: Tensor, bias: Tensor | None = None) -> Tensor:
    """`a [N, I]` times `b [O, I]` transposed, plus `bias [O]`: `[N, O]`.

    By oneDNN where it pays. May be differentiated any number of times.
    """
    if not pays(a, b):
        return torch.nn.functional.linear(a, b, bias)
    wanted = [x for x in (a, b, bias) if x is not None and x.requires_grad]
    return _Product.apply(a, b, bias) if wanted and torch.is_grad_enabled() else _onednn(a, b, bias)


class _Product(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, a: Tensor, b: Tensor, bias: Tensor | None) -> Tensor:
        ctx.save_for_backward(a, b)
        return _onednn(a, b, bias)

    @staticmethod
    def backward(ctx: Any, *grads: Any) -> Any:
        (g,), (a, b), wanted = grads, ctx.saved_tensors, ctx.needs_input_grad
        return (
            product(g, b.T) if wanted[0] else None,
            product(g.T, a.T) if wanted[1] else None,
            g.sum(0) if wanted[2] else None,
        )

"""Numbers of a formula, on the device."""

from __future__ import annotations

import functools
from typing import Any

import torch
from torch import Tensor


@functools.cache
def constant(values: tuple[Any, ...], dtype: torch.dtype, device: torch.device) -> Tensor:
    """Nested tuples of numbers as a tensor, sent once for each type and device.

    Sending numbers to a GPU waits for it, and cannot be part of a captured graph.
    """
    return torch.tensor(values, dtype=dtype, device=device)


def like(values: tuple[Any, ...], x: Tensor) -> Tensor:
    """`constant` of x's type and on its device."""
    return constant(values, x.dtype, x.device)

"""Batch norms that use a batch's moments and do not remember them."""

from __future__ import annotations

import contextlib
from collections.abc import Generator

from torch import nn


@contextlib.contextmanager
def still(net: nn.Module) -> Generator[None, None, None]:
    """Batch norms use the batch's moments within, and do not remember them.

    What a network uses after training is then of what it is for: an encoder's moments are those
    of pictures and not of fakes as well, a generator's those of the prior and not of codes.
    """
    norms = [m for m in net.modules() if isinstance(m, nn.BatchNorm1d | nn.BatchNorm2d)]
    before = [norm.momentum for norm in norms]
    try:
        for norm in norms:
            norm.momentum = 0.0
        yield
    finally:
        for norm, momentum in zip(norms, before, strict=True):
            norm.momentum = momentum
